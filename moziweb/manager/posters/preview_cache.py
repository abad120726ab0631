"""In-memory cache of the variants of unsaved posters.

Variants are made in a decoder process. After eviction, or in another process of the site, they are
made again from the stored file.
"""

import threading
from collections import OrderedDict
from typing import Final, TypeAlias

from moziweb.posters.editorial import PosterEditor
from moziweb.posters.imaging.values import EncodedImage
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.posters.recipes import Point

MAX_PREVIEWED_PICTURES: Final = 6
"""Pictures in the cache, half a megabyte each."""

Variants: TypeAlias = tuple[EncodedImage, ...]


class PreviewCache:
    """Makes variants and keeps them. One per process; threads share it."""

    def __init__(self, editor: PosterEditor, kept: int = MAX_PREVIEWED_PICTURES) -> None:
        self._editor = editor
        self._kept = kept
        self._found: OrderedDict[tuple[str, Point], Variants] = OrderedDict()
        # A page requests twelve variants concurrently; one decode makes all of them.
        self._lock = threading.Lock()

    def of(self, key: str, focal: Point) -> Variants:
        """Returns all variants of the upload stored at ``key``.

        Raises ``ImageRejected`` and ``SourceError``.
        """
        wanted = key, focal
        with self._lock:
            if wanted not in self._found:
                source = PosterSource(kind=SourceKind.UPLOAD, key=key)
                self._found[wanted] = self._editor.preview_source(source, focal)
            self._found.move_to_end(wanted)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
            return self._found[wanted]
