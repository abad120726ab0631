"""Enumerates the URLs of filtered pages that have one filter."""

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from moziweb.i18n import LOCALES
from moziweb.movies.calendar import Month, Period, Week
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.filters import single_filters

from ..urls import PageUrls


def filtered_urls(session: Session, urls: PageUrls, periods: Iterable[Period]) -> Iterator[str]:
    """The paths of the index and of ``periods``, in every language, by each filter alone.

    Two queries. Pages with several filters have hundreds of times as many paths.
    """
    filters = list(single_filters(all_genres(session), all_services(session)))
    pages = [("index", {}), *((_route(each), {_route(each): each.name}) for each in periods)]
    for route, values in pages:
        for chosen in filters:
            for locale in LOCALES:
                yield urls.in_locale(locale, route, **values, _query=chosen.parameters)


def _route(period: Period) -> str:
    match period:
        case Week():
            return "week"
        case Month():
            return "month"
        case _:
            return "year"
