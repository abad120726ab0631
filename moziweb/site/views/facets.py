"""The pages of facets: genres, people, distributors and streaming services."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies import tags
from moziweb.movies.facet_queries import (
    BLOCK,
    Facet,
    FacetPosition,
    FacetSection,
    facet_blocks,
    genre_by_slug,
    roles_of,
    service_by_slug,
)
from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.models import CreditRole, Distributor, Genre, Person, StreamingService
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section, with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.jsonld import breadcrumbs_json_ld, movies_json_ld
from ..presenters.page_head import not_indexed, page_head
from ..query_parameters import FROM, at_position, block_path, given_position, redirect_unless_at
from ..urls import named_segment
from ..view_models import Link

_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")

_TITLES: Final = {
    FacetSection.COMING: _("This week and later"),
    FacetSection.PAST: _("Earlier"),
    FacetSection.UNANNOUNCED: _("Without a date"),
}
_NEXT: Final = {
    FacetSection.COMING: _("Later films"),
    FacetSection.PAST: _("Earlier films"),
    FacetSection.UNANNOUNCED: _("More films"),
}
_ROLES: Final = {CreditRole.DIRECTOR: _("Director"), CreditRole.CAST: _("Actor")}


@dataclass(frozen=True, slots=True)
class _FacetPage:
    """What the pages of facets differ in. ``index`` is the link to the list of all of them.

    ``calendar_href`` and ``news_href`` are the paths of a calendar, or of its page, and of a feed.
    """

    facet: Facet
    list_tag: str
    route: str
    segment: str
    kicker: str
    name: str
    description: str
    index: Link | None = None
    calendar_href: str = ""
    news_href: str = ""


def _facet_view(route: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return movie_list_view(
        route_name=route,
        renderer="facet.jinja2",
        cache_moment=until_midnight,
        cache_params=(FROM,),
    )


@_facet_view("genre")
def genre(request: Request) -> dict[str, Any]:
    """The premieres of a genre. At most six queries."""
    context, translate = _context(request)
    slug = _slug_of(request, context, "genre", tags.GENRES_LIST)
    found = genre_by_slug(request.dbsession, slug)
    if found is None:
        context.depend(tags.GENRES_LIST)
        found = successor(request.dbsession, Genre, slug)
    if found is None:
        raise HTTPNotFound
    context.depend(tags.genre_tag(found.id), tags.genre_slug_tag(found.id))
    name = context.formatter.choose(found.name, found.name_en)
    page = _FacetPage(
        found, tags.genre_list_tag(found.id), "genre", found.slug, translate(_("Genre")), name,
        translate(_("Film premieres in Hungary: ${genre}.", mapping={"genre": name})),
        Link(context.urls.path("genres"), translate(_("All genres"))),
        context.urls.path("calendar_page", _query={"genre": found.slug}),
        context.urls.path("news", _query={"genre": found.slug}),
    )  # fmt: skip
    return _values(request, context, page)


@_facet_view("service")
def service(request: Request) -> dict[str, Any]:
    """The premieres on a streaming service. At most five queries."""
    context, translate = _context(request)
    slug = _slug_of(request, context, "service", tags.SERVICES_LIST)
    found = service_by_slug(request.dbsession, slug)
    if found is None:
        context.depend(tags.SERVICES_LIST)
        found = successor(request.dbsession, StreamingService, slug)
    if found is None:
        raise HTTPNotFound
    context.depend(tags.service_tag(found.id), tags.service_slug_tag(found.id))
    page = _FacetPage(
        found, tags.service_list_tag(found.id), "service", found.slug, translate(_("Streaming")),
        found.name,
        translate(_("Films on ${service} in Hungary.", mapping={"service": found.name})),
        Link(context.urls.path("services"), translate(_("All services"))),
        context.urls.path("calendar_page", _query={"service": found.slug}),
        context.urls.path("news", _query={"service": found.slug}),
    )  # fmt: skip
    return _values(request, context, page)


@_facet_view("person")
def person(request: Request) -> dict[str, Any]:
    """The premieres of a person's movies, by the person's id. At most six queries."""
    context, translate = _context(request)
    row_tags = (tags.person_tag, tags.person_list_tag)
    found = _row_of(request, context, Person, "person", row_tags)
    roles = roles_of(request.dbsession, found)
    page = _FacetPage(
        found, tags.person_list_tag(found.id), "person", named_segment(found),
        ", ".join(translate(text) for role, text in _ROLES.items() if role in roles), found.name,
        translate(_("Premieres of films with ${name} in Hungary.", mapping={"name": found.name})),
        calendar_href=context.urls.path("person_calendar", person=named_segment(found)),
    )  # fmt: skip
    return _values(request, context, page)


@_facet_view("distributor")
def distributor(request: Request) -> dict[str, Any]:
    """The premieres of a distributor's movies, by its id. At most six queries."""
    context, translate = _context(request)
    row_tags = (tags.distributor_tag, tags.distributor_list_tag)
    found = _row_of(request, context, Distributor, "distributor", row_tags)
    page = _FacetPage(
        found, tags.distributor_list_tag(found.id), "distributor", named_segment(found),
        translate(_("Distributor")), found.name,
        translate(_("Films that ${name} distributes in Hungary.", mapping={"name": found.name})),
    )  # fmt: skip
    return _values(request, context, page)


