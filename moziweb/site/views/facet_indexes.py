"""The lists of all genres and of all streaming services."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pyramid.i18n import TranslationString
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.collation import sort_key
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.tags import (
    GENRES_LIST,
    SERVICES_LIST,
    genre_slug_tag,
    genre_tag,
    service_slug_tag,
    service_tag,
)
from moziweb.request import Request

from ..context import PageContext
from ..presenters.jsonld import links_json_ld, top_page_json_ld
from ..presenters.page_head import page_head
from ..view_models import Link


@view_config(
    route_name="genres", renderer="facet_index.jinja2", request_method="GET", cache="pages"
)
def genres(request: Request) -> dict[str, Any]:
    """All genres. One query."""
    context = PageContext.of(request)
    context.depend(GENRES_LIST)
    links = []
    for genre in all_genres(request.dbsession):
        context.depend(genre_tag(genre.id), genre_slug_tag(genre.id))
        name = context.formatter.choose(genre.name, genre.name_en)
        links.append(Link(context.urls.genre(genre), name))
    description = _("Film premieres in Hungary by genre.")
    return _values(context, "genres", _("Genres"), description, links)


@view_config(
    route_name="services", renderer="facet_index.jinja2", request_method="GET", cache="pages"
)
def services(request: Request) -> dict[str, Any]:
    """All streaming services. One query."""
    context = PageContext.of(request)
    context.depend(SERVICES_LIST)
    links = []
    for service in all_services(request.dbsession):
        context.depend(service_tag(service.id), service_slug_tag(service.id))
        links.append(Link(context.urls.service(service), service.name))
    description = _("Film premieres on streaming services in Hungary.")
    return _values(context, "services", _("Streaming services"), description, links)


def _values(
    context: PageContext,
    route: str,
    title: TranslationString,
    description: TranslationString,
    links: Iterable[Link],
) -> dict[str, Any]:
    translate = context.formatter.translate
    heading, ordered = translate(title), sorted(links, key=lambda link: sort_key(link.text))
    page = page_head(context, heading, translate(description), route)
    data = top_page_json_ld(context, route, heading), links_json_ld(context, ordered)
    return {
        "page": replace(page, json_ld=data),
        "heading": heading,
        "items": [(link, "") for link in ordered],
    }
