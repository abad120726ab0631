"""The list of movies."""

from dataclasses import dataclass
from typing import Any, Final

from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.request import Request
from moziweb.site.formatting import Formatter
from moziweb.site.view_models import Link

from ..movies.list_page import MovieListPage, page_of_movies
from ..movies.list_query import Filter, ListQuery, Sort
from ..movies.queries import distributors_by_name
from ..web.layout import manager_view, page_frame
from ..web.redirects import MovedPermanently
from ..web.resources import SEE
from .bulk import BULK_NAMES
from .home import filter_context

_ROUTE: Final = "manager.movies"

_FILTERS: Final = {
    Filter.ALL: _("All"),
    Filter.THIS_WEEK: _("This week"),
    Filter.NEXT_WEEK: _("Next week"),
    Filter.NO_POSTER: _("No poster"),
    Filter.SMALL_POSTER: _("Poster too small"),
    Filter.FAILED: _("Poster failed"),
    Filter.NO_DATE: _("No date"),
    Filter.NO_SYNOPSIS: _("No synopsis"),
    Filter.NO_RATING: _("No rating"),
    Filter.STALE: _("Stale import"),
    Filter.UNPUBLISHED: _("Not on the site"),
}

_SORTS: Final = {
    Sort.CHANGED: _("Latest change"),
    Sort.DATE: _("Premiere"),
    Sort.TITLE: _("Title"),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """Links of the list: filters, sort orders, next and previous page."""

    filters: tuple[Link, ...]
    sorts: tuple[Link, ...]
    next: str
    previous: str
    whole: str

    @classmethod
    def of(cls, request: Request, query: ListQuery, found: MovieListPage) -> "Choices":
        """Returns the links for a page."""
        translate = request.localizer.translate

        def href(**changes: str) -> str:
            return request.route_path(_ROUTE, _query=query.params(**changes))

        return cls(
            filters=tuple(
                Link(href(show=each.value), translate(name), current=each is query.filter)
                for each, name in _FILTERS.items()
            ),
            sorts=tuple(
                Link(href(sort=each.value), translate(name), each.value, current=each is query.sort)
                for each, name in _SORTS.items()
            ),
            next=href(after=found.next) if found.next else "",
            previous=href(before=found.previous) if found.previous else "",
            whole=request.route_path(_ROUTE),
        )


@manager_view("movies", permission=SEE, renderer="movies", method="GET")
def movies(request: Request) -> dict[str, Any]:
    """A page of the list: at most four queries, and one for the session."""
    distributors = distributors_by_name(request.dbsession)
    query = ListQuery.of(request.GET, distributors)
    found = page_of_movies(request.dbsession, query, filter_context(request))
    wording = Formatter(request.locale_name, request.localizer.translate)
    return {
        "page": page_frame(request, _("Films"), _ROUTE),
        "query": query,
        "rows": found.rows,
        "similar": found.similar,
        "distributors": distributors,
        "choices": Choices.of(request, query, found),
        "bulk_actions": BULK_NAMES,
        "params": query.params(),
        "date_text": wording.date_text,
        "kind_text": wording.kind_text,
    }


@view_config(route_name="manager_films", permission=NO_PERMISSION_REQUIRED, request_method="GET")
def films(request: Request) -> MovedPermanently:
    """Redirects bookmarks of ``/manager/films``, the former path of ``/manager/movies``."""
    prefix, _films, rest = request.path_qs.partition("/manager/films")
    return MovedPermanently(f"{prefix}/manager/movies{rest}")
