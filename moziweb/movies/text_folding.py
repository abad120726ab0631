"""Folds texts for the search: without accents, case and punctuation."""

import re
import unicodedata
from typing import Any, Final

_NO_WORD: Final = re.compile(r"[^\w]+")


def fold(text: str) -> str:
    """``Az Ötödik elem!`` becomes ``az otodik elem``: words in NFKD without combining marks."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return " ".join(_NO_WORD.sub(" ", plain).split())


def search_text(title: str, original_title: str) -> str:
    """The value of ``Movie.search_text``: both titles, folded; one of them if they are equal."""
    first, second = fold(title), fold(original_title)
    return first if first == second else f"{first} {second}".strip()


def person_search_text_default(context: Any) -> str:
    """Default of ``Person.search_text`` for ORM and bulk inserts."""
    return fold(context.get_current_parameters()["name"])


def movie_search_text_default(context: Any) -> str:
    """Default of ``Movie.search_text`` for ORM and bulk inserts."""
    row = context.get_current_parameters()
    return search_text(row["title"], row["original_title"])
