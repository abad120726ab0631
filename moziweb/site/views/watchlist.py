"""The page of a watchlist. The list is in the browser; its page shows the movies of its URL."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.feed_queries import lead_listings
from moziweb.movies.lead_premiere import last_day
from moziweb.movies.queries import Listing
from moziweb.request import Request

from ..context import PageContext
from ..feeds.addresses import CalendarAddress
from ..movie_ids import MOVIES, depend_on_listed, ids_text, listed_ids
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section, with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.page_head import not_indexed, page_head
from ..query_parameters import keep_parameters


@movie_list_view(
    route_name="watchlist",
    renderer="watchlist.jinja2",
    cache_moment=until_midnight,
    cache_params=(MOVIES,),
)
def watchlist(request: Request) -> dict[str, Any]:
    """The movies ``?m=12.45.99`` by their premieres, or the page of an empty list. Four queries."""
    context = PageContext.of(request)
    ids = listed_ids(request, context.urls.url("watchlist"))
    parameters = {MOVIES: ids_text(ids)} if ids else {}
    context = keep_parameters(context, parameters, ["watchlist", "my_calendar"])
    listings = lead_listings(request.dbsession, ids, context.today) if ids else ()
    depend_on_listed(context, ids, {each.movie.id for each in listings})
    translate = context.formatter.translate
    title, description = translate(_("Watchlist")), _("The films that you are waiting for.")
    page = page_head(context, title, translate(description), "watchlist")
    return {
        "page": not_indexed(page),
        "sections": with_eager_row(_sections(PageFragments(request, context), listings)),
        "ids": ids,
        "calendar": CalendarAddress.of(context, "my_calendar", {}, parameters, title),
    }


def _sections(fragments: PageFragments, listings: Sequence[Listing]) -> list[Section]:
    """What is to come, the earliest first; movies without a date; the rest, the latest first."""
    start = week_of(fragments.context.today).start
    coming = [each for each in listings if _is_coming(each, start)]
    undated = [each for each in listings if each.premiere is None]
    past = [each for each in listings if each not in coming and each not in undated]
    translate = fragments.context.formatter.translate
    parts = (
        ("coming", _("This week and later"), sorted(coming, key=_by_day)),
        ("unannounced", _("Without a date"), undated),
        ("past", _("Earlier"), sorted(past, key=_by_day, reverse=True)),
    )
    return [fragments.section(key, translate(title), part) for key, title, part in parts if part]


def _is_coming(listing: Listing, start: date) -> bool:
    return listing.premiere is not None and last_day(listing.premiere) >= start


def _by_day(listing: Listing) -> tuple[date, int]:
    return listing.day, listing.movie.id
