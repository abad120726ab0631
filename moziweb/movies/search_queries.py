"""Queries of the search: words in titles of either language, and in names.

SQLite and PostgreSQL give the same results. Texts and words are folded (``text_folding.py``), so
accents, case and punctuation do not matter. Each word has to be in a title or in the name of a
person. A word of one letter is found as a word, one of two letters at the beginning of a word.
Titles and names are found by trigram indexes, and of very many only the newest ones are read. The
cost grows with the number of movies for one or two letters of a script without capitals, and for
words that are each in very many texts, but seldom together. Each function runs one query.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
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
from moziweb.db.text_index import among_first_with_part, contains_part, number_with_part
from moziweb.db.types import parse_id

from .models import Credit, Distributor, Movie, Person, StreamingService
from .queries import IS_PUBLISHED
from .spelling import one_edit_away
from .text_folding import fold

MAX_WORDS: Final = 6
MAX_QUERY_LENGTH: Final = 100
"""Characters of a query, before and after folding; the rest is ignored."""

MAX_COUNTED: Final = 1000
"""Movies that are counted; "more than" it are not."""

MAX_PEOPLE: Final = 30
"""People that a search shows; ``matching_names`` returns one more if there are more."""

MAX_TRIGRAMS: Final = 50
"""Trigrams that ``similar_movies`` compares; each costs time for each candidate."""

MAX_PIECES: Final = 8
"""Pieces of the query, of about four letters; a candidate contains one of them."""

MAX_CANDIDATES: Final = 200
"""Movies, and people, with the same piece that ``similar_movies`` compares."""

MIN_SIMILARITY: Final = 0.5
"""The minimum share of the search terms' trigrams that a similar text contains."""

MAX_MISSPELT: Final = 200
"""Movies with such a title in one language that ``misspelt_titles`` compares."""

BY_PEOPLE: Final = 3
"""The rank of a movie whose titles do not have all words."""

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
    """The folded words of a query, the longest first; empty if the query has none.

    Titles and names are found by the first word, and compared with the others.
    """

    phrase: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The words of ``text``. Single letters are ignored if there are longer words."""
        words = fold(text[:MAX_QUERY_LENGTH])[:MAX_QUERY_LENGTH].split()
        long = [word for word in words if len(word) > 1]
        first = list(dict.fromkeys(long or words))[:MAX_WORDS]
        return cls(" ".join(words), tuple(sorted(first, key=len, reverse=True)))


class NameKind(StrEnum):
    """What a name is of."""

    PERSON = "person"
    DISTRIBUTOR = "distributor"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A person, distributor or streaming service. Only a service has a ``slug``."""

    kind: NameKind
    row_id: int
    name: str
    slug: str = ""


def rarest_first(session: Session, terms: SearchTerms) -> SearchTerms:
    """The terms with the word in the fewest titles and names first. No query for one word.

    Words in more than ``MAX_COUNTED`` titles, and as many names, are equal.
    """
    words = [word for word in terms.words if len(_part(word)) > 2]
    if len(terms.words) == 1 or not words:
        return terms
    most = MAX_COUNTED + 1
    numbers = (
        number_with_part(Movie.search_text, _part(word), most)
        + number_with_part(Person.search_text, _part(word), most)
        for word in words
    )
    found = dict(zip(words, session.execute(select(*numbers)).one(), strict=True))
    order = sorted(terms.words, key=lambda word: found.get(word, math.inf))
    return replace(terms, words=tuple(order))


def search_movies(
    session: Session, terms: SearchTerms, limit: int, after: SearchCursor | None = None
) -> tuple[Sequence[SearchCursor], int]:
    """Movies that match all words, the best first, after the cursor ``after``.

    Of more than ``MAX_COUNTED``, only the newest ones, and those whose short title is the query.
    With the number of movies after the cursor, at most ``MAX_COUNTED`` + 1.
    """
    rank = _rank(terms)
    # The number is of the same query: a second one would find all movies again.
    query = select(rank, Movie.id, func.count().over()).where(Movie.id.in_(_matches(terms)))
    if after is not None:
        is_after = or_(rank > after.rank, and_(rank == after.rank, Movie.id < after.movie_id))
        query = query.where(is_after)
    rows = session.execute(query.order_by(rank, Movie.id.desc()).limit(limit)).all()
    total = min(rows[0][2], MAX_COUNTED + 1) if rows else 0
    return [SearchCursor(*row[:2]) for row in rows], total


