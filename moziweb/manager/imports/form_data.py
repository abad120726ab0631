"""Parses the forms and query strings of imports. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.importers import values
from moziweb.movies.importers.planning import Effect
from moziweb.movies.importers.problems import InvalidValue

from ..web.params import text_param, text_params
from .jobs import NEW_MOVIE

MAX_IDS: Final = 200
"""Movies of one import by ids."""

MAX_DAYS: Final = 92
"""Days of one import of premieres."""

_TMDB_ADDRESS: Final = re.compile(r"https?://(?:www\.)?themoviedb\.org/movie/([0-9]{1,10})\b.*")


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which items of an import a page shows: those of an effect, after a position."""

    effect: Effect | None = None
    after: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "ItemQuery":
        """Parses a query string; invalid values are ignored."""
        effect = query.get("show", "")
        known = Effect(effect) if effect in set(Effect) else None
        return cls(known, parse_id(query.get("after")) or 0)

    def params(self) -> dict[str, str]:
        """Returns the query string."""
        found = {"show": self.effect.value} if self.effect else {}
        return found | ({"after": str(self.after)} if self.after else {})


def ids_of(form: Any) -> dict[str, list[Any]]:
    """Returns the TMDB and IMDb ids of the search's checkboxes or of the text field.

    URLs of TMDB and IMDb are accepted too. Raises ``InvalidValue`` for any other text or no ids.
    """
    words = [*text_params(form, "id"), *re.split(r"[\s,;]+", text_param(form, "ids"))]
    found: dict[str, list[Any]] = {"tmdb": [], "imdb": []}
    for word in filter(None, words):
        address = _TMDB_ADDRESS.fullmatch(word)
        if address or parse_id(word):
            found["tmdb"].append(values.tmdb_id(address[1] if address else word))
        else:
            found["imdb"].append(values.imdb_id(word))
    count = len(found["tmdb"]) + len(found["imdb"])
    if not 1 <= count <= MAX_IDS:
        raise InvalidValue(_("between 1 and ${most} ids, please", mapping={"most": MAX_IDS}))
    return found


def days_of(form: Any) -> tuple[date, date]:
    """Returns the first and the last day. Raises ``InvalidValue``."""
    try:
        first = date.fromisoformat(text_param(form, "first"))
        last = date.fromisoformat(text_param(form, "last"))
    except ValueError:
        raise InvalidValue(_("two dates, please, such as 2026-08-20")) from None
    if not 0 <= (last - first).days < MAX_DAYS:
        raise InvalidValue(_("between 1 and ${most} days, please", mapping={"most": MAX_DAYS}))
    return first, last


def matches_of(form: Any) -> dict[int, int | None]:
    """Returns the film that was chosen for each item: an id, ``NEW_MOVIE``, or None for none."""
    found: dict[int, int | None] = {}
    for name in form:
        position = parse_id(name.removeprefix("match-")) if name.startswith("match-") else None
        if position is not None:
            chosen = text_param(form, name)
            found[position] = NEW_MOVIE if chosen == "new" else parse_id(chosen)
    return found


def chosen_for_headings(form: Any, count: int) -> list[str]:
    """Returns the column that was chosen for each of the ``count`` headings of a list."""
    return [text_param(form, f"column-{index}") for index in range(count)]
