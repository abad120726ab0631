"""Values that every page needs from its request: formatter, URLs, date and dependencies."""

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
    """The input of presenters besides the database.

    ``today`` is the date in Hungary. ``depend`` records cache tags; a presenter calls it for each
    value that it shows.
    """

    formatter: Formatter
    urls: PageUrls
    today: date
    depend: Callable[..., None]

    @classmethod
    def of(cls, request: Request) -> "PageContext":
        """The context of ``request``; the date is from the application's clock."""
        formatter = Formatter(request.locale_name, request.localizer.translate)
        today = budapest_today(request.services.clock())
        return cls(formatter, PageUrls.of(request), today, partial(depend, request))
