"""Texts as they are searched: without accents, case or punctuation."""

import re
import unicodedata
from typing import Any, Final

_NO_WORD: Final = re.compile(r"[^\w]+")


def folded(text: str) -> str:
    """``Az Ötödik elem!`` is ``az otodik elem``: NFKD without its marks, words alone."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return " ".join(_NO_WORD.sub(" ", plain).split())


def search_text(title: str, original_title: str) -> str:
    """What a film is found by: both of its titles, folded; one alone where they are the same."""
    first, second = folded(title), folded(original_title)
    return first if first == second else f"{first} {second}".strip()


def name_of_insert(context: Any) -> str:
    """The default of what a person is found by."""
    return folded(context.get_current_parameters()["name"])


def search_text_of_insert(context: Any) -> str:
    """The column's default: of an ORM's insert and of a bulk one alike."""
    row = context.get_current_parameters()
    return search_text(row["title"], row["original_title"])
