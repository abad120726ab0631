"""Queries for calendars and feeds: premieres from a day on, and news of premieres."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, case, func, null, select
from sqlalchemy.orm import InstrumentedAttribute, Session, defer

from moziweb.db.planner_hints import NoIndex

from .lead_premiere import lead_premiere_of
from .models import DatePrecision, Movie, Premiere, PremiereChange
from .queries import DAYS, SYNOPSES, Listing, listings_of, published_premieres


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


def latest_news(
    session: Session, where: Iterable[ColumnElement[bool]], limit: int
) -> tuple[News, ...]:
    """The latest news of premieres that meet ``where``, the newest first. Five queries.

    Without news that disappears between two of the queries: a movie is withdrawn, a move undone.
    """
    conditions = tuple(where)
    found_by_kind = [
        (NewsKind.ANNOUNCED, _latest(session, Premiere.announced_at, conditions, limit)),
        (NewsKind.MOVED, _latest(session, PremiereChange.changed_at, conditions, limit)),
        (NewsKind.CANCELLED, _latest(session, Premiere.cancelled_at, conditions, limit)),
    ]
    rows = [(kind, *row) for kind, found in found_by_kind for row in found]
    rows = sorted(rows, key=lambda row: (row[3], row[1]), reverse=True)[:limit]
    listings = _listings(session, [(row[1], row[2]) for row in rows])
    changes = changes_of(session, listings.keys()) if listings else {}
    found: list[News] = []
    for kind, premiere_id, _movie_id, occurred_at, change in rows:
        of_premiere = changes.get(premiere_id, ())
        if premiere_id not in listings or (change and change not in of_premiere):
            continue
        premiere, listing = listings[premiere_id]
        then = _date_after(change, premiere, of_premiere)
        found.append(News(kind, occurred_at, premiere, listing, *then, change))
    return tuple(found)


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


def _latest(
    session: Session,
    time: InstrumentedAttribute[Any],
    where: Iterable[ColumnElement[bool]],
    limit: int,
) -> Sequence[Any]:
    """Rows of premiere id, movie id, ``time``, and change or None; the latest first.

    Without an index of times: ``where`` finds few premieres, and a site has many of the past, which
    an import may have announced lately.
    """
    if time.class_ is PremiereChange:
        query = published_premieres(Premiere.id, Premiere.movie_id, time, PremiereChange)
        query = query.join(PremiereChange, PremiereChange.premiere_id == Premiere.id)
    else:
        query = published_premieres(Premiere.id, Premiere.movie_id, time, null())
    # PostgreSQL would read an index in the order of its column, but not in that of an expression.
    order = func.coalesce(time, time).desc(), Premiere.id.desc()
    query = query.where(NoIndex(time).is_not(None), *where).order_by(*order)
    return session.execute(query.limit(limit)).all()


def _listings(session: Session, ids: Sequence[Any]) -> dict[int, tuple[Premiere, Listing]]:
    """Listings by premiere id, ordered by date, for rows of premiere id and movie id."""
    if not ids:
        return {}
    listings = listings_of(session, {row[1] for row in ids}, {row[0] for row in ids})
    found = [(each.premiere, each) for each in listings if each.premiere is not None]
    found.sort(key=lambda pair: (pair[0].date, pair[0].id))
    return {premiere.id: (premiere, listing) for premiere, listing in found}
