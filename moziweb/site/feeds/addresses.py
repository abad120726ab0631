"""The addresses of a calendar: for programs, and for the sites that subscribe to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from ..context import PageContext

_GOOGLE: Final = "https://calendar.google.com/calendar/render"
_OUTLOOK: Final = "https://outlook.live.com/calendar/0/addfromweb"


@dataclass(frozen=True, slots=True)
class CalendarAddress:
    """``url`` is the absolute URL of a calendar, ``name`` its name in Outlook."""

    url: str
    name: str

    @classmethod
    def of(
        cls,
        context: PageContext,
        route: str,
        values: Mapping[str, str],
        parameters: Mapping[str, str],
        name: str,
    ) -> "CalendarAddress":
        """The address of a route with these values of its path and query parameters."""
        path = context.urls.path(route, **values, _query=parameters)
        return cls(context.urls.base_url + path, name)

    @property
    def webcal(self) -> str:
        """The URL that opens the calendar program of the device."""
        return f"webcal:{self.url.partition(':')[2]}"

    @property
    def google(self) -> str:
        """The URL that subscribes at Google, which wants the scheme webcal or http."""
        return f"{_GOOGLE}?{urlencode({'cid': self.webcal})}"

    @property
    def outlook(self) -> str:
        """The URL that subscribes at Outlook."""
        return f"{_OUTLOOK}?{urlencode({'url': self.url, 'name': self.name})}"
