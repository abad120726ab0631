"""Queries for calendars and feeds: premieres from a day on, and news of premieres."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, defer

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id

from .calendar import week_of
from .lead_premiere import lead_premiere_of
from .models import DatePrecision, Movie, Premiere, PremiereChange
from .queries import DAYS, SYNOPSES, Listing, listings_of, published_premieres

CHANGES_BLOCK: Final = 120
"""Changes on one page of the site."""


class NewsKind(StrEnum):
    """What happened to a premiere."""

    ANNOUNCED = "announced"
    MOVED = "moved"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class News:
    """An announcement, move or cancellation of a premiere; ``change`` is set for a move.

    ``date`` and ``precision`` are those that the premiere had after it, not the present ones.
    """

    kind: NewsKind
    occurred_at: datetime
    premiere: Premiere
    listing: Listing
    date: date
    precision: DatePrecision
    change: PremiereChange | None = None

    @property
    def position(self) -> "NewsPosition":
        """Its sort key in ``latest_news``."""
        row_id = self.change.id if self.change else self.premiere.id
        return NewsPosition(self.kind, self.occurred_at, row_id)


@dataclass(frozen=True, slots=True)
class NewsPosition:
    """Where a block of news begins: the newest first, those of one time by kind.

    ``row_id`` is that of the change of a move, otherwise of the premiere.
    """

    kind: NewsKind
    occurred_at: datetime
    row_id: int

    def __str__(self) -> str:
        return f"{self.kind}-{(self.occurred_at - _EPOCH) // _MICROSECOND}-{self.row_id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of ``str``; None for any other text."""
        match = _POSITION.fullmatch(text)
        row_id = parse_id(match[3]) if match else None
        if match is None or row_id is None:
            return None
        return cls(NewsKind(match[1]), _EPOCH + int(match[2]) * _MICROSECOND, row_id)

    @property
    def key(self) -> tuple[Any, ...]:
        """The values that news are ordered by, all descending."""
        return self.occurred_at, -_KINDS.index(self.kind), self.row_id


_KINDS: Final = tuple(NewsKind)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_POSITION: Final = re.compile(f"({'|'.join(NewsKind)})-(0|[1-9][0-9]{{0,16}})-([0-9]+)")


def calendar_premieres(
    session: Session, where: Iterable[ColumnElement[bool]], limit: int, start: date | None = None
) -> tuple[tuple[Premiere, Listing], ...]:
    """The premieres on a known day that meet ``where``, by date. Two queries.

    Cancelled premieres are among them. If there are more than ``limit``, the first ones from
    ``start`` on are kept, then the latest ones before it; without ``start``, the latest ones.
    """
    kept: list[ColumnElement[Any]] = [Premiere.date.desc(), Premiere.id.desc()]
    if start is not None:
        is_coming = Premiere.date >= start
        kept = [is_coming.desc(), case((is_coming, Premiere.date)), *kept]
    query = (
        published_premieres(Premiere.id, Premiere.movie_id)
        .where(Premiere.precision.in_(DAYS), *where)
        .order_by(*kept)
        .limit(limit)
    )
    return tuple(_listings(session, session.execute(query).all()).values())


def published_by_id(session: Session, movie_id: int) -> Movie | None:
    """A published movie without its synopses and relations, or None. One query."""
    query = select(Movie).options(*(defer(each, raiseload=True) for each in SYNOPSES))
    return session.scalar(query.where(Movie.id == movie_id, Movie.published))


def published_ids(session: Session, movie_ids: Collection[int]) -> frozenset[int]:
    """Those of the movies that are published. One query."""
    query = select(Movie.id).where(Movie.id.in_(movie_ids), Movie.published)
    return frozenset(session.scalars(query))


def lead_listings(session: Session, movie_ids: Sequence[int], today: date) -> tuple[Listing, ...]:
    """Published movies in the order of ``movie_ids``, with their lead premieres. Two queries."""
    premieres: dict[int, list[Premiere]] = defaultdict(list)
    for premiere in session.scalars(select(Premiere).where(Premiere.movie_id.in_(movie_ids))):
        premieres[premiere.movie_id].append(premiere)
    leading = [lead_premiere_of(premieres[movie_id], today) for movie_id in movie_ids]
    ids = {premiere.id for premiere in leading if premiere is not None}
    found = {each.movie.id: each for each in listings_of(session, movie_ids, ids)}
    return tuple(found[movie_id] for movie_id in movie_ids if movie_id in found)


def changes_of(
    session: Session, premiere_ids: Collection[int]
) -> Mapping[int, tuple[PremiereChange, ...]]:
    """The changes of premieres by premiere id, the oldest first; without changes, no key."""
    query = select(PremiereChange).where(PremiereChange.premiere_id.in_(premiere_ids))
    found: dict[int, tuple[PremiereChange, ...]] = defaultdict(tuple)
    for change in session.scalars(query.order_by(PremiereChange.changed_at, PremiereChange.id)):
        found[change.premiere_id] += (change,)
    return found


