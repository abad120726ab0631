"""Films by the words of a visitor: in titles, in either language, and in the names of people.

Both databases answer alike. What is searched is folded (``search.py``), so accents, case and
punctuation make no difference. All words have to be found, each in a title or in a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.db.types import parse_id

from .models import Credit, Movie, Person
from .text_folding import folded

MAX_WORDS: Final = 6
MAX_LENGTH: Final = 100
"""Characters of a query that are looked at."""

ALIKE: Final = 0.5
"""The share of a word's trigrams that a misspelt one has to have in common with it."""

_RANKS: Final = frozenset("0123")
"""The results of ``_rank``, as texts."""


class InvalidCursorError(ValueError):
    """Not a place in the results, as ``str`` of a ``SearchCursor`` spells it."""


@dataclass(frozen=True, slots=True)
class SearchCursor:
    """A place in the results; before it are better ranks and, in the same rank, newer films."""

    rank: int
    movie_id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place of ``2-731``; raises ``InvalidCursorError``."""
        rank, mark, number = text.partition("-")
        movie_id = parse_id(number)
        if not (mark and rank in _RANKS) or movie_id is None:
            raise InvalidCursorError(text)
        return cls(int(rank), movie_id)

    def __str__(self) -> str:
        return f"{self.rank}-{self.movie_id}"


@dataclass(frozen=True, slots=True)
class Words:
    """What is looked for, folded; empty when there was nothing to look for."""

    whole: str
    each: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The words of what a visitor typed; single letters do not count beside longer words."""
        words = folded(text[:MAX_LENGTH]).split()
        long = [word for word in words if len(word) > 1]
        return cls(" ".join(words), tuple(dict.fromkeys(long or words))[:MAX_WORDS])


def movies_found(
    session: Session, words: Words, limit: int, after: SearchCursor | None = None
) -> Sequence[SearchCursor]:
    """Where all words are found, the best first, from the place ``after`` on. One query."""
    rank = _rank(words)
    query = select(rank, Movie.id).where(Movie.published, *map(_has, words.each))
    if after is not None:
        beyond = or_(rank > after.rank, and_(rank == after.rank, Movie.id < after.movie_id))
        query = query.where(beyond)
    rows = session.execute(query.order_by(rank, Movie.id.desc()).limit(limit))
    return [SearchCursor(*row) for row in rows]


def similar_movies(session: Session, words: Words, limit: int) -> Sequence[int]:
    """The ids of films with titles or people that are spelled like the words, the likest first.

    For when nothing is found: it looks through everything there is. One query.
    """
    likeness = _likeness(Movie.search_text, words.whole)
    titles = select(Movie.id.label("id"), likeness.label("likeness")).where(
        Movie.published, likeness >= ALIKE
    )
    named = _likeness(Person.search_text, words.whole)
    people = (
        select(Movie.id.label("id"), named.label("likeness"))
        .join(Credit, Credit.movie_id == Movie.id)
        .join(Person, Person.id == Credit.person_id)
        .where(Movie.published, named >= ALIKE)
    )
    found = titles.union_all(people).subquery()
    best = func.max(found.c.likeness)
    query = select(found.c.id).group_by(found.c.id).order_by(best.desc(), found.c.id.desc())
    return session.scalars(query.limit(limit)).all()


def _rank(words: Words) -> ColumnElement[int]:
    text = Movie.search_text
    begins = or_(text == words.whole, text.startswith(f"{words.whole} ", autoescape=True))
    word_begins = (" " + text).contains(f" {words.whole}", autoescape=True)
    in_title = and_(*(text.contains(word, autoescape=True) for word in words.each))
    return case((begins, 0), (word_begins, 1), (in_title, 2), else_=3)


def _has(word: str) -> ColumnElement[bool]:
    """In a title or in a name; as a set of ids, which both databases find by their indexes."""
    titles = select(Movie.id).where(Movie.search_text.contains(word, autoescape=True))
    people = (
        select(Credit.movie_id)
        .join(Person, Person.id == Credit.person_id)
        .where(Person.search_text.contains(word, autoescape=True))
    )
    return Movie.id.in_(union(titles, people))


def _likeness(text: InstrumentedAttribute[str], words: str) -> ColumnElement[float]:
    """The share of the trigrams of ``words`` that ``text`` holds, from 0 to 1."""
    padded = literal(" ").concat(text).concat(" ")
    parts = sorted({f" {words} "[place : place + 3] for place in range(len(words))})
    share = 1.0 / max(len(parts), 1)
    held = (case((padded.contains(part, autoescape=True), share), else_=0.0) for part in parts)
    total: ColumnElement[float] = sum(held, literal(0.0))
    return total
