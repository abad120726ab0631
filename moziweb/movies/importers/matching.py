"""Finds the movie of a candidate. At most four queries for any number of candidates.

Ids decide: the list's own, TMDB's, IMDb's. Without ids, title and year decide. An ambiguous
candidate is refused, with the movies that a person can choose from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.i18n import _
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.slugs import slug_of

from .candidate import Candidate
from .models import MovieReference
from .problems import Problem

T = TypeVar("T")

MAX_YEAR_DIFFERENCE: Final = 1
"""A movie whose year differs by one may be the same: premieres move over New Year's Eve."""

MAX_POSSIBLE_MOVIES: Final = 20
"""Movies that a person is offered for a candidate."""


@dataclass(frozen=True, slots=True)
class PossibleMovie:
    """A movie that an ambiguous candidate may be; ``years`` are those of its premieres."""

    id: int
    title: str
    years: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The id of the movie, None for a new movie, or the problem of an ambiguous candidate.

    An ambiguous candidate may be one of the ``possible`` movies.
    """

    movie_id: int | None = None
    problem: Problem | None = None
    possible: tuple[PossibleMovie, ...] = ()


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A movie with the title of a candidate; ``years`` are those of its premieres."""

    id: int
    title: str
    original_title: str
    imdb_id: str | None
    tmdb_id: int | None
    years: frozenset[int] = frozenset()
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MovieIndex:
    """The ids of existing movies by reference, TMDB id and IMDb id, and matches by slug.

    ``named`` are the movies of several ids of one candidate.
    """

    by_ref: dict[tuple[str, str], int] = field(default_factory=dict)
    by_tmdb: dict[int, int] = field(default_factory=dict)
    by_imdb: dict[str, int] = field(default_factory=dict)
    by_slug: dict[str, tuple[TitleMatch, ...]] = field(default_factory=dict)
    named: dict[int, TitleMatch] = field(default_factory=dict)


def match(candidate: Candidate, index: MovieIndex) -> Match:
    """Return the movie of a candidate. ``index`` is from ``load_index``."""
    found = _by_ids(candidate, index)
    if len(found) > 1:
        films = " and ".join(f"film {each}" for each in sorted(found))
        movies = [index.named[each] for each in sorted(found) if each in index.named]
        return _rejected(candidate, _("its ids belong to two films: ${films}"), films, movies)
    return Match(found.pop()) if found else _by_title(candidate, index)


def chosen_match(candidate: Candidate, index: MovieIndex, movie_id: int | None) -> Candidate:
    """Return a candidate without the ids of other movies than the one that a person chose.

    None chooses a new movie. Each id that is left out is a problem.
    """
    owners = {
        "tmdb_id": index.by_tmdb.get(candidate.tmdb_id or 0),
        "imdb_id": index.by_imdb.get(candidate.imdb_id or ""),
    }
    foreign = {name: owner for name, owner in owners.items() if owner not in {None, movie_id}}
    problems = []
    for name, owner in foreign.items():
        text = _("belongs to film ${film}; it is not imported", mapping={"film": owner})
        problems.append(Problem.about(candidate.place, name, text))
    kept = {name: value for name, value in candidate.values.items() if name not in foreign}
    taken = index.by_ref.get((candidate.list_name, candidate.ref), movie_id) != movie_id
    return replace(
        candidate,
        ref="" if taken else candidate.ref,
        values=MappingProxyType(kept),
        problems=(*candidate.problems, *problems),
    )


def _by_ids(candidate: Candidate, index: MovieIndex) -> set[int]:
    found = (
        index.by_ref.get((candidate.list_name, candidate.ref)),
        index.by_tmdb.get(candidate.tmdb_id or 0),
        index.by_imdb.get(candidate.imdb_id or ""),
    )
    return {each for each in found if each is not None}


