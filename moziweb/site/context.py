"""What a request asks of a page: its words, its addresses and its day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from moziweb.cache.http.view_deriver import depend
from moziweb.movies.calendar import budapest_today
from moziweb.request import Request

from .formatting import Formatter
from .urls import PageUrls


@dataclass(frozen=True, slots=True)
class PageContext:
    """What pages are made from besides the database.

    ``today`` is the date in Hungary; ``depend`` records the tags of what the page shows, and is
    called where a thing is shown.
    """

    wording: Formatter
    paths: PageUrls
    today: date
    depend: Callable[..., None]

    @classmethod
    def of(cls, request: Request) -> "PageContext":
        """The visit of ``request``, by the clock in the registry."""
        wording = Formatter(request.locale_name, request.localizer.translate)
        today = budapest_today(request.registry["clock"]())
        return cls(wording, PageUrls.of(request), today, partial(depend, request))
