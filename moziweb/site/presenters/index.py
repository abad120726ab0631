"""The index: what its sections hold and how they are headed. Its page and its JSON share it."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pyramid.i18n import TranslationString
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.calendar import Week, week_of
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.models import Premiere, PremiereKind
from moziweb.movies.queries import (
    RUNNING,
    SCREENED,
    STREAMED,
    Listing,
    premieres_between,
    undated_movies,
)
from moziweb.movies.tags import UNDATED_LIST, dated_tag, period_tag

from ..context import PageContext

UNDATED_SHOWN: Final = 6
"""How many films without a date the index shows before it links to their page."""


Kinds: TypeAlias = Collection[PremiereKind]


@dataclass(frozen=True, slots=True)
class IndexSection:
    """A section before it is put in words; ``week`` is the one it shows, if it shows one."""

    key: str
    title: TranslationString
    listings: tuple[Listing, ...]
    week: Week | None = None


def index_sections(session: Session, visit: PageContext) -> tuple[IndexSection, ...]:
    """The sections of today's index, in order, the empty ones among them. Two queries."""
    today = visit.today
    this, following = week_of(today), week_of(today).next
    shown = (this.shifted(step) for step in range(-WEEKS_IN_CINEMAS, 2))
    visit.depend(UNDATED_LIST, *map(period_tag, shown))
    listings = premieres_between(session, this.shifted(-WEEKS_IN_CINEMAS).start, following.end)
    undated = undated_movies(session, today, UNDATED_SHOWN)
    visit.depend(*(dated_tag(each.movie.id) for each in undated))

    def section(key: str, title: TranslationString, week: Week, kinds: Kinds) -> IndexSection:
        return IndexSection(key, title, _of_week(listings, week, kinds), week)

    return (
        section("this-week", _("In cinemas this week"), this, SCREENED),
        section("next-week", _("In cinemas next week"), following, SCREENED),
        section("streaming-this-week", _("Streaming this week"), this, STREAMED),
        section("streaming-next-week", _("Streaming next week"), following, STREAMED),
        IndexSection("still-in-cinemas", _("Still in cinemas"), _running(listings, this)),
        IndexSection("undated", _("Films without a date"), undated),
    )


def _of_week(listings: Iterable[Listing], week: Week, kinds: Kinds) -> tuple[Listing, ...]:
    return _kept(listings, lambda premiere: premiere.date in week and premiere.kind in kinds)


def _running(listings: Iterable[Listing], week: Week) -> tuple[Listing, ...]:
    """What opened before ``week`` and goes on, the newest first."""

    def goes_on(premiere: Premiere) -> bool:
        opened = premiere.date < week.start and premiere.cancelled_at is None
        return opened and premiere.kind in RUNNING

    return tuple(sorted(_kept(listings, goes_on), key=lambda each: each.day, reverse=True))


def _kept(listings: Iterable[Listing], keep: Callable[[Premiere], bool]) -> tuple[Listing, ...]:
    return tuple(each for each in listings if each.premiere and keep(each.premiere))
