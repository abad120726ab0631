"""The states of the movies of a run, and the editors' writes that change them.

A movie has one premiere. Each write adds the values that it sets to its row of the outbox, so the
rows of a movie give all of its states. A write locks the row of its movie, so the ids of the rows
are in the order of the commits.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Self

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from moziweb.cache import REASON
from moziweb.clock import utc_now
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import (
    Genre,
    Movie,
    MovieGenre,
    Premiere,
    PremiereKind,
    Rating,
    StreamingService,
)
from moziweb.movies.movie_rows import note_move
from tests.factories import add_genres, make_movie, make_premiere, named

MOVIES: Final = range(1, 9)
WEEKS: Final = 3
"""This one and the following ones; premieres move between their Thursdays."""

WORDS: Final = "kaktusz", "delfin"
"""Words of titles. Neither contains four letters of the other, so no search finds it as similar."""

GENRES: Final = {"drama": "Dráma/Drama", "vigjatek": "Vígjáték/Comedy"}
RATINGS: Final = Rating.AGE_12, Rating.AGE_16
SERVICE: Final = "netflix"

_VERSION: Final = re.compile(r"version (\d+)\.")


@dataclass(frozen=True, slots=True)
class MovieState:
    """What pages show of a movie. ``version`` is in its title, and grows when it is renamed."""

    day: str
    version: int = 0
    genre: str = "drama"
    rating: str = Rating.AGE_12
    kind: str = PremiereKind.CINEMA
    cancelled: bool = False
    published: bool = True

    @classmethod
    def first(cls) -> Self:
        """The state before the first write."""
        return cls(days()[0].isoformat())

    def changed(self, values: Mapping[str, Any]) -> Self:
        """The state after a write that has set ``values``."""
        return replace(self, **values)

    @property
    def word(self) -> str:
        """The last word of the title."""
        return WORDS[self.version % len(WORDS)]


def days() -> Sequence[date]:
    """The Thursdays of the weeks of a run, in the calendar of today."""
    first = week_of(budapest_today(utc_now())).thursday
    return [first + timedelta(weeks=number) for number in range(WEEKS)]


def title_of(movie: int, version: int) -> str:
    """``Soak 7 version 12. kaktusz``, which ``VERSION`` in ``visitors.py`` matches."""
    return f"Soak {movie} version {version}. {WORDS[version % len(WORDS)]}"


def version_in(title: str) -> int:
    """The version in a title of ``title_of``."""
    (version,) = _VERSION.findall(title)
    return int(version)


def add_movies(session: Session) -> None:
    """Add the movies, without genres: so their pages have no cards of other movies."""
    first = MovieState.first()
    for number in MOVIES:
        movie = make_movie(
            session, title_of(number, 0), id=number, slug="soak", rating=Rating(first.rating)
        )
        make_premiere(session, movie, date.fromisoformat(first.day))


def add_values(session: Session) -> None:
    """Give the movies their genre, and add the other values that edits set."""
    named(session, StreamingService, "Netflix", slug=SERVICE)
    for slug, names in GENRES.items():
        hungarian, _, english = names.partition("/")
        named(session, Genre, hungarian, slug=slug, name_en=english)
    for movie in session.scalars(select(Movie)):
        add_genres(session, movie, GENRES[MovieState.first().genre])


def _rename(session: Session, movie: Movie) -> dict[str, Any]:
    version = version_in(movie.title) + 1
    movie.title = movie.original_title = title_of(movie.id, version)
    return {"version": version}


def _move(session: Session, movie: Movie) -> dict[str, Any]:
    premiere = _premiere_of(session, movie)
    day = random.choice([each for each in days() if each != premiere.date])
    premiere.changes.clear()  # feeds list a limited number of moves
    note_move(premiere, utc_now(), "")
    premiere.date = day
    return {"day": day.isoformat()}


def _cancel(session: Session, movie: Movie) -> dict[str, Any]:
    premiere = _premiere_of(session, movie)
    premiere.cancelled_at = None if premiere.cancelled_at else utc_now()
    return {"cancelled": premiere.cancelled_at is not None}


def _change_kind(session: Session, movie: Movie) -> dict[str, Any]:
    premiere = _premiere_of(session, movie)
    if premiere.kind is PremiereKind.CINEMA:
        premiere.kind = PremiereKind.STREAMING
        service = select(StreamingService.id).where(StreamingService.slug == SERVICE)
        premiere.service_id = session.scalars(service).one()
    else:
        premiere.kind, premiere.service_id = PremiereKind.CINEMA, None
    return {"kind": premiere.kind}


def _change_genre(session: Session, movie: Movie) -> dict[str, Any]:
    links = select(MovieGenre, Genre.slug).join(Genre).where(MovieGenre.movie_id == movie.id)
    link, old = session.execute(links).one()
    other = session.scalars(select(Genre).where(Genre.slug != old)).one()
    session.delete(link)
    session.add(MovieGenre(movie_id=movie.id, genre_id=other.id))
    return {"genre": other.slug}


def _change_rating(session: Session, movie: Movie) -> dict[str, Any]:
    movie.rating = next(each for each in RATINGS if each is not movie.rating)
    return {"rating": movie.rating}


def _publish(session: Session, movie: Movie) -> dict[str, Any]:
    movie.published = True
    return {"published": True}


def _withdraw(session: Session, movie: Movie) -> dict[str, Any]:
    movie.published = False
    return {"published": False}


EDITS: Final[Mapping[str, Callable[[Session, Movie], dict[str, Any]]]] = {
    "rename": _rename,
    "move": _move,
    "cancel": _cancel,
    "kind": _change_kind,
    "genre": _change_genre,
    "rating": _change_rating,
    "publish": _publish,
    "withdraw": _withdraw,
}
"""The writes by name. Each sets columns of a locked movie, and returns the values of its state."""

_OFTEN: Final = (*EDITS, "publish", "publish")
"""So that most movies are published."""


def some_edits(chance: random.Random) -> list[str]:
    """The edits of one transaction: one, or sometimes up to three."""
    number = 1 if chance.random() < 0.8 else chance.choice((2, 3))
    return list(dict.fromkeys(chance.choice(_OFTEN) for _ in range(number)))


def write(session: Session, movie_id: int, edits: Sequence[str] = ("rename",)) -> int:
    """Change a movie in the transaction of the session; returns the version in its title."""
    movie = session.get_one(Movie, movie_id, with_for_update=True)
    changes: dict[str, Any] = {}
    for edit in edits:
        changes |= EDITS[edit](session, movie)
    session.info[REASON] = json.dumps({"movie": movie_id, **changes})
    return version_in(movie.title)


def _premiere_of(session: Session, movie: Movie) -> Premiere:
    query = select(Premiere).where(Premiere.movie_id == movie.id)
    return session.scalars(query.options(selectinload(Premiere.changes))).one()
