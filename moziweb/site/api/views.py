"""The views of the API: each returns a JSON document, cached with the tags of what it shows."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import mark_negative
from moziweb.db.types import MAX_ID, parse_id
from moziweb.movies import tags
from moziweb.movies.block_queries import (
    changes_since,
    credits_of,
    distributor_block,
    movie_block,
    people_block,
    premiere_block,
)
from moziweb.movies.calendar import Year
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.filters import Dimension, PremiereFilter
from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.models import Genre, Person, StreamingService
from moziweb.movies.queries import published_movie
from moziweb.movies.week_range_tags import SpanKind, week_range_tags_between
from moziweb.posters.urls import poster_links
from moziweb.request import Request

from ..context import PageContext
from ..presenters.filter_values import current_slugs
from ..presenters.movie_list import CardBuilder
from . import endpoints
from .description import openapi_document
from .documents import Document, DocumentBuilder
from .endpoints import Endpoint
from .parameters import ApiQuery, day_cursor, invalid_value, time_cursor
from .problems import CORS

_MAX_TAGGED_YEARS: Final = 3
"""A filtered block of more years has the tags of its filters in all years."""

_View = Callable[[Request], Document]


def _api_view(endpoint: Endpoint) -> Callable[[_View], Callable[[Request], Response]]:
    """``view_config`` of a cached JSON document of an endpoint."""

    def decorate(view: _View) -> Callable[[Request], Response]:
        def respond(request: Request) -> Response:
            body = json.dumps(view(request), ensure_ascii=False, separators=(",", ":")).encode()
            response = Response(body, content_type="application/json")
            response.headers.update(CORS.items())
            return response

        respond.__name__, respond.__doc__ = view.__name__, view.__doc__
        configured = view_config(
            route_name=endpoint.route,
            request_method="GET",
            cache="feeds",
            cache_params=endpoint.parameter_names,
        )
        decorated: Callable[[Request], Response] = configured(respond)
        return decorated

    return decorate


@_api_view(endpoints.ROOT_ENDPOINT)
def get_root(request: Request) -> Document:
    """The addresses of the lists. No query."""
    urls = PageContext.of(request).urls
    return {
        "openapi": urls.url(endpoints.OPENAPI_ENDPOINT.route),
        "documentation": dict(urls.alternates("developers")[:-1]),
        **{each.name: urls.url(each.route) for each in endpoints.LIST_ENDPOINTS},
    }


@_api_view(endpoints.OPENAPI_ENDPOINT)
def get_openapi(request: Request) -> Document:
    """The description of the API. No query."""
    return openapi_document(PageContext.of(request).urls.base_url)


@_api_view(endpoints.PREMIERES_ENDPOINT)
def list_premieres(request: Request) -> Document:
    """A block of premieres. At most five queries, and one for each former slug."""
    context, query, session = PageContext.of(request), _query_of(request), request.dbsession
    services = all_services(session)
    chosen = _filter_of(request, context, query, services)
    start, end, after = query["from"], query["to"], query["cursor"]
    found = premiere_block(session, start, end, chosen.conditions, after, query["limit"] + 1)
    shown, rest = found[: query["limit"]], found[query["limit"] :]
    first = max(start, after[0]) if after else start
    _depend_on_days(context, chosen, first, rest[0].day if rest else end)
    builder, documents = CardBuilder.fetch(request, context, shown), DocumentBuilder(context)
    by_id = {service.id: service for service in services}
    last = shown[-1].premiere if rest else None
    return _block(
        request,
        endpoints.PREMIERES_ENDPOINT,
        [documents.premiere(builder, each, by_id) for each in shown],
        day_cursor(last.date, last.id) if last else None,
    )


@_api_view(endpoints.MOVIES_ENDPOINT)
def list_movies(request: Request) -> Document:
    """A block of movies. Three queries."""
    context, after, limit = PageContext.of(request), *_id_block(request)
    found = movie_block(request.dbsession, after, limit + 1)
    shown, rest = found[:limit], found[limit:]
    following = rest[0].movie.id if rest else None
    _depend_on_ids(context, tags.movie_group_tag, tags.PUBLISHED_LIST, after, following)
    builder, documents = CardBuilder.fetch(request, context, shown), DocumentBuilder(context)
    items = [documents.listed_movie(builder, each.movie) for each in shown]
    last = shown[-1].movie.id if rest else None
    return _block(request, endpoints.MOVIES_ENDPOINT, items, last)


@_api_view(endpoints.MOVIE_ENDPOINT)
def get_movie(request: Request) -> Document:
    """A movie. Six queries."""
    movie_id = parse_id(request.matchdict["id"])
    movie = published_movie(request.dbsession, movie_id) if movie_id else None
    if movie is None:
        raise HTTPNotFound
    links = poster_links(request.dbsession, request.services.storage, {movie.id: movie.slug})
    return DocumentBuilder(PageContext.of(request)).movie(movie, links.get(movie.id))


@_api_view(endpoints.PEOPLE_ENDPOINT)
def list_people(request: Request) -> Document:
    """A block of people. One query."""
    context, after, limit = PageContext.of(request), *_id_block(request)
    found = people_block(request.dbsession, after, limit + 1)
    last, following = (found[limit - 1].id, found[limit].id) if len(found) > limit else (None, None)
    _depend_on_ids(context, tags.person_group_tag, tags.PEOPLE_LIST, after, following)
    documents = DocumentBuilder(context)
    items = [documents.listed_person(each) for each in found[:limit]]
    return _block(request, endpoints.PEOPLE_ENDPOINT, items, last)


@_api_view(endpoints.PERSON_ENDPOINT)
def get_person(request: Request) -> Document:
    """A person with a published movie. Two queries. The id of a merged person redirects."""
    context, person_id = PageContext.of(request), parse_id(request.matchdict["id"])
    if person_id is None:
        raise HTTPNotFound
    context.depend(tags.person_tag(person_id), tags.person_list_tag(person_id))
    person = request.dbsession.get(Person, person_id)
    kept = None if person else successor(request.dbsession, Person, id_key(person_id))
    if kept is not None:
        context.depend(tags.person_tag(kept.id))
        raise _moved(context.urls.url(endpoints.PERSON_ENDPOINT.route, id=str(kept.id)))
    roles = credits_of(request.dbsession, person_id) if person else ()
    if person is None or not roles:
        raise HTTPNotFound
    return DocumentBuilder(context).person(person, roles)


@_api_view(endpoints.DISTRIBUTORS_ENDPOINT)
def list_distributors(request: Request) -> Document:
    """A block of distributors. One query."""
    context, after, limit = PageContext.of(request), *_id_block(request)
    context.depend(tags.DISTRIBUTORS_LIST)
    found = distributor_block(request.dbsession, after, limit + 1)
    last = found[limit - 1].id if len(found) > limit else None
    documents = DocumentBuilder(context)
    items = [documents.distributor(each) for each in found[:limit]]
    return _block(request, endpoints.DISTRIBUTORS_ENDPOINT, items, last)


@_api_view(endpoints.GENRES_ENDPOINT)
def list_genres(request: Request) -> Document:
    """All genres. One query."""
    context = PageContext.of(request)
    context.depend(tags.GENRES_LIST)
    documents = DocumentBuilder(context)
    items = [documents.genre(each) for each in all_genres(request.dbsession)]
    return _block(request, endpoints.GENRES_ENDPOINT, items)


@_api_view(endpoints.SERVICES_ENDPOINT)
def list_services(request: Request) -> Document:
    """All streaming services. One query."""
    context = PageContext.of(request)
    context.depend(tags.SERVICES_LIST)
    documents = DocumentBuilder(context)
    items = [documents.service(each) for each in all_services(request.dbsession)]
    return _block(request, endpoints.SERVICES_ENDPOINT, items)


@_api_view(endpoints.CHANGES_ENDPOINT)
def list_changes(request: Request) -> Document:
    """A block of changes. Two queries."""
    context, query = PageContext.of(request), _query_of(request)
    context.depend(tags.CHANGES_LIST)
    since, after, limit = query["since"], query["cursor"], query["limit"]
    found = changes_since(request.dbsession, since, after, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    documents = DocumentBuilder(context)
    items = [documents.change(each) for each in found[:limit]]
    cursor = time_cursor(last.time, last.movie_id) if last else None
    return _block(request, endpoints.CHANGES_ENDPOINT, items, cursor)


def _query_of(request: Request) -> ApiQuery:
    query: ApiQuery = request.context
    return query


def _id_block(request: Request) -> tuple[int, int]:
    """The last id of the block before, and the number of items."""
    query = _query_of(request)
    return query["cursor"], query["limit"]


def _block(
    request: Request, endpoint: Endpoint, items: Sequence[Document], cursor: object = None
) -> Document:
    """A list's document. ``cursor`` is that of the last item, None in the last block.

    The number of empty blocks is not limited, so they are cached as negative entries.
    """
    if not items:
        mark_negative(request)
    urls, following = PageContext.of(request).urls, None
    if cursor is not None:
        texts = {**_query_of(request).texts, "cursor": str(cursor)}
        following = urls.base_url + urls.path(endpoint.route, _query=texts)
    return {"items": items, "next": following}


def _filter_of(
    request: Request, context: PageContext, query: ApiQuery, services: Sequence[StreamingService]
) -> PremiereFilter:
    """The filter of a request. One query if it names a genre, and one for each former slug.

    Raises a redirect to the present slugs.
    """
    session = request.dbsession
    lists: dict[str, str] = {
        Dimension.GENRE: tags.GENRES_LIST,
        Dimension.SERVICE: tags.SERVICES_LIST,
    }
    given: dict[str, str] = {name: query[name] for name in lists if query[name]}
    genres = all_genres(session) if Dimension.GENRE in given else ()
    present = current_slugs(session, given, genres, services)
    genre = _by_slug(Dimension.GENRE, present, genres)
    service = _by_slug(Dimension.SERVICE, present, services)
    if genre is not None:
        context.depend(tags.genre_slug_tag(genre.id))
    if service is not None:
        context.depend(tags.service_slug_tag(service.id))
    if present != given:
        context.depend(*(lists[name] for name in given if present[name] != given[name]))
        texts, urls = {**query.texts, **present}, context.urls
        route = endpoints.PREMIERES_ENDPOINT.route
        raise _moved(urls.base_url + urls.path(route, _query=texts))
    return PremiereFilter(
        audio=query[Dimension.AUDIO],
        format=query[Dimension.FORMAT],
        genre=genre,
        kind=query[Dimension.KIND],
        rating=query[Dimension.RATING],
        service=service,
    )


def _moved(url: str) -> HTTPMovedPermanently:
    return HTTPMovedPermanently(url, headers=CORS.items())


Slugged = TypeVar("Slugged", Genre, StreamingService)


def _by_slug(name: str, given: Mapping[str, str], rows: Iterable[Slugged]) -> Slugged | None:
    slug = given.get(name)
    if slug is None:
        return None
    slugs = {row.slug: row for row in rows}
    if slug not in slugs:
        raise invalid_value(name, slug, f"one of {', '.join(slugs)}")
    return slugs[slug]


def _depend_on_days(context: PageContext, chosen: PremiereFilter, first: date, last: date) -> None:
    """Depend on which premieres there are from ``first`` to ``last``, also by what is filtered.

    ``last`` is the day of the first premiere of the next block, if there is one.
    """
    if first > last:
        return
    for kind in SpanKind:
        context.depend(*week_range_tags_between(first, last, kind))
    years = [Year(number) for number in range(first.year, last.year + 1)]
    context.depend(*chosen.tags(*(years if len(years) <= _MAX_TAGGED_YEARS else ())))


def _depend_on_ids(
    context: PageContext,
    group_tag: Callable[[int], str],
    whole: str,
    after: int,
    following: int | None,
) -> None:
    """Depend on which rows there are after an id, up to the first row of the next block.

    That row is included, because without it there may be no next block.
    """
    ids = range(after + 1, MAX_ID + 1 if following is None else following + 1)
    context.depend(*tags.group_tags(group_tag, ids, whole))
