"""Reads posters of kind ``drawn``: draws them, that is."""

from moziweb.posters.generation.error_codes import ServiceCode
from moziweb.posters.generation.readers import SourceBytes, SourceError, SourceLocation

from .drawing import draw_poster
from .errors import DemoFontsMissing, InvalidPosterSpec
from .spec import PosterSpec


class DrawnReader:
    """The poster service's reader for the demo's posters; a poster takes a part of a second."""

    def read(self, source: SourceLocation) -> SourceBytes:
        """A 2000x3000 JPEG. ``SourceError`` for a bad URL, or while fonts are not installed."""
        try:
            return SourceBytes(draw_poster(PosterSpec.from_url(source.url or "")))
        except InvalidPosterSpec as error:
            raise SourceError(ServiceCode.INVALID_SPEC, str(error), permanent=True) from error
        except DemoFontsMissing as error:
            raise SourceError(ServiceCode.FONTS_MISSING, str(error)) from error
