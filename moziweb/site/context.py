"""What a request asks of a page: its words, its addresses and its day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from moziweb.cache.http.view_deriver import depend
from moziweb.movies.calendar import budapest_today
from moziweb.request import Request

from .formatting import Wording
from .urls import Paths


@dataclass(frozen=True, slots=True)
class Visit:
    """What pages are made from besides the database.

    ``today`` is the date in Hungary; ``depend`` records the tags of what the page shows, and is
    called where a thing is shown.
    """

    wording: Wording
    paths: Paths
    today: date
    depend: Callable[..., None]

    @classmethod
    def of(cls, request: Request) -> "Visit":
        """The visit of ``request``, by the clock in the registry."""
        wording = Wording(request.locale_name, request.localizer.translate)
        today = budapest_today(request.registry["clock"]())
        return cls(wording, Paths.of(request), today, partial(depend, request))
