"""Reads posters of kind ``drawn``: draws them, that is."""

from typing import Final

from moziweb.posters.generation.readers import SourceAddress, SourceBytes, SourceError

from .drawing import draw_poster
from .errors import DemoFontsMissing, InvalidPosterSpec
from .spec import PosterSpec

INVALID_SPEC: Final = "invalid_spec"
FONTS_MISSING: Final = "fonts_missing"


class DrawnReader:
    """The poster service's reader for the demo's posters; a poster takes a part of a second."""

    def read(self, source: SourceAddress) -> SourceBytes:
        """A 2000x3000 JPEG. ``SourceError`` for a bad URL, or while fonts are not installed."""
        try:
            return SourceBytes(draw_poster(PosterSpec.from_url(source.url or "")))
        except InvalidPosterSpec as error:
            raise SourceError(INVALID_SPEC, str(error), permanent=True) from error
        except DemoFontsMissing as error:
            raise SourceError(FONTS_MISSING, str(error)) from error
