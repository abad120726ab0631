"""The pages that are read during a run, and what each must show of a movie in a given state."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from moziweb.movies.calendar import month_of, week_of
from moziweb.movies.models import PremiereKind

from .states import GENRES, MOVIES, RATINGS, SERVICE, WORDS, MovieState, days

Shows = Callable[[int, MovieState], bool | None]
"""Whether a page shows a movie in a state; None if it may or may not."""

_FILTERS: Final[tuple[Mapping[str, str], ...]] = (
    *({"genre": genre} for genre in GENRES),
    *({"kind": kind} for kind in (PremiereKind.CINEMA, PremiereKind.STREAMING)),
    {"rating": RATINGS[1]},
    {"service": SERVICE},
    {"genre": "drama", "kind": PremiereKind.STREAMING},
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows.

    With ``has_facts`` it has the date of each premiere, and whether it is cancelled
    (``facts_of``). ``is_silent`` if it may show results within ``grace`` without ``X-Cache``.
    """

    shows: Shows
    has_facts: bool = False
    is_silent: bool = False


def facts_of(state: MovieState) -> str:
    """The date of a premiere, and whether it is cancelled, as readers note them."""
    return f"{state.day}{' cancelled' if state.cancelled else ''}"


def popular(week: str) -> list[str]:
    """The pages that are read most: lists of all movies of a week, and the pages of movies."""
    lists = ("/", "/en/", f"/week/{week}", f"/en/week/{week}", "/api/main/")
    return [*lists, *(f"/movie/{movie}-soak" for movie in MOVIES)]


def pages() -> dict[str, Page]:
    """All pages by their path."""
    thursdays = days()
    weeks = [week_of(day) for day in thursdays]
    on_index = _in_span(weeks[0].start, weeks[1].end)
    found = {"/": Page(on_index), "/en/": Page(on_index)}
    found["/api/main/"] = Page(on_index, has_facts=True)
    for movie in MOVIES:
        own = Page(_own_page(movie))
        found |= {f"/movie/{movie}-soak{kind}": own for kind in ("", ".ics", ".atom")}
    for filters in _FILTERS:
        found[f"/?{urlencode(filters)}"] = Page(_filtered(on_index, filters))
    for week in weeks:
        found |= _pages_of(f"week/{week.name}", _in_span(week.start, week.end), _FILTERS)
    for month in dict.fromkeys(map(month_of, thursdays)):
        found |= _pages_of(f"month/{month.name}", _in_span(month.start, month.end), _FILTERS[1:5])
    everywhere = _in_span(weeks[0].start, thursdays[-1] + timedelta(days=1))
    for filters in ({}, {"genre": "vigjatek"}, {"rating": RATINGS[1]}, {"service": SERVICE}):
        query = f"?{urlencode(filters)}" if filters else ""
        shows = _filtered(everywhere, filters)
        found[f"/premieres.ics{query}"] = Page(shows, has_facts=True)
        found[f"/premieres.atom{query}"] = Page(shows)
    found |= {"/changes": Page(everywhere), "/api/v1/changes": Page(_unknown)}
    found |= {
        f"/year/{thursdays[0].year}": Page(_unknown),
        "/suggest?q=soak": Page(_unknown, is_silent=True),
    }
    for genre in GENRES:
        shows = _filtered(everywhere, {"genre": genre})
        found[f"/api/v1/premieres?genre={genre}"] = Page(shows)
        found[f"/genre/{genre}"] = Page(shows)
        streamed = _filtered(shows, {"kind": PremiereKind.STREAMING})
        found[f"/premieres-streaming.ics?genre={genre}"] = Page(streamed, has_facts=True)
    for word in WORDS:
        found[f"/search?q={word}"] = Page(_with_word(word), is_silent=True)
    return found


def _pages_of(name: str, shows: Shows, all_filters: Iterable[Mapping[str, str]]) -> dict[str, Page]:
    """The page of a period, and its filtered pages; one of them and itself also in English."""
    drama = _filtered(shows, {"genre": "drama"})
    found = {f"/{name}": Page(shows), f"/en/{name}": Page(shows)}
    found[f"/en/{name}?genre=drama"] = Page(drama)
    for filters in all_filters:
        found[f"/{name}?{urlencode(filters)}"] = Page(_filtered(shows, filters))
    return found


def _in_span(start: date, end: date) -> Shows:
    def shows(_movie: int, state: MovieState) -> bool:
        return state.published and start <= date.fromisoformat(state.day) <= end

    return shows


def _filtered(shows: Shows, filters: Mapping[str, str]) -> Shows:
    def values_of(state: MovieState) -> Mapping[str, str]:
        service = SERVICE if state.kind == PremiereKind.STREAMING else ""
        return {
            "genre": state.genre, "kind": state.kind, "rating": state.rating, "service": service
        }  # fmt: skip

    return lambda movie, state: shows(movie, state) and filters.items() <= values_of(state).items()


def _unknown(_movie: int, _state: MovieState) -> None:
    """A page of which only the versions of titles are compared: it has the first movies only."""


def _with_word(word: str) -> Shows:
    return lambda _movie, state: state.published and state.word == word


def _own_page(movie: int) -> Shows:
    """The page of one movie; others are on it if they are near."""
    return lambda shown, state: state.published if shown == movie else None
