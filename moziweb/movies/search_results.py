"""The results of a search: movies that match, guesses, and names; and their stored form."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy.orm import Session

from moziweb.cache import EntryCorruptError
from moziweb.db.types import parse_id

from . import search_queries
from .search_queries import BY_PEOPLE, NameKind, NameMatch, SearchCursor, SearchTerms

PAGE_SIZE: Final = 28
"""Movies per page of results: four rows of the widest layout."""


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The first page of the results of a query.

    ``movies`` has one more than a page if there are more; ``total`` is at most ``MAX_COUNTED`` + 1.
    ``guesses`` are ids of movies whose titles are similar; ``guesses_first`` if they are likelier
    than ``movies``.
    """

    movies: tuple[SearchCursor, ...] = ()
    total: int = 0
    guesses: tuple[int, ...] = ()
    guesses_first: bool = False
    names: tuple[NameMatch, ...] = ()

    @property
    def is_match(self) -> bool:
        """Whether a title or a name has the words of the query."""
        return bool(self.movies or self.names)

    @property
    def best_movies(self) -> Sequence[int]:
        """The ids of all movies, the likeliest first."""
        found = [each.movie_id for each in self.movies]
        return [*self.guesses, *found] if self.guesses_first else [*found, *self.guesses]

    @property
    def names_first(self) -> bool:
        """Whether names are likelier than movies: no title has all words of the query."""
        return bool(self.names) and (not self.movies or self.movies[0].rank == BY_PEOPLE)

    @property
    def has_guesses(self) -> bool:
        """Whether short titles that the query misspells belong to the results, if there are any."""
        return _has_guesses(self.movies)

    def encode(self) -> bytes:
        """JSON for the cache."""
        names = [(each.kind, str(each.row_id), each.name, each.slug) for each in self.names]
        guesses = list(map(str, self.guesses))
        movies = list(map(str, self.movies))
        return json.dumps([movies, self.total, guesses, self.guesses_first, names]).encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The inverse of ``encode``; raises ``EntryCorruptError`` for other bytes."""
        try:
            movies, total, guesses, first, names = json.loads(payload)
            return cls(
                tuple(map(SearchCursor.parse, movies)),
                int(total),
                tuple(map(_id_of, guesses)),
                bool(first),
                tuple(
                    NameMatch(NameKind(kind), _id_of(row_id), str(name), str(slug))
                    for kind, row_id, name, slug in names
                ),
            )
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise EntryCorruptError(f"not the results of a search: {error}") from error


def _id_of(text: object) -> int:
    found = parse_id(text)
    if found is None:
        raise ValueError(f"not an id: {text!r:.40}")
    return found


def find_results(session: Session, terms: SearchTerms) -> SearchResults:
    """The results of a query with words. At most four queries, five for several words."""
    terms = search_queries.rarest_first(session, terms)
    movies, total = search_queries.search_movies(session, terms, PAGE_SIZE + 1)
    names = search_queries.matching_names(session, terms)
    guesses, first = _guesses(session, terms, movies, names)
    return SearchResults(tuple(movies), total, tuple(guesses), first, tuple(names))


def _guesses(
    session: Session,
    terms: SearchTerms,
    movies: Sequence[SearchCursor],
    names: Sequence[NameMatch],
) -> tuple[Sequence[int], bool]:
    """Guesses for a query that is not the beginning of a title, and whether they are first.

    A short title that differs in one letter comes before titles with the query inside a word, and
    after titles with a word that begins with it.
    """
    if not _has_guesses(movies):
        return (), False
    best = movies[0].rank if movies else None
    exact = {each.movie_id for each in movies}
    misspelt = search_queries.misspelt_titles(session, terms)
    found = [movie_id for movie_id in misspelt if movie_id not in exact]
    if best is None and not names:
        found += search_queries.similar_movies(session, terms, PAGE_SIZE)
    found = list(dict.fromkeys(found))[:PAGE_SIZE]
    if best is None:
        return found, False
    return found, bool(found) and best > 1 and not search_queries.is_name(session, terms)


def _has_guesses(movies: Sequence[SearchCursor]) -> bool:
    """Whether the query is not the beginning of a title, nor of words in a page of titles."""
    best = movies[0].rank if movies else None
    return not (best == 0 or (best == 1 and len(movies) > PAGE_SIZE))
