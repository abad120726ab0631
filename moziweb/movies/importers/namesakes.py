"""Finds people whose names are nearly those of new people. Pure.

Names are compared folded, without the order of their words. They are alike if all words are equal,
if one word differs by one edit ("lloyd owens"), or if one has an initial more.
"""

from collections.abc import Iterable
from typing import Final

from moziweb.movies.text_folding import fold

from .candidate import PersonFact

_INITIAL: Final = 2
"""Letters of an initial, which may be left out ("samuel l jackson", "robert downey jr")."""

_MIN_WORD: Final = 3
"""Letters of words that are too short to be compared for edits: Lee and Leo are two names."""

_Words = tuple[str, ...]


class Namesakes:
    """New people by the words of their names; ``found`` are the existing ones like each of them.

    ``found`` maps the names of existing people to their TMDB ids.
    """

    def __init__(self, people: Iterable[PersonFact]) -> None:
        self.found: dict[PersonFact, dict[str, int | None]] = {}
        self._by_word: dict[str, list[tuple[PersonFact, _Words]]] = {}
        for fact in people:
            words = tuple(sorted(fold(fact.name).split()))
            for word in _keys(words):
                self._by_word.setdefault(word, []).append((fact, words))

    def compare(self, name: str, text: str, tmdb_id: int | None) -> None:
        """Compares an existing person; ``text`` is the folded name."""
        words = tuple(sorted(text.split()))
        for word in _keys(words):
            for fact, other in self._by_word.get(word, ()):
                if _are_alike(words, other, same_person=not is_other(fact.tmdb_id, tmdb_id)):
                    names = self.found.setdefault(fact, {})
                    names[name] = names.get(name, tmdb_id) and tmdb_id


def is_other(one: int | None, other: int | None) -> bool:
    """Whether two TMDB ids are those of two people."""
    return None not in (one, other) and one != other


def _keys(words: _Words) -> set[str]:
    """The words by which names are found; two names of one word are always compared."""
    return {*words} if len(words) > 1 else {""}


def _are_alike(one: _Words, other: _Words, *, same_person: bool) -> bool:
    """``same_person``: they may be one by their ids; else only the same name is alike."""
    if one == other:
        return True
    if not same_person or not one or not other:
        return False
    left, right = _without(one, other), _without(other, one)
    if len(left) == len(right) == 1:
        return max(len(left[0]), len(right[0])) > _MIN_WORD and _is_one_edit(left[0], right[0])
    rest = left + right
    return len(rest) == 1 and len(rest[0]) <= _INITIAL


def _without(words: _Words, others: _Words) -> list[str]:
    left = list(words)
    for word in others:
        if word in left:
            left.remove(word)
    return left


def _is_one_edit(one: str, other: str) -> bool:
    """Whether a letter is added, left out or replaced, or two neighbours are exchanged."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    a, b = one[start:], other[start:]
    edits = (a[1:] == b, a == b[1:], a[1:] == b[1:], a[1::-1] + a[2:] == b)
    return any(edits)
