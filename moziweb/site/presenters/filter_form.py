"""Reads the filters of a page from its URL, and builds the form to change them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.movies import tags
from moziweb.movies.collation import sort_key
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.filters import FILTERED_AUDIOS, MAX_FILTERS, Dimension, PremiereFilter
from moziweb.movies.models import Audio, Genre, PremiereKind, Rating, ScreenFormat, StreamingService
from moziweb.request import Request

from ..context import PageContext
from ..formatting import AUDIO_NAMES, KIND_NAMES
from ..view_models import FilterField, FilterForm, FilterOption, Link, PageHead
from .page_head import not_indexed

PARAMETERS: Final = tuple(str(dimension) for dimension in Dimension)
"""The parameters of a filtered page, in their canonical order."""

_FILTERED_ROUTES: Final = frozenset({"index", "week", "month", "year"})

_LABELS: Final = {
    Dimension.KIND: _("Kind"),
    Dimension.GENRE: _("Genre"),
    Dimension.SERVICE: _("Streaming service"),
    Dimension.RATING: _("Age rating"),
    Dimension.AUDIO: _("Language version"),
    Dimension.FORMAT: _("Format"),
}
"""The fields in the order of the form."""


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
        which, and a redirect for a URL with empty or repeated parameters.
        """
        context = PageContext.of(request)
        genres, services = all_genres(request.dbsession), all_services(request.dbsession)
        _depend_on_names(context, genres, services)
        given = {name: request.GET.getall(name) for name in PARAMETERS}
        chosen = {name: next(filter(None, texts), "") for name, texts in given.items() if texts}
        found = PremiereFilter(
            audio=_member(FILTERED_AUDIOS, chosen.get("audio")),
            format=_member(ScreenFormat, chosen.get("format")),
            genre=_by_slug(genres, chosen.get("genre")),
            kind=_member(PremiereKind, chosen.get("kind")),
            rating=_member(Rating, chosen.get("rating")),
            service=_by_slug(services, chosen.get("service")),
        )
        parameters = found.parameters
        if len(parameters) > MAX_FILTERS:
            number = {"number": MAX_FILTERS}
            raise HTTPNotFound(_("At most ${number} filters at once, please.", mapping=number))
        path = partial(context.urls.path, route, **values)
        if any(texts != [parameters.get(name)] for name, texts in given.items() if texts):
            raise HTTPMovedPermanently(context.urls.absolute(path(_query=parameters)))
        form = _form(context, path(), found, genres, services)
        urls = replace(context.urls, path=partial(_path_with, context.urls.path, parameters))
        return cls(found, replace(context, urls=urls), form)


def _path_with(path: Any, parameters: Mapping[str, str], name: str, **values: Any) -> str:
    """The path of a route; that of a filtered list has the same parameters."""
    if parameters and name in _FILTERED_ROUTES:
        values.setdefault("_query", parameters)
    text: str = path(name, **values)
    return text


def _depend_on_names(
    context: PageContext, genres: Iterable[Genre], services: Iterable[StreamingService]
) -> None:
    context.depend(tags.GENRES_LIST, tags.SERVICES_LIST)
    context.depend(*(tags.genre_tag(genre.id) for genre in genres))
    context.depend(*(tags.service_tag(service.id) for service in services))


Member = TypeVar("Member", Audio, ScreenFormat, PremiereKind, Rating)
Named = TypeVar("Named", Genre, StreamingService)


def _member(members: Iterable[Member], text: str | None) -> Member | None:
    if not text:
        return None
    return next((each for each in members if each == text), None) or _refuse(text)


def _by_slug(rows: Iterable[Named], slug: str | None) -> Named | None:
    if not slug:
        return None
    return next((each for each in rows if each.slug == slug), None) or _refuse(slug)


def _refuse(text: str) -> Any:
    shown = {"value": text[:40]}
    raise HTTPNotFound(_("There is no filter “${value}”.", mapping=shown))


def _form(
    context: PageContext,
    path: str,
    chosen: PremiereFilter,
    genres: Sequence[Genre],
    services: Sequence[StreamingService],
) -> FilterForm:
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
        )
        for dimension, label in _LABELS.items()
    )
    active = [(field, each) for field in fields for each in field.options if each.selected]
    return FilterForm(
        path=path,
        fields=fields,
        active=tuple(
            Link(_query_path(path, parameters, field.name), _chip_text(field, option))
            for field, option in active
        ),
    )


def _chip_text(field: FilterField, option: FilterOption) -> str:
    """The text of a filter that is set; a bare number needs the name of its filter."""
    if field.name in {Dimension.RATING, Dimension.AUDIO}:
        return f"{field.label}: {option.text}"
    return option.text


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
