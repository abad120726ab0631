"""Conditional tags of movies, and what replaces them before the commit.

A movie that is not published is in no list, so its changes invalidate none. They collect
conditional tags, ``if-shown:42:week:2026-W34``, which ``_resolved`` replaces before the commit: by
``week:2026-W34`` if the movie is published, or was until this transaction. This cannot change until
the commit, because each flush of a movie or a part of it locks the row of the movie (it increments
its version). A transaction that publishes a movie, or withdraws it, collects ``visibility:42``: it
invalidates the lists that the movie is in before the commit, and those that it is in after it.

Other tags name what is looked up only then, once for a transaction: ``order-of:42`` stands for all
lists that sort the movie, ``facets-of:42`` for those of its genres, people and distributor.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, select

from moziweb.cache import kind_of, tag
from moziweb.caching import DECLARATIONS

from .filtered_tags import lists_of_movies, with_filtered
from .list_tags import dated_lists, people_lists, period_tags
from .models import Credit, DatePrecision, Distributor, Movie, MovieGenre, Person, Premiere
from .related_tags import ORDER_OF, places_of, with_related
from .search_tags import MISSPELT, PART, TEXTS_LIST, bounded_text_tags, name_tags, title_tags
from .tags import (
    CHANGES_LIST,
    DISTRIBUTORS_LIST,
    PUBLISHED_LIST,
    UNDATED_LIST,
    distributor_list_tag,
    genre_list_tag,
    movie_group_tag,
    person_list_tag,
    service_list_tag,
)

_LISTS: Final = "lists"
_FACETS_OF: Final = "facets-of"
_NAME_OF: Final = "name-of"
_VISIBILITY: Final = "visibility"
_IF_SHOWN: Final = "if-shown"
_IF_PREMIERE_SHOWN: Final = "if-premiere-shown"

_MANY_TEXTS: Final = 50
"""Movies, or names, that would have more than ``MAX_TEXT_TAGS`` tags."""


def if_shown(movie_id: int, *tags: str) -> Iterator[str]:
    """``tags``, if the movie is published."""
    return (f"{_IF_SHOWN}:{movie_id}:{each}" for each in tags)


def visibility_tag(movie_id: int) -> str:
    """The movie appears, or is no longer shown."""
    return tag(_VISIBILITY, movie_id)


def name_of_tag(model: type[Person | Distributor], row_id: int) -> str:
    """The name of a person or distributor appears, or is no longer shown, with a movie of it."""
    return tag(_NAME_OF, model.__tablename__, row_id)


def order_tag(movie_id: int) -> str:
    """The lists that sort a movie among others."""
    return tag(ORDER_OF, movie_id)


def facets_tag(movie_id: int) -> str:
    """The lists of the genres, people and distributor of a movie."""
    return tag(_FACETS_OF, movie_id)


def if_premiere_shown(premiere_id: int, name: str) -> str:
    """The tag ``name``, if the movie of the premiere is published."""
    return f"{_IF_PREMIERE_SHOWN}:{premiere_id}:{name}"


def _resolved(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Replace the conditional tags of a transaction by those whose movies are, or were, shown."""
    plain, conditional, changed = _sorted_out(connection, tags)
    shown = changed | _published(connection, conditional.keys() - changed)
    of_shown = (conditional[each] for each in conditional.keys() & shown)
    related = with_related(connection, {*plain, *chain.from_iterable(of_shown)}, changed)
    resolved = set(with_filtered(connection, related))
    texts = {each for each in resolved if kind_of(each) in {PART, MISSPELT}}
    yield from resolved - texts
    yield from bounded_text_tags(texts)
    if changed:
        lists = [tag(_LISTS, movie_id) for movie_id in changed]
        yield from (PUBLISHED_LIST, CHANGES_LIST, *lists, *_lists_of(connection, lists))
        yield from map(movie_group_tag, changed)


def _sorted_out(
    connection: Connection, tags: Iterable[str]
) -> tuple[list[str], dict[int, set[str]], set[int]]:
    """The plain tags, the conditional ones by movie, and the movies whose visibility changes."""
    plain: list[str] = []
    by_movie: dict[int, set[str]] = defaultdict(set)
    by_premiere: dict[int, set[str]] = defaultdict(set)
    changed: set[int] = set()
    for each in tags:
        kind, _, rest = each.partition(":")
        number, _, name = rest.partition(":")
        if kind == _VISIBILITY:
            changed.add(int(number))
        elif kind == _IF_SHOWN:
            by_movie[int(number)].add(name)
        elif kind == _IF_PREMIERE_SHOWN:
            by_premiere[int(number)].add(name)
        else:
            plain.append(each)
    if by_premiere:  # the tags of a deleted premiere invalidate the same lists
        owners = select(Premiere.id, Premiere.movie_id).where(Premiere.id.in_(by_premiere))
        for row in connection.execute(owners):
            by_movie[row.movie_id] |= by_premiere[row.id]
    return plain, by_movie, changed


def _published(connection: Connection, movie_ids: Collection[int]) -> set[int]:
    """Those of the movies that are published; their rows are locked until the commit."""
    if not movie_ids:
        return set()
    # Rows of unpublished movies are locked too. In the order of ids, so that no two transactions
    # wait for each other.
    rows = select(Movie.id, Movie.published).where(Movie.id.in_(movie_ids)).order_by(Movie.id)
    locked = connection.execute(rows.with_for_update(read=True))
    return {row.id for row in locked if row.published}


