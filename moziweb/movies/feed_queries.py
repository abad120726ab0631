"""What calendars and feeds ask of the database: what opens from a day on, what was told lately."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, null, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from .lead_premiere import lead_premiere_of
from .models import Movie, Premiere, PremiereChange, PremiereKind
from .queries import DAYS, Listing, listings_of


class NewsKind(StrEnum):
    """What there is to tell of a premiere."""

    ANNOUNCED = "announced"
    MOVED = "moved"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class News:
    """Something that was told of a premiere at a moment; ``change`` is how it moved."""

    what: NewsKind
    when: datetime
    premiere: Premiere
    listing: Listing
    change: PremiereChange | None = None


def premieres_from(
    session: Session, start: date, kinds: Collection[PremiereKind], limit: int
) -> tuple[tuple[Premiere, Listing], ...]:
    """The nearest premieres of some kinds whose day is ``start`` or later; two queries.

    In the order of their days. Cancelled ones are among them.
    """
    query = (
        _published(Premiere.id, Premiere.movie_id)
        .where(Premiere.date >= start, Premiere.precision.in_(DAYS), Premiere.kind.in_(kinds))
        .order_by(Premiere.date, Premiere.id)
        .limit(limit)
    )
    return tuple(_listings(session, session.execute(query).all()).values())


def openings_of(session: Session, movie_ids: Sequence[int], today: date) -> tuple[Listing, ...]:
    """Movies in the order of their ids as given, each with the premiere that its page leads with.

    Two queries. A movie that is not published is left out.
    """
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
    """How premieres moved, the oldest change first; one that never did is absent."""
    query = select(PremiereChange).where(PremiereChange.premiere_id.in_(premiere_ids))
    found: dict[int, tuple[PremiereChange, ...]] = defaultdict(tuple)
    for change in session.scalars(query.order_by(PremiereChange.changed_at, PremiereChange.id)):
        found[change.premiere_id] += (change,)
    return found


def latest_news(session: Session, start: date, limit: int) -> tuple[News, ...]:
    """What was told last, the latest first; four queries.

    Only of premieres on ``start`` or later, by the first day that they may be on: what an archive
    is filled with is no news.
    """
    told = [
        (NewsKind.ANNOUNCED, _latest(session, Premiere.announced_at, start, limit)),
        (NewsKind.MOVED, _latest(session, PremiereChange.changed_at, start, limit)),
        (NewsKind.CANCELLED, _latest(session, Premiere.cancelled_at, start, limit)),
    ]
    rows = [(what, *row) for what, found in told for row in found]
    rows = sorted(rows, key=lambda row: (row[3], row[1]), reverse=True)[:limit]
    listings = _listings(session, [(row[1], row[2]) for row in rows])
    return tuple(News(row[0], row[3], *listings[row[1]], row[4]) for row in rows)


def _published(*columns: Any) -> Select[Any]:
    return select(*columns).join(Movie, Movie.id == Premiere.movie_id).where(Movie.published)


def _latest(
    session: Session, moment: InstrumentedAttribute[Any], start: date, limit: int
) -> Sequence[Any]:
    """Premiere, movie, moment, and the change where the moment is one's; the latest first."""
    if moment.class_ is PremiereChange:
        query = _published(Premiere.id, Premiere.movie_id, moment, PremiereChange)
        query = query.join(PremiereChange, PremiereChange.premiere_id == Premiere.id)
    else:
        query = _published(Premiere.id, Premiere.movie_id, moment, null())
    query = query.where(moment.is_not(None), Premiere.date >= start)
    return session.execute(query.order_by(moment.desc(), Premiere.id.desc()).limit(limit)).all()


def _listings(session: Session, ids: Sequence[Any]) -> dict[int, tuple[Premiere, Listing]]:
    """The listings of rows of premiere and movie by premiere, in the order of their days."""
    if not ids:
        return {}
    listings = listings_of(session, {row[1] for row in ids}, {row[0] for row in ids})
    found = [(each.premiere, each) for each in listings if each.premiere is not None]
    found.sort(key=lambda pair: (pair[0].date, pair[0].id))
    return {premiere.id: (premiere, listing) for premiere, listing in found}
