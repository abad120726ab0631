"""The poster service's reader of ``drawn`` sources: draws the poster."""

import os
import threading

from moziweb.posters.generation.error_codes import ServiceCode, SourceError
from moziweb.posters.generation.readers import SourceBytes, SourceLocation
from moziweb.posters.imaging.errors import RejectCode

from .drawing_process import draw_in_child
from .errors import DemoFontsMissing, DrawingFailed, InvalidPosterSpec
from .spec import PosterSpec


class DrawnReader:
    """Draws posters from their URLs, each in a process of its own, at most one per core at once.

    A poster takes about a second and may take ``seconds``.
    """

    def __init__(self, niceness: int = 0, seconds: float = 10.0) -> None:
        self._niceness = niceness
        self._seconds = seconds
        self._cores = threading.Semaphore(len(os.sched_getaffinity(0)))

    def read(self, source: SourceLocation) -> SourceBytes:
        """A JPEG of 2000x3000 pixels; raises ``SourceError``, permanent for a bad URL."""
        try:
            spec = PosterSpec.from_url(source.url or "")
            with self._cores:
                return SourceBytes(draw_in_child(spec, self._niceness, self._seconds))
        except InvalidPosterSpec as error:
            raise SourceError(ServiceCode.INVALID_SPEC, str(error), permanent=True) from error
        except DemoFontsMissing as error:
            raise SourceError(ServiceCode.FONTS_MISSING, str(error)) from error
        except TimeoutError as error:
            raise SourceError(RejectCode.DECODE_TIMEOUT, str(error)) from error
        except DrawingFailed as error:
            raise SourceError(ServiceCode.INTERNAL, str(error)) from error
