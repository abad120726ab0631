"""Site maps: the index, fixed pages, the calendar by year; movies and names by blocks of ids."""

from datetime import date
from typing import Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config

from moziweb.db.types import MAX_ID, parse_id
from moziweb.movies import enumeration
from moziweb.movies.calendar import FIRST_YEAR, LAST_YEAR, Month, Week, month_of, week_of
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.queries import DAYS
from moziweb.movies.tags import (
    CHANGES_LIST,
    DISTRIBUTORS_LIST,
    GENRES_LIST,
    PEOPLE_LIST,
    PREMIERES_LIST,
    PUBLISHED_LIST,
    SERVICES_LIST,
    SLUGS_LIST,
    distributor_tag,
    period_tag,
    person_name_tag,
)
from moziweb.request import Request

from ..context import PageContext
from ..feeds import PEOPLE_SITEMAPS, SITEMAP_BLOCK
from ..feeds.sitemap import Alternates, sitemap_index, urlset
from ..urls import named_segment, segment_of

_LAST_BLOCK: Final = MAX_ID // SITEMAP_BLOCK
_FIXED: Final = (
    "index", "undated", "genres", "services", "years", "changes", "calendar_page", "about",
)  # fmt: skip


@view_config(route_name="sitemap", request_method="GET", cache="feeds")
def sitemap(request: Request) -> Response:
    """The index of site maps. Four queries."""
    context, session = PageContext.of(request), request.dbsession
    context.depend(PUBLISHED_LIST, PREMIERES_LIST, PEOPLE_LIST, DISTRIBUTORS_LIST)
    years = enumeration.premiere_years(session)
    movies = enumeration.movie_blocks(session, SITEMAP_BLOCK)
    people = enumeration.person_blocks(session, SITEMAP_BLOCK, PEOPLE_SITEMAPS)
    distributors = enumeration.distributor_blocks(session, SITEMAP_BLOCK)
    url = context.urls.url
    maps = (
        url("sitemap_pages"),
        *(url("sitemap_year", year=str(year)) for year in years if FIRST_YEAR <= year <= LAST_YEAR),
        *(url("sitemap_movies", block=str(block)) for block in movies),
        *(url("sitemap_people", block=str(block)) for block in people),
        *(url("sitemap_distributors", block=str(block)) for block in distributors),
    )
    return _xml(sitemap_index(maps))


@view_config(route_name="sitemap_pages", request_method="GET", cache="feeds")
def sitemap_pages(request: Request) -> Response:
    """The fixed pages, the genres and the services. Two queries."""
    context = PageContext.of(request)
    context.depend(GENRES_LIST, SERVICES_LIST)
    pages = [_alternates(context, route) for route in _FIXED]
    genres, services = all_genres(request.dbsession), all_services(request.dbsession)
    pages += (_alternates(context, "genre", genre=each.slug) for each in genres)
    pages += (_alternates(context, "service", service=each.slug) for each in services)
    return _xml(urlset((page, None) for page in pages))


@view_config(route_name="sitemap_year", request_method="GET", cache="feeds")
def sitemap_year(request: Request) -> Response:
    """A year, and its weeks and months with premieres. One query."""
    context = PageContext.of(request)
    year = _number(request.matchdict["year"], FIRST_YEAR, LAST_YEAR)
    weeks, months = _weeks_of(year), [Month(year, number) for number in range(1, 13)]
    start, end = min(weeks[0].start, months[0].start), max(weeks[-1].end, months[-1].end)
    context.depend(*map(period_tag, weeks), *map(period_tag, months))
    days = enumeration.premiere_days(request.dbsession, start, end)
    filled_weeks = {week_of(day) for day, precision in days if precision in DAYS}
    filled_months = {month_of(day) for day, _precision in days}
    names = [week.name for week in weeks if week in filled_weeks]
    is_shown = any(day.year == year for day, _precision in days)
    pages = [_alternates(context, "year", year=str(year))] if is_shown else []
    pages += (_alternates(context, "week", week=name) for name in names)
    names = [month.name for month in months if month in filled_months]
    pages += (_alternates(context, "month", month=name) for name in names)
    return _xml(urlset((page, None) for page in pages))


@view_config(route_name="sitemap_movies", request_method="GET", cache="feeds")
def sitemap_movies(request: Request) -> Response:
    """The movies of a block of ids, with the times of their last changes. One query."""
    context = PageContext.of(request)
    block = _number(request.matchdict["block"], 0, _LAST_BLOCK)
    context.depend(PUBLISHED_LIST, SLUGS_LIST, CHANGES_LIST)
    movies = enumeration.movies_of_block(request.dbsession, block, SITEMAP_BLOCK)
    if not movies:
        raise HTTPNotFound
    pages = (
        (_alternates(context, "movie", movie=segment_of(movie_id, slug)), changed_at)
        for movie_id, slug, changed_at in movies
    )
    return _xml(urlset(pages))


@view_config(route_name="sitemap_people", request_method="GET", cache="feeds")
def sitemap_people(request: Request) -> Response:
    """The people of a block of ids. One query."""
    context = PageContext.of(request)
    block = _number(request.matchdict["block"], 0, _LAST_BLOCK)
    context.depend(PEOPLE_LIST)
    people = enumeration.people_of_block(request.dbsession, block, SITEMAP_BLOCK)
    if not people:
        raise HTTPNotFound
    context.depend(*(person_name_tag(each.id) for each in people))
    pages = (_alternates(context, "person", person=named_segment(each)) for each in people)
    return _xml(urlset((page, None) for page in pages))


@view_config(route_name="sitemap_distributors", request_method="GET", cache="feeds")
def sitemap_distributors(request: Request) -> Response:
    """The distributors of a block of ids. One query."""
    context = PageContext.of(request)
    block = _number(request.matchdict["block"], 0, _LAST_BLOCK)
    context.depend(DISTRIBUTORS_LIST)
    found = enumeration.distributors_of_block(request.dbsession, block, SITEMAP_BLOCK)
    if not found:
        raise HTTPNotFound
    context.depend(*(distributor_tag(each.id) for each in found))
    pages = (_alternates(context, "distributor", distributor=named_segment(each)) for each in found)
    return _xml(urlset((page, None) for page in pages))


def _weeks_of(year: int) -> list[Week]:
    """The 52 or 53 weeks whose name has this year."""
    first = week_of(date(year, 1, 4))  # always in the first week of ISO 8601
    weeks = [first.shifted(step) for step in range(-1, 54)]
    return [week for week in weeks if week.name.startswith(f"{year:04}-")]


def _number(text: str, least: int, most: int) -> int:
    """The number of a site map; 404 for any other spelling or a number out of range."""
    number = 0 if text == "0" else parse_id(text)  # the first block is 0, which is no id
    if number is None or not least <= number <= most:
        raise HTTPNotFound
    return number


def _alternates(context: PageContext, route: str, **values: str) -> Alternates:
    return dict(context.urls.alternates(route, **values))


def _xml(body: bytes) -> Response:
    return Response(body, content_type="application/xml", charset="utf-8")
