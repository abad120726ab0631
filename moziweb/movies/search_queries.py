"""Queries of the search: words in titles of either language and in names of people.

SQLite and PostgreSQL give the same results. Texts and words are folded (``text_folding.py``), so
accents, case and punctuation do not matter. Each word has to be in a title or in a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id

from .models import Credit, Movie, Person
from .spelling import one_edit_away
from .text_folding import fold

MAX_WORDS: Final = 6
MAX_QUERY_LENGTH: Final = 100
"""Characters of a query, before and after folding; the rest is ignored."""

MAX_TRIGRAMS: Final = 50
"""Trigrams that ``similar_movies`` compares; each costs time for each movie and person."""

MIN_SIMILARITY: Final = 0.5
"""The minimum share of the search terms' trigrams that a similar text contains."""

MAX_MISSPELT: Final = 200
"""Movies with such a title in one language that ``misspelt_titles`` compares."""

_RANKS: Final = frozenset("0123")
"""The values of ``_rank``, as text."""


class InvalidCursorError(ValueError):
    """The text is not a ``SearchCursor``."""


@dataclass(frozen=True, slots=True)
class SearchCursor:
    """A position in the results, which are ordered by rank and then by id descending."""

    rank: int
    movie_id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``2-731``. Raises ``InvalidCursorError``."""
        rank, dash, number = text.partition("-")
        movie_id = parse_id(number)
        if not (dash and rank in _RANKS) or movie_id is None:
            raise InvalidCursorError(text)
        return cls(int(rank), movie_id)

    def __str__(self) -> str:
        return f"{self.rank}-{self.movie_id}"


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """The folded words of a query; empty if the query has none."""

    phrase: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The words of ``text``. Single letters are ignored if there are longer words."""
        words = fold(text[:MAX_QUERY_LENGTH])[:MAX_QUERY_LENGTH].split()
        long = [word for word in words if len(word) > 1]
        return cls(" ".join(words), tuple(dict.fromkeys(long or words))[:MAX_WORDS])


def search_movies(
    session: Session, terms: SearchTerms, limit: int, after: SearchCursor | None = None
) -> Sequence[SearchCursor]:
    """Movies that match all words, the best first, after the cursor ``after``. One query."""
    rank = _rank(terms)
    query = select(rank, Movie.id).where(Movie.published, *map(_has, terms.words))
    if after is not None:
        is_after = or_(rank > after.rank, and_(rank == after.rank, Movie.id < after.movie_id))
        query = query.where(is_after)
    rows = session.execute(query.order_by(rank, Movie.id.desc()).limit(limit))
    return [SearchCursor(*row) for row in rows]


def misspelt_titles(session: Session, terms: SearchTerms) -> Sequence[int]:
    """The ids of movies whose short title the query misspells by one letter, the likeliest first.

    Empty if the query is a short title itself. One query for a long list of texts, or none for a
    long query; it reads indexes only, so its cost does not grow with the number of movies.
    """
    ranks = one_edit_away(terms.phrase)
    if not ranks:
        return ()
    best: dict[int, int] = {}
    for movie_id, title in session.execute(_short_titles([*ranks, terms.phrase])):
        if title == terms.phrase:
            return ()
        best[movie_id] = min(ranks[title], best.get(movie_id, ranks[title]))
    return sorted(best, key=lambda movie_id: (best[movie_id], -movie_id))


def _short_titles(texts: Sequence[str]) -> CompoundSelect[int, str]:
    """Ids and short titles of movies with a title among ``texts``.

    An OR of both columns, or an ORDER BY, would make the databases scan all movies.
    """
    columns = Movie.short_title, Movie.short_original_title
    return union_all(
        *(
            select(Movie.id, column)
            .where(NoIndex(Movie.published), column.in_(texts))
            .limit(MAX_MISSPELT)
            .subquery()
            .select()
            for column in columns
        )
    )


def is_name(session: Session, terms: SearchTerms) -> bool:
    """Whether the query is a word or the words of a person's name. One query."""
    named = (literal(" ") + Person.search_text + " ").contains(f" {terms.phrase} ", autoescape=True)
    has_words = (Person.search_text.contains(word, autoescape=True) for word in terms.words)
    return bool(session.scalar(select(exists().where(named, *has_words))))


def similar_movies(session: Session, terms: SearchTerms, limit: int) -> Sequence[int]:
    """The ids of movies whose titles or people are spelled like the words, the best first.

    One query, a full scan of movies and people: use it only if ``search_movies`` finds nothing.
    """
    similarity = _similarity(Movie.search_text, terms.phrase)
    titles = select(Movie.id.label("id"), similarity.label("similarity")).where(
        Movie.published, similarity >= MIN_SIMILARITY
    )
    named = _similarity(Person.search_text, terms.phrase)
    people = (
        select(Movie.id.label("id"), named.label("similarity"))
        .join(Credit, Credit.movie_id == Movie.id)
        .join(Person, Person.id == Credit.person_id)
        .where(Movie.published, named >= MIN_SIMILARITY)
    )
    found = titles.union_all(people).subquery()
    best = func.max(found.c.similarity)
    query = select(found.c.id).group_by(found.c.id).order_by(best.desc(), found.c.id.desc())
    return session.scalars(query.limit(limit)).all()


def _rank(terms: SearchTerms) -> ColumnElement[int]:
    text = Movie.search_text
    begins = or_(text == terms.phrase, text.startswith(f"{terms.phrase} ", autoescape=True))
    word_begins = (" " + text).contains(f" {terms.phrase}", autoescape=True)
    in_title = and_(*(text.contains(word, autoescape=True) for word in terms.words))
    return case((begins, 0), (word_begins, 1), (in_title, 2), else_=3)


def _has(word: str) -> ColumnElement[bool]:
    """Whether a title or a name contains ``word``. A set of ids lets both databases use indexes."""
    titles = select(Movie.id).where(_contains(Movie.search_text, word))
    people = (
        select(Credit.movie_id)
        .join(Person, Person.id == Credit.person_id)
        .where(_contains(Person.search_text, word))
    )
    return Movie.id.in_(union(titles, people))


def _contains(text: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    """Whether ``text`` contains ``word``; a single Latin letter only as a word.

    Nearly every text contains "e", so the sets of ids would have all movies.
    """
    if len(word) == 1 and word.isascii():
        return _padded(text).contains(f" {word} ", autoescape=True)
    return text.contains(word, autoescape=True)


def _similarity(text: InstrumentedAttribute[str], words: str) -> ColumnElement[float]:
    """The share of the trigrams of ``words`` that ``text`` contains, from 0 to 1."""
    padded = _padded(text)
    starts = range(min(len(words), MAX_TRIGRAMS))
    trigrams = sorted({f" {words} "[start : start + 3] for start in starts})
    share = 1.0 / max(len(trigrams), 1)
    matches = (
        case((padded.contains(trigram, autoescape=True), share), else_=0.0) for trigram in trigrams
    )
    total: ColumnElement[float] = sum(matches, literal(0.0))
    return total


def _padded(text: InstrumentedAttribute[str]) -> ColumnElement[str]:
    return literal(" ").concat(text).concat(" ")
