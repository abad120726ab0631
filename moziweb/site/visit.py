"""What a request asks of a page: its words, its addresses and its day."""

from dataclasses import dataclass
from datetime import date

from moziweb.movies.calendar import budapest_today
from moziweb.request import Request

from .paths import Paths
from .wording import Wording


@dataclass(frozen=True, slots=True)
class Visit:
    """The three things that pages are made from besides the database.

    ``today`` is the date in Hungary.
    """

    wording: Wording
    paths: Paths
    today: date

    @classmethod
    def of(cls, request: Request) -> "Visit":
        """The visit of ``request``, by the clock in the registry."""
        wording = Wording(request.locale_name, request.localizer.translate)
        return cls(wording, Paths.of(request), budapest_today(request.registry["clock"]()))
