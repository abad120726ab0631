"""Finds variants by their keys without an index of keys, which would be as large as the keys.

A key begins with the id of its movie (`recipes.object_key`), so the sources of the movie lead to
its variants.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, or_, select

from moziweb.db.types import MAX_ID, parse_id

from .models import PosterSource, PosterVariant

VARIANT_PREFIX: Final = "poster/"

_MOVIE: Final = re.compile(r"poster/([0-9]+)-")
_DIGITS: Final = len(str(MAX_ID))


def movie_of_key(key: str) -> int | None:
    """The id of the movie of a variant's key; None for another form."""
    match = _MOVIE.match(key)
    return parse_id(match[1]) if match else None


def at_keys(keys: Collection[str]) -> ColumnElement[bool]:
    """SQL condition: the variant has one of these keys. A key of another form reads all rows."""
    movie_ids = {movie_of_key(key) for key in keys}
    is_there = PosterVariant.key.in_(keys)
    if None in movie_ids:
        return is_there
    return is_there & PosterVariant.source_id.in_(_sources(PosterSource.movie_id.in_(movie_ids)))


def between_keys(after: str, until: str) -> ColumnElement[bool]:
    """SQL condition: the variant's key is above ``after`` and not above ``until``, as bytes."""
    in_ranges = [
        PosterSource.movie_id.between(first, last) for first, last in _id_ranges(after, until)
    ]
    in_movies = PosterVariant.source_id.in_(_sources(or_(False, *in_ranges)))
    return and_(PosterVariant.key > after, PosterVariant.key <= until, in_movies)


def _sources(condition: ColumnElement[bool]) -> Select[int]:
    return select(PosterSource.id).where(condition)


def _id_ranges(after: str, until: str) -> Iterator[tuple[int, int]]:
    """The ids of the movies that have keys between these, as ranges of numbers.

    Keys are sorted as texts: 12 is between 119 and 121. Among the ids with as many digits, the
    order of texts is that of numbers.

    >>> list(_id_ranges("poster/119-a/1.jpg", "poster/12-b/2.jpg"))[:3]
    [(12, 12), (119, 119), (1190, 1199)]
    """
    first = match[1] if (match := _MOVIE.match(after)) else ""
    last = match[1] if (match := _MOVIE.match(until)) else "9" * _DIGITS
    for digits in range(1, _DIGITS + 1):  # a shorter text is less than its continuations
        least = int(first[:digits].ljust(digits, "0")) + (digits < len(first))
        most = int(last[:digits].ljust(digits, "0")) - (digits > len(last))
        least, most = max(least, 10 ** (digits - 1)), min(most, MAX_ID)
        if least <= most:
            yield least, most
