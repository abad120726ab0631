"""The filters of a page, and the form to change them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from pyramid.i18n import TranslationString

from moziweb.movies import tags
from moziweb.movies.collation import sort_key
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.filters import FILTERED_AUDIOS, MAX_FILTERS, Dimension, PremiereFilter
from moziweb.movies.models import Audio, Genre, Rating, ScreenFormat, StreamingService
from moziweb.request import Request

from ..context import PageContext
from ..formatting import AUDIO_NAMES, KIND_NAMES
from ..query_parameters import keep_parameters, redirect_unless_canonical
from ..view_models import FilterField, FilterForm, FilterOption, Link, PageHead
from .filter_values import (
    LABELS,
    PARAMETERS,
    current_slugs,
    filter_texts,
    given_values,
    parse_filter,
)
from .page_head import not_indexed

_FILTERED_ROUTES: Final = frozenset({"index", "week", "month", "year"})


@dataclass(frozen=True, slots=True)
class PageFilters:
    """The filters of a page, and its context, whose links to lists keep the filters."""

    filter: PremiereFilter
    context: PageContext
    form: FilterForm

    @property
    def is_active(self) -> bool:
        """Whether there is any filter."""
        return bool(self.filter.parameters)

    def head(self, page: PageHead) -> PageHead:
        """The head of a page with these filters: their names are in its title."""
        if not self.is_active:
            return page
        names = ", ".join(link.text for link in self.form.active)
        return not_indexed(replace(page, title=f"{names} · {page.title}"))

    @classmethod
    def of(cls, request: Request, route: str, **values: str) -> "PageFilters":
        """The filters of a request to ``route``. Two queries.

        Raises ``HTTPNotFound`` for an unknown value or too many filters, with the text that says
        which, and a redirect for a URL with empty or repeated parameters or a former slug.
        """
        context = PageContext.of(request)
        genres, services = all_genres(request.dbsession), all_services(request.dbsession)
        depend_on_names(context, genres, services)
        given = current_slugs(request.dbsession, given_values(request), genres, services)
        found = parse_filter(given, genres, services)
        path = context.urls.path(route, **values)
        parameters = found.parameters
        redirect_unless_canonical(request, PARAMETERS, parameters, context.urls.absolute(path))
        form = filter_form(context, path, found, genres, services)
        return cls(found, keep_parameters(context, parameters, _FILTERED_ROUTES), form)


def depend_on_names(
    context: PageContext, genres: Iterable[Genre], services: Iterable[StreamingService]
) -> None:
    """Depend on the names of all genres and services, which the form shows."""
    context.depend(tags.GENRES_LIST, tags.SERVICES_LIST)
    context.depend(*(tags.genre_tag(genre.id) for genre in genres))
    context.depend(*(tags.service_tag(service.id) for service in services))


def filter_form(
    context: PageContext,
    path: str,
    chosen: PremiereFilter,
    genres: Sequence[Genre],
    services: Sequence[StreamingService],
) -> FilterForm:
    """The form of the page at ``path`` with the filter ``chosen``."""
    translate = context.formatter.translate
    parameters = chosen.parameters
    options = _options(context, genres, services)
    fields = tuple(
        FilterField(
            name=dimension,
            label=translate(label),
            options=tuple(
                FilterOption(value, text, selected=parameters.get(dimension) == value)
                for value, text in options[dimension]
            ),
            links=tuple(_adding_links(path, parameters, dimension, options[dimension])),
        )
        for dimension, label in LABELS.items()
    )
    active = tuple(
        Link(_query_path(path, parameters, dimension), text)
        for dimension, text in filter_texts(context, chosen)
    )
    calendar_href = context.urls.path("calendar_page", _query=parameters)
    return FilterForm(path, fields, active, calendar_href)


def _adding_links(
    path: str,
    parameters: Mapping[str, str],
    dimension: Dimension,
    options: Iterable[tuple[str, str]],
) -> Iterator[Link]:
    """Links to the page with each value of a filter, unless one is set or no more are allowed."""
    if dimension in parameters or len(parameters) == MAX_FILTERS:
        return
    for value, text in options:
        query = urlencode(sorted({**parameters, dimension.value: value}.items()))
        yield Link(f"{path}?{query}", text)


def _query_path(path: str, parameters: Mapping[str, str], removed: str) -> str:
    """The page without the filter ``removed``."""
    rest = {name: value for name, value in parameters.items() if name != removed}
    return f"{path}?{urlencode(rest)}" if rest else path


def _options(
    context: PageContext, genres: Sequence[Genre], services: Sequence[StreamingService]
) -> Mapping[Dimension, Sequence[tuple[str, str]]]:
    formatter = context.formatter
    named = [(each.slug, formatter.choose(each.name, each.name_en)) for each in genres]
    return {
        Dimension.KIND: [(kind, formatter.kind_text(kind)) for kind in KIND_NAMES],
        Dimension.GENRE: sorted(named, key=_by_text),
        Dimension.SERVICE: sorted(((each.slug, each.name) for each in services), key=_by_text),
        Dimension.RATING: [(rating, rating) for rating in Rating],
        Dimension.AUDIO: [(audio, formatter.translate(_AUDIOS[audio])) for audio in _AUDIOS],
        Dimension.FORMAT: [(each, each) for each in ScreenFormat],
    }


_AUDIOS: Final[Mapping[Audio, TranslationString]] = {
    audio: AUDIO_NAMES[audio] for audio in FILTERED_AUDIOS
}


def _by_text(option: tuple[str, str]) -> str:
    return sort_key(option[1])