def has_listed_changes(today: date) -> ColumnElement[bool]:
    """Whether the page of changes lists those of a premiere: it is in this week or later."""
    return Premiere.date >= week_of(today).start


def latest_news(
    session: Session,
    where: Iterable[ColumnElement[bool]],
    limit: int,
    position: NewsPosition | None = None,
) -> tuple[News, ...]:
    """The latest news of premieres that meet ``where``, from ``position`` on. Five queries.

    The newest first; three queries if there are none. Without news that disappears between two of
    the queries: a movie is withdrawn, a move undone.
    """
    conditions = tuple(where)
    rows = [
        (NewsPosition(kind, row[2], row[3].id if row[3] else row[0]), row)
        for kind, time in _TIMES.items()
        for row in _latest(session, kind, time, conditions, limit, position)
    ]
    rows = sorted(rows, key=lambda pair: pair[0].key, reverse=True)[:limit]
    listings = _listings(session, [row for _position, row in rows])
    changes = changes_of(session, listings.keys()) if listings else {}
    found: list[News] = []
    for place, (premiere_id, _movie_id, occurred_at, change) in rows:
        of_premiere = changes.get(premiere_id, ())
        if premiere_id not in listings or (change and change not in of_premiere):
            continue
        premiere, listing = listings[premiere_id]
        then = _date_after(change, premiere, of_premiere)
        found.append(News(place.kind, occurred_at, premiere, listing, *then, change))
    return tuple(found)


def news_positions(
    session: Session, where: Iterable[ColumnElement[bool]]
) -> Sequence[NewsPosition]:
    """The positions of all news of premieres that meet ``where``, the newest first.

    Three queries.
    """
    conditions = tuple(where)
    found = [
        NewsPosition(kind, *row)
        for kind, time in _TIMES.items()
        for row in session.execute(
            _news_query(kind, time, conditions).with_only_columns(time, _row_id(kind))
        )
    ]
    return sorted(found, key=lambda each: each.key, reverse=True)


def _date_after(
    change: PremiereChange | None, premiere: Premiere, changes: Sequence[PremiereChange]
) -> tuple[date, DatePrecision]:
    """The date of a premiere after ``change``, or as it was announced.

    The old date of the next change is the new date of this one.
    """
    later = changes[changes.index(change) + 1 :] if change else changes
    if later:
        return later[0].old_date, later[0].old_precision
    return premiere.date, premiere.precision


_TIMES: Final[Mapping[NewsKind, InstrumentedAttribute[Any]]] = {
    NewsKind.ANNOUNCED: Premiere.announced_at,
    NewsKind.MOVED: PremiereChange.changed_at,
    NewsKind.CANCELLED: Premiere.cancelled_at,
}


def _row_id(kind: NewsKind) -> InstrumentedAttribute[int]:
    return PremiereChange.id if kind is NewsKind.MOVED else Premiere.id


def _news_query(
    kind: NewsKind, time: InstrumentedAttribute[Any], where: Iterable[ColumnElement[bool]]
) -> Select[Any]:
    """Rows of premiere id, movie id, ``time``, and change or None, in no order."""
    if kind is NewsKind.MOVED:
        query = published_premieres(Premiere.id, Premiere.movie_id, time, PremiereChange)
        query = query.join(PremiereChange, PremiereChange.premiere_id == Premiere.id)
    else:
        query = published_premieres(Premiere.id, Premiere.movie_id, time, null())
    return query.where(NoIndex(time).is_not(None), *where)


def _latest(
    session: Session,
    kind: NewsKind,
    time: InstrumentedAttribute[Any],
    where: Iterable[ColumnElement[bool]],
    limit: int,
    position: NewsPosition | None,
) -> Sequence[Any]:
    """The latest rows of ``_news_query``, from ``position`` on.

    Without an index of times: ``where`` finds few premieres, and a site has many of the past, which
    an import may have announced lately.
    """
    # PostgreSQL would read an index in the order of its column, but not in that of an expression.
    at, row_id = func.coalesce(time, time), _row_id(kind)
    query = _news_query(kind, time, where).order_by(at.desc(), row_id.desc())
    if position is not None:
        place, given = _KINDS.index(kind), _KINDS.index(position.kind)
        is_same_time = at == position.occurred_at
        if place == given:
            is_same_time = and_(is_same_time, row_id <= position.row_id)
        elif place < given:
            is_same_time = false()
        query = query.where(or_(at < position.occurred_at, is_same_time))
    return session.execute(query.limit(limit)).all()


def _listings(session: Session, ids: Sequence[Any]) -> dict[int, tuple[Premiere, Listing]]:
    """Listings by premiere id, ordered by date, for rows of premiere id and movie id."""
    if not ids:
        return {}
    listings = listings_of(session, {row[1] for row in ids}, {row[0] for row in ids})
    found = [(each.premiere, each) for each in listings if each.premiere is not None]
    found.sort(key=lambda pair: (pair[0].date, pair[0].id))
    return {premiere.id: (premiere, listing) for premiere, listing in found}