def _context(request: Request) -> tuple[PageContext, Callable[[str], str]]:
    context = PageContext.of(request)
    return context, context.formatter.translate


def _slug_of(request: Request, context: PageContext, name: str, list_tag: str) -> str:
    """The slug in the path; a 404 for text that is none."""
    slug: str = request.matchdict[name]
    if not _SLUG.fullmatch(slug):
        context.depend(list_tag)
        raise HTTPNotFound
    return slug


NameMatch = TypeVar("NameMatch", Person, Distributor)


def _row_of(
    request: Request,
    context: PageContext,
    model: type[NameMatch],
    name: str,
    row_tags: Iterable[Callable[[int], str]],
) -> NameMatch:
    """The row whose id the path begins with; a 404 otherwise, which depends on the row, too.

    The id of a merged row leads to the row that was kept.
    """
    row_id = parse_id(request.matchdict[name].partition("-")[0])
    context.depend(*(row_tag(row_id) for row_tag in row_tags if row_id))
    row = request.dbsession.get(model, row_id) if row_id else None
    if row is None and row_id:
        row = successor(request.dbsession, model, id_key(row_id))
    if row is None:
        raise HTTPNotFound
    context.depend(*(row_tag(row.id) for row_tag in row_tags))
    return row


def _values(request: Request, context: PageContext, page: _FacetPage) -> dict[str, Any]:
    """The values of ``facet.jinja2``.

    A person or distributor without published movies is not found. A wrong, missing or former slug,
    or the id of a merged row, redirects to the right URL.
    """
    context.depend(page.list_tag)
    position = given_position(request, FacetPosition.parse)
    read_sections = (position.section,) if position else tuple(FacetSection)
    blocks = facet_blocks(
        request.dbsession, page.facet, read_sections, context.today, BLOCK + 1, position
    )
    if not position and not any(blocks.values()) and page.index is None:
        raise HTTPNotFound
    href = context.urls.path(page.route, **{page.route: page.segment})
    if request.matchdict[page.route] != page.segment:
        raise HTTPMovedPermanently(context.urls.absolute(block_path(href, position)))
    if position:
        rows = blocks[position.section]
        first = FacetPosition.of(position.section, rows[0]) if rows else None
        redirect_unless_at(position, first, context.urls.absolute(href))
    fragments, translate = PageFragments(request, context), context.formatter.translate
    sections: list[Section] = []
    next_links: dict[str, Link] = {}
    for section, listings in blocks.items():
        shown = listings[:BLOCK]
        if shown:
            sections.append(fragments.section(section, translate(_TITLES[section]), shown))
        if len(listings) > BLOCK:
            after = FacetPosition.of(section, listings[BLOCK])
            next_links[section] = Link(block_path(href, after), translate(_NEXT[section]))
    here = at_position(context, position, page.route)
    head = page_head(here, page.name, page.description, page.route, **{page.route: page.segment})
    way = [*((page.index,) if page.index else ()), Link(href, page.name)]
    listed = (card.listing.movie for section in sections for card in section.cards)
    data = breadcrumbs_json_ld(context, way), movies_json_ld(context, listed)
    head = replace(head, json_ld=data)
    return {
        "page": not_indexed(head) if position else head,
        "heading": page.name,
        "kicker": page.kicker,
        "up": Link(href, page.name) if position else page.index,
        "calendar_href": page.calendar_href,
        "news_href": page.news_href,
        "sections": with_eager_row(sections),
        "next_links": next_links,
    }
