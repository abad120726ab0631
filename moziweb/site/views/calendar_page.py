"""The page that builds the address of a calendar, and shows what is in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.feed_queries import calendar_premieres
from moziweb.movies.models import Premiere
from moziweb.movies.queries import Listing
from moziweb.movies.tags import PREMIERES_LIST, PUBLISHED_LIST
from moziweb.request import Request

from ..context import PageContext
from ..feeds.addresses import CalendarAddress
from ..feeds.calendar_options import (
    CALENDAR_PARAMETERS,
    FUTURE,
    PAST,
    REMIND,
    CalendarOptions,
    calendar_window,
)
from ..presenters.filter_form import depend_on_names, filter_form
from ..presenters.filter_values import current_slugs, filter_texts, given_values, parse_filter
from ..presenters.jsonld import top_page_json_ld
from ..presenters.movie_list import localized_titles
from ..presenters.page_head import not_indexed, page_head
from ..presenters.premiere import depend_on_line
from ..presenters.qr_code import qr_code
from ..query_parameters import keep_parameters, redirect_unless_canonical
from ..view_models import FilterField, FilterOption, Link
from .feeds import CALENDAR_PARTS, premieres_of

PREVIEW: Final = 12
"""Premieres that the page shows of a calendar."""

_PAST: Final = (0, 30, 90, 365)
_FUTURE: Final = (30, 90, 180, 365)
_REMIND: Final = (0, 1, 2, 3, 7)


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """An event of the preview."""

    href: str
    title: str
    date_text: str
    date_iso: str
    kind_text: str
    cancelled: bool


@view_config(
    route_name="calendar_page",
    renderer="calendar_page.jinja2",
    request_method="GET",
    cache="pages",
    cache_moment=calendar_window,
    cache_params=CALENDAR_PARAMETERS,
)
def calendar_page(request: Request) -> dict[str, Any]:
    """The form of a calendar, its addresses, and its next events. Four queries."""
    context, session = PageContext.of(request), request.dbsession
    genres, services = all_genres(session), all_services(session)
    depend_on_names(context, genres, services)
    given = current_slugs(session, given_values(request, CALENDAR_PARAMETERS), genres, services)
    chosen, options = parse_filter(given, genres, services), CalendarOptions.parse(given)
    parameters = dict(sorted({**chosen.parameters, **options.parameters}.items()))
    path = context.urls.path("calendar_page")
    url = context.urls.absolute(path)
    redirect_unless_canonical(request, CALENDAR_PARAMETERS, parameters, url)
    context.depend(PREMIERES_LIST, PUBLISHED_LIST, *chosen.tags())
    start = week_of(context.today).start
    where = [*premieres_of(context, chosen, options), Premiere.date >= start]
    shown = calendar_premieres(session, where, PREVIEW, start)
    kept = keep_parameters(context, parameters, ["calendar_page"])
    translate = context.formatter.translate
    heading = translate(_("Calendar to subscribe to"))
    text = translate(_("Film premieres in your own calendar: choose, subscribe, done."))
    page = page_head(kept, heading, text, "calendar_page")
    page = replace(page, json_ld=(top_page_json_ld(context, "calendar_page", heading),))
    title = ", ".join(text for _dimension, text in filter_texts(context, chosen))
    return {
        "page": not_indexed(page) if parameters else page,
        "form": filter_form(context, path, chosen, genres, services),
        "options": tuple(_option_fields(context, options)),
        "chosen": title,
        "calendar": CalendarAddress.of(
            context, "calendar", {"part": ""}, parameters, title or heading
        ),
        "parts": [
            Link(context.urls.path("calendar", part=part, _query=parameters), translate(name))
            for part, (name, _kinds) in CALENDAR_PARTS.items()
            if part and chosen.kind is None
        ],
        "news_url": context.urls.path("news", _query=chosen.parameters),
        "qr": qr_code(f"{url}?{urlencode(parameters)}" if parameters else url),
        "preview": [_line(context, *each) for each in shown],
    }


def _option_fields(context: PageContext, options: CalendarOptions) -> Iterable[FilterField]:
    translate = context.formatter.translate

    def field(
        name: str, label: str, default: str, values: Iterable[tuple[str, str]]
    ) -> FilterField:
        chosen = options.parameters.get(name)
        all_ = [("", default), *values]
        if chosen is not None and chosen not in dict(all_):
            all_.append((chosen, chosen))
        shown = (FilterOption(value, text, value == chosen) for value, text in all_)
        return FilterField(name, label, tuple(shown))

    def days(number: int) -> str:
        return translate(_("${number} days", mapping={"number": number}))

    reminders = [(f"{n}d", days(n) if n else translate(_("on the day"))) for n in _REMIND]
    past = [(str(n), days(n) if n else translate(_("none"))) for n in _PAST]
    future = [(str(n), days(n)) for n in _FUTURE]
    return (
        field(
            REMIND, translate(_("Reminder before the premiere")), translate(_("none")), reminders
        ),
        field(PAST, translate(_("Past premieres")), translate(_("four weeks")), past),
        field(FUTURE, translate(_("Coming premieres")), translate(_("all")), future),
    )


def _line(context: PageContext, premiere: Premiere, listing: Listing) -> PreviewLine:
    depend_on_line(context, listing.movie, premiere)
    formatter = context.formatter
    kind = formatter.kind_text(premiere.kind)
    return PreviewLine(
        href=context.urls.movie(listing.movie),
        title=localized_titles(context, listing.movie)[0],
        date_text=formatter.date_text(premiere.date, premiere.precision),
        date_iso=premiere.precision.iso_text(premiere.date),
        kind_text=f"{kind}: {listing.service}" if listing.service else kind,
        cancelled=premiere.cancelled_at is not None,
    )