def _lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Every list that contains the movies of the tags."""
    movie_ids = _ids(tags)
    dates = select(Premiere.movie_id, Premiere.date, Premiere.precision, Premiere.service_id)
    dated = set()
    for row in connection.execute(dates.where(Premiere.movie_id.in_(movie_ids))):
        yield from dated_lists(row.date, row.precision)
        if row.service_id is not None:
            yield service_list_tag(row.service_id)
        if row.precision is DatePrecision.DAY:
            dated.add(row.movie_id)
    if dated != movie_ids:
        yield UNDATED_LIST
    yield from lists_of_movies(connection, movie_ids)
    for facet_id, facet in _facets_of(connection, tags):
        yield facet.list_tag(facet_id)
        yield from facet.members(facet_id)
    yield from _texts_of(connection, movie_ids)


def _lists_and_places_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """Every list that contains the movies of the tags, and the pages beside them."""
    yield from _lists_of(connection, tags)
    yield from places_of(connection, _ids(tags))


def _order_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The lists that sort the published movies of the tags among others."""
    shown = Premiere.movie_id.in_(_ids(tags)), Movie.id == Premiere.movie_id, Movie.published
    columns = Premiere.movie_id, Premiere.date, Premiere.precision
    sorted_ids = set()
    for row in connection.execute(select(*columns).where(*shown)):
        yield from period_tags(row.date, row.precision)
        sorted_ids.add(row.movie_id)
    yield from lists_of_movies(connection, sorted_ids)


def _facet_lists_of(connection: Connection, tags: Collection[str]) -> Iterator[str]:
    """The lists of all genres, people and distributors of the movies of the tags."""
    return (facet.list_tag(facet_id) for facet_id, facet in _facets_of(connection, tags))


def _facets_of(
    connection: Connection, tags: Collection[str]
) -> Iterator[tuple[int, "_SharedFacet"]]:
    """The genres, people and distributors of the movies of the tags, by their ids."""
    movie_ids = _ids(tags)
    for facet in _FACETS:
        is_of_movies = facet.movie_id.in_(movie_ids), facet.column.is_not(None)
        for facet_id in connection.scalars(select(facet.column).where(*is_of_movies).distinct()):
            yield facet_id, facet


@dataclass(frozen=True, slots=True)
class _SharedFacet:
    """The column of a facet, that of the movie's id, and the tag of the facet's list.

    ``members`` are the tags of the lists of all those that have a published movie.
    """

    column: Any
    movie_id: Any
    list_tag: Callable[[int], str]
    members: Callable[[int], tuple[str, ...]] = lambda _facet_id: ()


_FACETS: Final = (
    _SharedFacet(MovieGenre.genre_id, MovieGenre.movie_id, genre_list_tag),
    _SharedFacet(Credit.person_id, Credit.movie_id, person_list_tag, people_lists),
    _SharedFacet(
        Movie.distributor_id, Movie.id, distributor_list_tag, lambda _: (DISTRIBUTORS_LIST,)
    ),
)
"""Without services: a service lists premieres, not all premieres of their movies."""


def _texts_of(connection: Connection, movie_ids: Collection[int]) -> Collection[str]:
    """The tags of the titles of movies, and of the names of their people and distributors."""
    if len(movie_ids) > _MANY_TEXTS:
        return {TEXTS_LIST}
    found: set[str] = set()
    titles = select(Movie.title, Movie.original_title).where(Movie.id.in_(movie_ids))
    for row in connection.execute(titles):
        found |= title_tags(*row)
    people = select(Person.name).join(Credit, Credit.person_id == Person.id)
    distributors = select(Distributor.name).join(Movie, Movie.distributor_id == Distributor.id)
    for name in connection.scalars(
        people.where(Credit.movie_id.in_(movie_ids)).union(
            distributors.where(Movie.id.in_(movie_ids))
        )
    ):
        found |= name_tags(name)
    return bounded_text_tags(found)


def _names_of(connection: Connection, tags: Collection[str]) -> Collection[str]:
    """The tags of the names of the people and distributors of the tags."""
    if len(tags) > _MANY_TEXTS:
        return {TEXTS_LIST}
    ids: dict[str, list[int]] = defaultdict(list)
    for each in tags:
        _kind, table, row_id = each.split(":")
        ids[table].append(int(row_id))
    found: set[str] = set()
    for model in (Person, Distributor):
        named = select(model.name).where(model.id.in_(ids[model.__tablename__]))
        for name in connection.scalars(named):
            found |= name_tags(name)
    return bounded_text_tags(found)


def _ids(tags: Iterable[str]) -> set[int]:
    return {int(each.partition(":")[2]) for each in tags}


DECLARATIONS.expansions.add(_LISTS, _lists_and_places_of)
DECLARATIONS.expansions.add(ORDER_OF, _order_of)
DECLARATIONS.expansions.add(_FACETS_OF, _facet_lists_of)
DECLARATIONS.expansions.add(_NAME_OF, _names_of)


DECLARATIONS.resolve_with(_resolved)
