"""Sections of the index: their listings and titles, for the page and for the JSON API."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pyramid.i18n import TranslationString
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.calendar import Week, week_of
from moziweb.movies.filters import NO_FILTER, PremiereFilter
from moziweb.movies.lead_premiere import WEEKS_IN_CINEMAS
from moziweb.movies.models import Premiere, PremiereKind
from moziweb.movies.queries import (
    DAYS,
    RUNNING,
    SCREENED,
    STREAMED,
    Listing,
    premieres_between,
    undated_movies,
)
from moziweb.movies.tags import UNDATED_LIST, dated_tag

from ..context import PageContext

UNDATED_ON_INDEX: Final = 6
"""The number of undated movies on the index; the rest are on the page of undated movies."""

Kinds: TypeAlias = Collection[PremiereKind]


@dataclass(frozen=True, slots=True)
class IndexSection:
    """A section of the index. ``week`` is set if the section shows one week."""

    key: str
    title: TranslationString
    listings: tuple[Listing, ...]
    week: Week | None = None


def index_sections(
    session: Session, context: PageContext, chosen: PremiereFilter = NO_FILTER
) -> tuple[IndexSection, ...]:
    """The sections of today's index in order, including empty ones. Two queries.

    With a filter, there are no movies without a date: it is a filter of premieres.
    """
    today = context.today
    this, following = week_of(today), week_of(today).next
    weeks = [this.shifted(step) for step in range(-WEEKS_IN_CINEMAS, 2)]
    context.depend(*chosen.list_tags(*weeks))
    start, where = weeks[0].start, chosen.conditions
    listings = premieres_between(session, start, following.end, DAYS, where)
    undated = () if where else _undated(session, context)

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


def _undated(session: Session, context: PageContext) -> tuple[Listing, ...]:
    context.depend(UNDATED_LIST)
    found = undated_movies(session, context.today, UNDATED_ON_INDEX)
    context.depend(*(dated_tag(each.movie.id) for each in found))
    return found


def _of_week(listings: Iterable[Listing], week: Week, kinds: Kinds) -> tuple[Listing, ...]:
    return _filter(listings, lambda premiere: premiere.date in week and premiere.kind in kinds)


def _running(listings: Iterable[Listing], week: Week) -> tuple[Listing, ...]:
    """Movies that opened before ``week`` and are still in cinemas, the latest premiere first."""

    def is_running(premiere: Premiere) -> bool:
        opened = premiere.date < week.start and premiere.cancelled_at is None
        return opened and premiere.kind in RUNNING

    return tuple(sorted(_filter(listings, is_running), key=lambda each: each.day, reverse=True))


def _filter(
    listings: Iterable[Listing], predicate: Callable[[Premiere], bool]
) -> tuple[Listing, ...]:
    return tuple(each for each in listings if each.premiere and predicate(each.premiere))
