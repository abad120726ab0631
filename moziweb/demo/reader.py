"""The poster service's reader of ``drawn`` sources: draws the poster."""

from moziweb.posters.generation.error_codes import ServiceCode, SourceError
from moziweb.posters.generation.readers import SourceBytes, SourceLocation

from .drawing import draw_poster
from .errors import DemoFontsMissing, InvalidPosterSpec
from .spec import PosterSpec


class DrawnReader:
    """Draws posters from their URLs; a poster takes less than a second."""

    def read(self, source: SourceLocation) -> SourceBytes:
        """A JPEG of 2000x3000 pixels; raises ``SourceError`` for a bad URL or missing fonts."""
        try:
            return SourceBytes(draw_poster(PosterSpec.from_url(source.url or "")))
        except InvalidPosterSpec as error:
            raise SourceError(ServiceCode.INVALID_SPEC, str(error), permanent=True) from error
        except DemoFontsMissing as error:
            raise SourceError(ServiceCode.FONTS_MISSING, str(error)) from error