def _by_title(candidate: Candidate, index: MovieIndex) -> Match:
    possible = [
        each
        for each in index.by_slug.get(slug_of(candidate.title), ())
        if not _is_other_movie(candidate, each)
    ]
    certain = [each for each in possible if not each.years or each.years & candidate.years]
    if len(possible) > 1 or (possible and not certain):
        films = ", ".join(f"film {each.id} ({_years(each)})" for each in possible)
        text = _("may be ${films} of the same title; add an id or a date")
        return _rejected(candidate, text, films, possible)
    return Match(certain[0].id if certain else None)


def _is_other_movie(candidate: Candidate, movie: TitleMatch) -> bool:
    if None not in (candidate.tmdb_id, movie.tmdb_id) or None not in (
        candidate.imdb_id,
        movie.imdb_id,
    ):
        return True  # equal ids would have matched
    if candidate.has_id and candidate.list_name in movie.lists:
        return True
    original = candidate.values.get("original_title")
    if original and slug_of(original) not in {slug_of(movie.original_title), slug_of(movie.title)}:
        return True
    differences = (abs(one - other) for one in candidate.years for other in movie.years)
    return min(differences, default=0) > MAX_YEAR_DIFFERENCE


def _years(movie: TitleMatch) -> str:
    return ", ".join(str(year) for year in sorted(movie.years)) or "without a date"


def _rejected(candidate: Candidate, text: str, films: str, movies: Iterable[TitleMatch]) -> Match:
    text = _(text, mapping={"films": films})
    possible = tuple(
        PossibleMovie(each.id, each.title, tuple(sorted(each.years))) for each in movies
    )
    return Match(
        problem=Problem.about(candidate.place, "", text, fatal=True),
        possible=possible[:MAX_POSSIBLE_MOVIES],
    )


def load_index(session: Session, candidates: Sequence[Candidate]) -> MovieIndex:
    """Return the index of existing movies that these candidates may be.

    One query more if the ids of a candidate belong to several movies.
    """
    refs = [(each.list_name, each.ref) for each in candidates if each.ref]
    index = MovieIndex(
        _by_ref(session, refs) if refs else {},
        _by_id(session, Movie.tmdb_id, [each.tmdb_id for each in candidates if each.tmdb_id]),
        _by_id(session, Movie.imdb_id, [each.imdb_id for each in candidates if each.imdb_id]),
        _title_matches(
            session, Movie.slug.in_(sorted({slug_of(each.title) for each in candidates}))
        ),
    )
    found = [_by_ids(candidate, index) for candidate in candidates]
    conflicting = set().union(*(ids for ids in found if len(ids) > 1))
    if not conflicting:
        return index
    by_slug = _title_matches(session, Movie.id.in_(sorted(conflicting)))
    named = {each.id: each for movies in by_slug.values() for each in movies}
    return replace(index, named=named)


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
    return {value: movie for value, movie in rows if value is not None}


def _title_matches(
    session: Session, is_wanted: ColumnElement[bool]
) -> dict[str, tuple[TitleMatch, ...]]:
    rows = session.execute(
        select(
            Movie.slug, Movie.id, Movie.title, Movie.original_title, Movie.imdb_id, Movie.tmdb_id,
            Premiere.date, MovieReference.list_name,
        )
        .select_from(Movie)
        .outerjoin(Premiere, Premiere.movie_id == Movie.id)
        .outerjoin(MovieReference, MovieReference.movie_id == Movie.id)
        .where(is_wanted)
        .order_by(Movie.id)
    )  # fmt: skip
    found: dict[int, tuple[str, TitleMatch]] = {}
    for slug, id_, title, original, imdb_id, tmdb_id, day, list_name in rows:
        movie = TitleMatch(id_, title, original, imdb_id, tmdb_id)
        _, before = found.get(id_, (slug, movie))
        years = before.years | {each.year for each in filter(None, [day])}  # None: outer join
        lists = before.lists | set(filter(None, [list_name]))
        found[id_] = slug, replace(movie, years=years, lists=lists)
    by_slug: dict[str, tuple[TitleMatch, ...]] = {}
    for slug, movie in found.values():
        by_slug[slug] = (*by_slug.get(slug, ()), movie)
    return by_slug
