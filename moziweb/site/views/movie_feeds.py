"""Calendars of a movie, of a person, and of a list of movies; the news of a movie."""

from collections.abc import Iterable
from typing import Final

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy import ColumnElement, select

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.facet_queries import roles_of
from moziweb.movies.feed_queries import (
    calendar_premieres,
    latest_news,
    published_by_id,
    published_ids,
)
from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.models import Credit, Movie, Person, Premiere
from moziweb.movies.tags import (
    announced_tag,
    dated_tag,
    moved_tag,
    movie_tag,
    person_list_tag,
    person_tag,
)
from moziweb.request import Request

from ..context import PageContext
from ..feeds.calendar_options import REMIND, CalendarOptions
from ..feeds.documents import FeedTexts, calendar_response, news_response
from ..movie_ids import MOVIES, depend_on_listed, ids_text, listed_ids
from ..presenters.filter_values import given_values
from ..presenters.movie_list import localized_titles
from ..query_parameters import redirect_unless_canonical
from ..urls import named_segment, segment_of
from .feeds import MAX_FEED_ENTRIES

MAX_LISTED_EVENTS: Final = 600
"""Premieres of a list of movies."""


@view_config(
    route_name="movie_calendar", request_method="GET", cache="feeds", cache_params=(REMIND,)
)
def movie_calendar(request: Request) -> Response:
    """All premieres of a movie. Seven queries."""
    context = PageContext.of(request)
    movie = _movie(request, context, "movie_calendar", _options(request).parameters)
    context.depend(dated_tag(movie.id), announced_tag(movie.id))
    title, _subtitle = localized_titles(context, movie)
    where = [Premiere.movie_id == movie.id]
    values = {"movie": segment_of(movie.id, movie.slug)}
    return _calendar(request, context, title, "movie_calendar", values, where)


@view_config(
    route_name="person_calendar", request_method="GET", cache="feeds", cache_params=(REMIND,)
)
def person_calendar(request: Request) -> Response:
    """The premieres of a person's movies. Eight queries."""
    context = PageContext.of(request)
    person_id = parse_id(request.matchdict["person"].partition("-")[0])
    if person_id:
        context.depend(person_tag(person_id), person_list_tag(person_id))
    person = request.dbsession.get(Person, person_id) if person_id else None
    if person is None and person_id:
        person = successor(request.dbsession, Person, id_key(person_id))
    if person is not None:
        context.depend(person_tag(person.id), person_list_tag(person.id))
    if person is None or not roles_of(request.dbsession, person):
        raise HTTPNotFound
    values = {"person": named_segment(person)}
    if request.matchdict["person"] != values["person"]:
        query = _options(request).parameters
        raise HTTPMovedPermanently(_url(context, "person_calendar", values, query))
    movies = select(Credit.movie_id).where(Credit.person_id == person.id)
    where = [Premiere.movie_id.in_(movies)]
    return _calendar(request, context, person.name, "person_calendar", values, where)


@view_config(
    route_name="my_calendar", request_method="GET", cache="feeds", cache_params=(MOVIES, REMIND)
)
def my_calendar(request: Request) -> Response:
    """All premieres of the movies ``?m=12.45.99``. Seven queries."""
    context = PageContext.of(request)
    url, options = context.urls.url("my_calendar"), _options(request)
    ids = listed_ids(request, url, options.parameters)
    if not ids:
        raise HTTPNotFound(_("The address of this calendar has no films: m=12.45.99 is missing."))
    published = published_ids(request.dbsession, ids)
    depend_on_listed(context, ids, published)
    context.depend(*map(announced_tag, published))
    title = context.formatter.translate(_("My film premieres"))
    query = {MOVIES: ids_text(ids)}
    where = [Premiere.movie_id.in_(ids)]
    return _calendar(request, context, title, "my_calendar", {}, where, query)


@view_config(route_name="movie_news", request_method="GET", cache="feeds", cache_params=())
def movie_news(request: Request) -> Response:
    """The announcements, moves and cancellations of a movie's premieres. Six queries."""
    context = PageContext.of(request)
    movie = _movie(request, context, "movie_news", {})
    context.depend(dated_tag(movie.id), announced_tag(movie.id))
    where = [Premiere.movie_id == movie.id]
    found = latest_news(request.dbsession, where, MAX_FEED_ENTRIES)
    for each in found:
        context.depend(moved_tag(each.premiere.id))
    title, _subtitle = localized_titles(context, movie)
    values, urls = {"movie": segment_of(movie.id, movie.slug)}, context.urls
    translate = context.formatter.translate
    texts = FeedTexts(
        name=f"movie/{movie.id}/news",
        title=translate(_("${title}: news", mapping={"title": title})),
        subtitle=translate(_("Premieres that were announced, moved or cancelled.")),
        self_url=urls.url("movie_news", **values),
        page_url=urls.url("movie", **values),
    )
    return news_response(context, texts, found, movie.created_at)


def _movie(request: Request, context: PageContext, route: str, query: dict[str, str]) -> Movie:
    """The movie whose id the path begins with; a wrong slug redirects to the right URL.

    ``query`` is kept by the redirect.
    """
    segment = request.matchdict["movie"]
    movie_id = parse_id(segment.partition("-")[0])
    found = published_by_id(request.dbsession, movie_id) if movie_id else None
    if found is None:
        raise HTTPNotFound
    context.depend(movie_tag(found.id))
    if segment != segment_of(found.id, found.slug):
        values = {"movie": segment_of(found.id, found.slug)}
        raise HTTPMovedPermanently(_url(context, route, values, query))
    return found


def _url(context: PageContext, route: str, values: dict[str, str], query: dict[str, str]) -> str:
    return context.urls.absolute(context.urls.path(route, **values, _query=query))


def _calendar(
    request: Request,
    context: PageContext,
    title: str,
    route: str,
    values: dict[str, str],
    where: Iterable[ColumnElement[bool]],
    query: dict[str, str] | None = None,
) -> Response:
    options = _options(request)
    parameters = {**(query or {}), **options.parameters}
    url = context.urls.url(route, **values)
    redirect_unless_canonical(request, [REMIND], parameters, url)
    shown = calendar_premieres(request.dbsession, where, MAX_LISTED_EVENTS)
    for premiere, listing in shown:
        context.depend(announced_tag(listing.movie.id), moved_tag(premiere.id))
    address = context.urls.base_url + context.urls.path(route, **values, _query=parameters)
    return calendar_response(request, context, title, address, shown, options.alarm)


def _options(request: Request) -> CalendarOptions:
    return CalendarOptions.parse(given_values(request, [REMIND]))
