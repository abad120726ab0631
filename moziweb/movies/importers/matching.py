"""Which of our films a candidate is. At most four queries for any number of candidates.

Ids decide: the list's own, TMDB's, IMDb's. Without them a title and a year may, with care: two
films of one title are two films, and what cannot be told apart is told to the operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, TypeVar

from sqlalchemy import select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.i18n import _
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.slugs import slug_of

from .candidate import Candidate
from .models import MovieReference
from .problems import Problem

T = TypeVar("T")

YEARS_APART: Final = 1
"""A film that is dated a year off may be the same one: it was postponed over New Year's Eve."""


@dataclass(frozen=True, slots=True)
class Match:
    """The film, or None for a new one, or a problem when that cannot be said."""

    movie_id: int | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Namesake:
    """A film of the candidate's title; ``years`` are those of its premieres."""

    id: int
    title: str
    original_title: str
    imdb_id: str | None
    tmdb_id: int | None
    years: frozenset[int] = frozenset()
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What our films are called, as far as some candidates ask."""

    by_ref: dict[tuple[str, str], int] = field(default_factory=dict)
    by_tmdb: dict[int, int] = field(default_factory=dict)
    by_imdb: dict[str, int] = field(default_factory=dict)
    by_slug: dict[str, tuple[Namesake, ...]] = field(default_factory=dict)


def match(candidate: Candidate, known: Known) -> Match:
    """The film of a candidate."""
    found = {
        known.by_ref.get((candidate.list_name, candidate.ref)),
        known.by_tmdb.get(candidate.tmdb_id or 0),
        known.by_imdb.get(candidate.imdb_id or ""),
    } - {None}
    if len(found) > 1:
        movies = " and ".join(f"film {each}" for each in sorted(filter(None, found)))
        return _unclear(candidate, _("its ids name two of our films: ${films}"), movies)
    return Match(found.pop()) if found else _by_title(candidate, known)


def _by_title(candidate: Candidate, known: Known) -> Match:
    alike = [
        each
        for each in known.by_slug.get(slug_of(candidate.title), ())
        if not _surely_another(candidate, each)
    ]
    sure = [each for each in alike if not each.years or each.years & candidate.years]
    if len(alike) > 1 or (alike and not sure):
        movies = ", ".join(f"film {each.id} ({_when(each)})" for each in alike)
        text = _("cannot be told from ${films} of the same title; give it an id or a date")
        return _unclear(candidate, text, movies)
    return Match(sure[0].id if sure else None)


def _some(value: T | None) -> frozenset[T]:
    return frozenset() if value is None else frozenset({value})


def _year(day: date | None) -> int | None:
    return None if day is None else day.year


def _surely_another(candidate: Candidate, movie: Namesake) -> bool:
    if None not in (candidate.tmdb_id, movie.tmdb_id) or None not in (
        candidate.imdb_id,
        movie.imdb_id,
    ):
        return True  # had they been equal, the id would have found it
    if candidate.has_id and candidate.list_name in movie.lists:
        return True
    original = candidate.values.get("original_title")
    if original and slug_of(original) not in {slug_of(movie.original_title), slug_of(movie.title)}:
        return True
    apart = (abs(one - other) for one in candidate.years for other in movie.years)
    return min(apart, default=0) > YEARS_APART


def _when(movie: Namesake) -> str:
    return ", ".join(str(year) for year in sorted(movie.years)) or "without a date"


def _unclear(candidate: Candidate, text: str, movies: str) -> Match:
    text = _(text, mapping={"films": movies})
    return Match(problem=Problem.about(candidate.place, "", text, fatal=True))


def known_movies(session: Session, candidates: Sequence[Candidate]) -> Known:
    """What ``match`` needs to know for these candidates."""
    refs = [(each.list_name, each.ref) for each in candidates if each.ref]
    return Known(
        _by_ref(session, refs) if refs else {},
        _by_id(session, Movie.tmdb_id, [each.tmdb_id for each in candidates if each.tmdb_id]),
        _by_id(session, Movie.imdb_id, [each.imdb_id for each in candidates if each.imdb_id]),
        _namesakes(session, {slug_of(each.title) for each in candidates}),
    )


def _by_ref(session: Session, refs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    wanted = tuple_(MovieReference.list_name, MovieReference.ref).in_(refs)
    rows = session.scalars(select(MovieReference).where(wanted))
    return {(row.list_name, row.ref): row.movie_id for row in rows}


def _by_id(
    session: Session, column: InstrumentedAttribute[T | None], ids: Sequence[T]
) -> dict[T, int]:
    if not ids:
        return {}
    rows = session.execute(select(column, Movie.id).where(column.in_(ids)))
    return {named: movie for named, movie in rows if named is not None}


def _namesakes(session: Session, slugs: set[str]) -> dict[str, tuple[Namesake, ...]]:
    rows = session.execute(
        select(
            Movie.slug, Movie.id, Movie.title, Movie.original_title, Movie.imdb_id, Movie.tmdb_id,
            Premiere.date, MovieReference.list_name,
        )
        .select_from(Movie)
        .outerjoin(Premiere, Premiere.movie_id == Movie.id)
        .outerjoin(MovieReference, MovieReference.movie_id == Movie.id)
        .where(Movie.slug.in_(sorted(slugs)))
        .order_by(Movie.id)
    )  # fmt: skip
    found: dict[int, tuple[str, Namesake]] = {}
    for slug, id_, title, original, imdb_id, tmdb_id, day, list_name in rows:
        movie = Namesake(id_, title, original, imdb_id, tmdb_id)
        _, before = found.get(id_, (slug, movie))
        years = before.years | _some(_year(day))
        found[id_] = slug, replace(movie, years=years, lists=before.lists | _some(list_name))
    by_slug: dict[str, tuple[Namesake, ...]] = {}
    for slug, movie in found.values():
        by_slug[slug] = (*by_slug.get(slug, ()), movie)
    return by_slug
