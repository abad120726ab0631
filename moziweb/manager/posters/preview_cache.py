"""The variants of pictures that are not saved, for whoever looks at them before saving.

They are made in a decoding process of the poster service and kept in memory, a few pictures' worth.
What was forgotten, or is asked of another process of the site, is made again of the stored file.
"""

import threading
from collections import OrderedDict
from typing import Final, TypeAlias

from moziweb.posters.editorial import PosterEditor
from moziweb.posters.imaging.variants import EncodedImage
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.posters.recipes import Point

KEPT: Final = 6
"""Pictures whose variants are kept: half a megabyte each, for a full poster."""

Variants: TypeAlias = tuple[EncodedImage, ...]


class PreviewCache:
    """Makes and keeps them. One per process; threads share it."""

    def __init__(self, desk: PosterEditor, kept: int = KEPT) -> None:
        self._desk = desk
        self._kept = kept
        self._found: OrderedDict[tuple[str, Point], Variants] = OrderedDict()
        # One at a time: a page asks for twelve pictures at once, and all are made by one decode.
        self._turn = threading.Lock()

    def of(self, key: str, focal: Point) -> Variants:
        """Every variant of the original stored at ``key``.

        Raises ``ImageRejected`` and ``SourceError``.
        """
        wanted = key, focal
        with self._turn:
            if wanted not in self._found:
                source = PosterSource(kind=SourceKind.UPLOAD, key=key)
                self._found[wanted] = self._desk.preview_source(source, focal)
            self._found.move_to_end(wanted)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
            return self._found[wanted]
