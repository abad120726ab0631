"""Hungarian collation: sort keys of titles and names.

The keys are compared by code point, as Python, SQLite (BINARY) and PostgreSQL (``COLLATE "C"``) do.
So a stored key has the same order in both databases, and keyset paging is exact. The order is that
of the CLDR for Hungarian, except that punctuation only separates words.
"""

import re
from typing import Final

from .text_folding import decomposed, nfc, strip_accents

MAX_SORT_KEY_LENGTH: Final = 160
"""Characters of a key. Titles that differ only beyond it are ordered by id."""

_PRIMARY_LENGTH: Final = 100

# "{" and "|" sort after all ASCII letters: "cs" follows "cz".
_DIGRAPHS: Final = {
    "cs": "c{", "dz": "d{", "dzs": "d|", "gy": "g{", "ly": "l{", "ny": "n{", "sz": "s{",
    "ty": "t{", "zs": "z{",
}  # fmt: skip
_DOUBLED: Final = {digraph[0] + digraph: key * 2 for digraph, key in _DIGRAPHS.items()}
_CONTRACTIONS: Final = _DIGRAPHS | _DOUBLED
_CONTRACTION: Final = re.compile("|".join(sorted(_CONTRACTIONS, key=len, reverse=True)))

# ö and ő are letters of their own, ö before ő; so are ü and ű.
_UMLAUT: Final = re.compile("(?<=[ou])[\N{COMBINING DIAERESIS}\N{COMBINING DOUBLE ACUTE ACCENT}]")
_NO_WORD: Final = re.compile(r"[^\w{]+")
_BRACES: Final = str.maketrans("{|", "  ")


def sort_key(text: str) -> str:
    """The key of a title or name, at most ``MAX_SORT_KEY_LENGTH`` characters, all printable.

    First the letters without case and accents; then, if these are equal, the accents: a before á.
    A word ends before any letter: ``fal szél`` is before ``falak``.
    """
    letters = decomposed(text).translate(_BRACES)
    marked = strip_accents(_UMLAUT.sub("{", letters))
    words = _NO_WORD.sub(" ", marked).split()
    primary = "!".join(_CONTRACTION.sub(_contracted, word) for word in words)
    accents = " ".join(_NO_WORD.sub(" ", nfc(letters)).split())
    return f"{primary[:_PRIMARY_LENGTH]} {accents}"[:MAX_SORT_KEY_LENGTH]


def _contracted(match: re.Match[str]) -> str:
    return _CONTRACTIONS[match[0]]
