"""Finds short titles that a query misspells by one letter.

Trigrams do not find them: one wrong letter of five changes most trigrams. All texts that are one
edit away from the query are looked up in an index of the short titles, so the cost does not depend
on the number of movies.
"""

from collections.abc import Iterator
from typing import Final

from .text_folding import fold

MAX_TITLE: Final = 8
"""Letters of a short title. For longer ones, trigrams are enough."""

MIN_QUERY: Final = 3
"""Letters of a query; one edit of two letters would match any title of two letters."""

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789 "


def short_title(title: str) -> str | None:
    """The value of ``Movie.short_title``: the folded title; None for a long or an empty one."""
    folded = fold(title)
    return folded if 0 < len(folded) <= MAX_TITLE else None


def one_edit_away(phrase: str) -> dict[str, int]:
    """All texts one edit away from a folded phrase, each with its rank (0 is the likeliest).

    An edit transposes two neighbours or inserts, deletes or replaces a letter (the optimal string
    alignment distance). About 700 texts for nine letters; none if the phrase is too short or long.
    """
    if not MIN_QUERY <= len(phrase) <= MAX_TITLE + 1:
        return {}
    ranks: dict[str, int] = {}
    for rank, text in _edits(phrase):
        ranks[text] = min(rank, ranks.get(text, rank))
    ranks.pop(phrase, None)
    return ranks


def _edits(phrase: str) -> Iterator[tuple[int, str]]:
    """Edits with ranks: visitors rarely mistype the first letter, and then last replace one."""
    for place in range(len(phrase) + 1):
        before, after = phrase[:place], phrase[place:]
        first = 4 if place == 0 else 0
        if len(after) > 1:
            yield first, before + after[1] + after[0] + after[2:]
        if after:
            yield first + 2, before + after[1:]
        for letter in _ALPHABET:
            yield first + 1, before + letter + after
            if after:
                yield first + 3, before + letter + after[1:]