def matching_names(session: Session, terms: SearchTerms) -> Sequence[NameMatch]:
    """People and distributors with published movies, and services, whose name has all words.

    There are few distributors and services: all of their names are read.
    """
    of_distributor = exists().where(Movie.distributor_id == Distributor.id, IS_PUBLISHED)
    rows: CompoundSelect[Any] = union_all(
        _people(terms),
        select(literal(NameKind.DISTRIBUTOR.value), Distributor.id, Distributor.name, literal(""))
        .where(of_distributor),
        select(
            literal(NameKind.SERVICE.value),
            StreamingService.id,
            StreamingService.name,
            StreamingService.slug,
        ),
    )  # fmt: skip
    found = [NameMatch(NameKind(kind), *rest) for kind, *rest in session.execute(rows)]
    return [each for each in found if each.kind is NameKind.PERSON or _names(terms, each.name)]


def _people(terms: SearchTerms) -> Select[Any]:
    """The best of the people with all words in their name: the whole words first."""
    is_word = _padded(Person.search_text).contains(f" {terms.phrase} ", autoescape=True)
    kind, slug = literal(NameKind.PERSON.value).label("kind"), literal("").label("slug")
    rarest, *others = terms.words
    has_others = [_contains_unindexed(Person.search_text, word) for word in others]
    limit, phrase = MAX_PEOPLE + 1, f" {terms.phrase} "
    if " " in terms.phrase:  # few names have two words, and none of them would be read in vain
        whole = and_(contains_part(Person.search_text, phrase), _is_shown())
    else:
        whole = among_first_with_part(Person.search_text, phrase, limit, _is_shown())
    parts = among_first_with_part(
        Person.search_text, _part(rarest), limit, _is_shown(), *has_others
    )
    # No OR: PostgreSQL would read all people.
    found = union(*(select(Person.id).where(each) for each in (whole, parts)))
    people = (
        select(kind, Person.id, Person.name, slug)
        .where(Person.id.in_(found))
        .order_by(case((is_word, 0), else_=1), Person.id)
        .limit(MAX_PEOPLE + 1)
        .subquery()
    )
    return select(people)


def _is_shown() -> ColumnElement[bool]:
    """Whether a person has a published movie."""
    return exists().where(
        Credit.person_id == Person.id, Movie.id == Credit.movie_id, IS_PUBLISHED
    ).correlate(Person)  # fmt: skip


def _names(terms: SearchTerms, name: str) -> bool:
    """Whether a name has all words, as in ``_contains``."""
    padded = f" {fold(name)} "
    return all(_part(word) in padded for word in terms.words)


