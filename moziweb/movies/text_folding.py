"""Normalises texts: NFC for storage, folded for the search (no accents, case and punctuation)."""

import re
import unicodedata
from typing import Final

_NO_WORD: Final = re.compile(r"[^\w]+")

# Letters without a decomposition, as in slugs (``slugs.slug_of``).
_LETTERS: Final = str.maketrans(
    {
        "æ": "ae", "ð": "d", "ø": "o", "þ": "th", "đ": "d", "ħ": "h", "ı": "i", "ĸ": "k",
        "ł": "l", "ŋ": "ng", "œ": "oe", "ŧ": "t", "ə": "e", "\N{MODIFIER LETTER APOSTROPHE}": "",
    }
)  # fmt: skip


def nfc(text: str) -> str:
    """``text`` in NFC, the form in which every text is stored, so that equal texts are equal."""
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """``Az Ötödik elem!`` becomes ``az otodik elem``: words of letters without accents."""
    return " ".join(_NO_WORD.sub(" ", strip_accents(decomposed(text))).split())


def decomposed(text: str) -> str:
    """``text`` in lower case and NFKD, with letters such as ø replaced."""
    lower = unicodedata.normalize("NFKD", text).casefold()  # NFKD of some symbols is upper case
    return unicodedata.normalize("NFKD", lower).translate(_LETTERS)


def strip_accents(text: str) -> str:
    """A decomposed text without its combining marks."""
    return "".join(each for each in text if not unicodedata.combining(each))


def search_text(title: str, original_title: str) -> str:
    """The value of ``Movie.search_text``: both titles, folded; one of them if they are equal."""
    first, second = fold(title), fold(original_title)
    return first if first == second else f"{first} {second}".strip()
