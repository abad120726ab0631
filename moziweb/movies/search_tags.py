"""Tags of what a search finds: a write makes stale the results of the queries that find its texts.

A query finds a text by its words, which may be anywhere in a word of the text. So a write publishes
a tag for each part of three to six letters of the words that appear in a text or leave it, and for
their beginnings; a result depends on the tags of its words. A longer word of a query has the tag of
its first six letters. Titles that are misspelt by one letter are found by a letter less: two texts
are one edit away from each other only if both, or both without some letter, are equal. A query that
finds nothing is compared with the texts that contain a piece of it: it also has the tags of its
pieces. All of them are parts of words, but two letters at the end of a word, which have a tag, too.

The tags are numbers, digests of the parts: they are bounded, unlike the parts, so they cannot fill
the store of the stamps. Two parts may have the same number, which costs a query.
"""

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import Final

from moziweb.cache import tag

from .search_queries import SearchTerms, pieces_of
from .spelling import MAX_TITLE, short_title
from .text_folding import fold, search_text

TEXTS_LIST: Final = tag("list", "texts")
"""All titles and names. In place of the others where a transaction changes many texts."""

MAX_TEXT_TAGS: Final = 1000
"""The tags of texts of one transaction; a movie with a dozen people has some hundred."""

PART: Final = "part"
MISSPELT: Final = "misspelt"

_SHORTEST: Final = 3
_LONGEST: Final = 6
"""Letters of a part."""


def query_tags(terms: SearchTerms, *, has_guesses: bool, is_match: bool = True) -> frozenset[str]:
    """The tags of the results of a query.

    ``has_guesses`` if misspelt titles may be in them; ``is_match`` if similar texts are not.
    """
    parts = {_tag_of(PART, word[:_LONGEST]) for word in terms.words}
    if not is_match:
        parts |= {_tag_of(PART, _part_of(piece)) for piece in pieces_of(terms.phrase)}
    is_short = has_guesses and len(terms.phrase) <= MAX_TITLE + 1
    edits = _shortened(terms.phrase) if is_short else ()
    return frozenset({TEXTS_LIST, *parts, *(_tag_of(MISSPELT, text) for text in edits)})


def title_tags(title: str, original_title: str) -> frozenset[str]:
    """The tags of the queries that find the titles of a movie."""
    short = filter(None, map(short_title, (title, original_title)))
    edits = (_tag_of(MISSPELT, each) for text in short for each in _shortened(text))
    return frozenset({*_part_tags(search_text(title, original_title)), *edits})


def name_tags(name: str) -> frozenset[str]:
    """The tags of the queries that find a person, a distributor or a service."""
    return frozenset(_part_tags(fold(name)))


def bounded_text_tags(tags: Iterable[str]) -> Collection[str]:
    """Tags of texts, or ``TEXTS_LIST`` in place of too many."""
    found = set(tags)
    return found if len(found) <= MAX_TEXT_TAGS else {TEXTS_LIST}


def _part_of(piece: str) -> str:
    """The part of a word for which ``_part_tags`` has a tag, if the word contains the piece."""
    part = piece.strip()
    is_end = len(part) < _SHORTEST and piece.endswith(" ")
    return f"{part} " if is_end else part[:_LONGEST]


def _part_tags(folded: str) -> Iterator[str]:
    for word in folded.split():
        yield _tag_of(PART, word[:2])  # two Latin letters are found as the beginning of a word
        yield _tag_of(PART, f"{word[-2:]} ")  # similar texts may have them at the end of a word
        shortest = _SHORTEST if word.isascii() else 1
        for start in range(len(word)):
            for end in range(start + shortest, min(len(word), start + _LONGEST) + 1):
                yield _tag_of(PART, word[start:end])


def _shortened(text: str) -> set[str]:
    """A text, and the text without each of its letters."""
    return {text, *(text[:place] + text[place + 1 :] for place in range(len(text)))}


def _tag_of(kind: str, text: str) -> str:
    return tag(kind, blake2b(text.encode(), digest_size=2).hexdigest())