def misspelt_titles(session: Session, terms: SearchTerms) -> Sequence[int]:
    """The ids of movies whose short title the query misspells by one letter, the likeliest first.

    Empty if the query is a short title itself. No query for a long text. It reads indexes only, so
    its cost does not grow with the number of movies.
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
    """Whether the query is a word or the words of the name of a person with a published movie."""
    named = contains_part(Person.search_text, f" {terms.phrase} ")
    return bool(session.scalar(select(exists().where(named, _is_shown()))))


def similar_movies(session: Session, terms: SearchTerms, limit: int) -> Sequence[int]:
    """The ids of movies whose titles or people are spelled like the words, the best first.

    A text with as many errors has some piece of the query unchanged: only those are compared. Use
    it only if ``search_movies`` finds nothing.
    """
    pieces = pieces_of(terms.phrase)
    if not pieces:
        return ()
    titles = _candidates(pieces, Movie.search_text, NoIndex(Movie.published))
    similarity = _similarity(titles.c.text, terms.phrase).label("similarity")
    names = _candidates(pieces, Person.search_text)
    named = _similarity(names.c.text, terms.phrase).label("similarity")
    people = (
        select(Movie.id.label("id"), named)
        .join(Credit, Credit.movie_id == Movie.id)
        .join(names, names.c.id == Credit.person_id)
        .where(IS_PUBLISHED)
    )
    found = select(titles.c.id.label("id"), similarity).union_all(people).subquery()
    best = func.max(found.c.similarity)
    query = select(found.c.id).group_by(found.c.id).having(best >= MIN_SIMILARITY)
    return session.scalars(query.order_by(best.desc(), found.c.id.desc()).limit(limit)).all()


def movies_spelled_alike(terms: SearchTerms) -> Subquery:
    """``id`` and ``similarity`` of movies, published or not, that the query may have misspelt.

    As `similar_movies`, and with the short titles that are one edit away.
    """
    parts: list[Select[int, float]] = [
        select(Movie.id.label("id"), literal(1.0).label("similarity")).where(
            column.in_(one_edit_away(terms.phrase))
        )
        for column in (Movie.short_title, Movie.short_original_title)
    ]
    if pieces := pieces_of(terms.phrase):
        titles = _candidates(pieces, Movie.search_text)
        names = _candidates(pieces, Person.search_text)
        named = _similarity(names.c.text, terms.phrase).label("similarity")
        by_name = select(Credit.movie_id, named).join(names, names.c.id == Credit.person_id)
        by_title = _similarity(titles.c.text, terms.phrase).label("similarity")
        parts += [select(titles.c.id, by_title), by_name]
    found = union_all(*parts).subquery()
    best = func.max(found.c.similarity)
    query = select(found.c.id, best.label("similarity")).group_by(found.c.id)
    return query.having(best >= MIN_SIMILARITY).subquery()


def _candidates(
    pieces: Sequence[str], text: InstrumentedAttribute[str], *where: ColumnElement[bool]
) -> Any:
    """Ids and texts of rows that contain one of the pieces."""
    row_id = text.class_.id
    rows = (
        select(row_id.label("id"), text.label("text"))
        .where(contains_part(text, piece), *where)
        .limit(MAX_CANDIDATES)
        .subquery()
        .select()
        for piece in pieces
    )
    return union(*rows).subquery()


def pieces_of(phrase: str) -> Sequence[str]:
    """The longest words of a phrase in pieces of about four letters, with the spaces around them.

    ``similar_movies`` compares the texts that contain one of them. Words of less than four letters,
    which many texts have, are left out.
    """
    words = sorted((word for word in phrase.split() if len(word) > 3), key=len, reverse=True)
    pieces = (piece for word in words for piece in _split(f" {word} "))
    return list(dict.fromkeys(pieces))[:MAX_PIECES]


def _split(text: str) -> Iterable[str]:
    count = max(2, len(text) // 4)
    ends = [len(text) * number // count for number in range(count + 1)]
    return (text[start:end] for start, end in pairwise(ends))


def _rank(terms: SearchTerms) -> ColumnElement[int]:
    text = Movie.search_text
    begins = or_(text == terms.phrase, text.startswith(f"{terms.phrase} ", autoescape=True))
    word_begins = (" " + text).contains(f" {terms.phrase}", autoescape=True)
    in_title = and_(*(_contains_unindexed(text, word) for word in terms.words))
    return case((begins, 0), (word_begins, 1), (in_title, 2), else_=BY_PEOPLE)


def _matches(terms: SearchTerms) -> CompoundSelect[int]:
    """The ids of movies that have each word in a title or a name.

    The newest ones with the first word in a title, and those with it in a name: at most
    ``MAX_COUNTED`` + 1 each. Only these are found by indexes: another word may be in very many.
    """
    rarest, *others = terms.words
    has_others, limit = [IS_PUBLISHED, *map(_has_unindexed, others)], MAX_COUNTED + 1
    newest = among_first_with_part(
        Movie.search_text, _part(rarest), limit, *has_others, newest=True
    )
    named = (
        select(Credit.movie_id)
        .join(Person, Person.id == Credit.person_id)
        .where(contains_part(Person.search_text, _part(rarest)))
    )
    by_people = select(Movie.id).where(Movie.id.in_(named), *has_others)
    short = (
        select(Movie.id).where(NoIndex(Movie.published), column == terms.phrase)
        for column in (Movie.short_title, Movie.short_original_title)
    )
    return union(
        select(Movie.id).where(newest),
        by_people.order_by(Movie.id.desc()).limit(limit).subquery().select(),
        *short,
    )


def _has_unindexed(word: str) -> ColumnElement[bool]:
    name = (
        select(Credit.id)
        .join(Person, Person.id == Credit.person_id)
        .where(Credit.movie_id == Movie.id, _contains_unindexed(Person.search_text, word))
    )
    return or_(_contains_unindexed(Movie.search_text, word), name.exists())


def _contains_unindexed(text: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    return _padded(text).contains(_part(word), autoescape=True)


def _part(word: str) -> str:
    """The part of a text between spaces that a word of a query finds.

    A single letter is found only as a word, and two only at the beginning of one. Nearly every
    text contains "e", and an index of trigrams does not have parts of two letters. Scripts without
    capitals, like Chinese, have no spaces between words: all texts are read for one or two letters.
    """
    if len(word) > 2 or not (word.isascii() or word.upper() != word.lower()):
        return word
    return f" {word} " if len(word) == 1 else f" {word}"


def _similarity(text: ColumnElement[str], words: str) -> ColumnElement[float]:
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


def _padded(text: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[str]:
    return literal(" ").concat(text).concat(" ")
