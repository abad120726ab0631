"""The columns of a list, and the headings under which lists have them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from moziweb.i18n import _

from ..text_folding import fold, nfc
from .problems import ImportRefused

LIST_COLUMNS: Final = (
    "external_id", "title", "original_title", "release_date", "date_precision", "release_type",
    "distributor", "rating", "runtime", "genres", "formats", "languages",
    "poster_url", "trailer_url", "imdb_id", "tmdb_id", "overview",
)  # fmt: skip
"""The columns of a list. Case, spaces and order of the headings do not matter."""

MAX_HEADING: Final = 100
"""Characters of a heading, as it is shown."""

_LONGEST_HEADING: Final = 300

_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": ("azonosito", "id", "kod", "film id", "film azonosito"),
    "title": ("cim", "magyar cim", "film cime", "filmcim", "film", "hungarian title"),
    "original_title": ("eredeti cim", "eredeti", "eredeti filmcim", "original"),
    "release_date": (
        "bemutato", "bemutato datuma", "bemutato napja", "hazai bemutato", "magyar bemutato",
        "mozibemutato", "premier", "premier datuma", "datum", "date", "release", "premiere",
    ),
    "release_type": ("bemutato tipusa", "tipus", "type"),
    "distributor": ("forgalmazo", "forgalmazza"),
    "rating": ("korhatar", "korhatar besorolas", "besorolas", "age rating"),
    "runtime": (
        "hossz", "hossz perc", "perc", "jatekido", "jatekido perc", "musorido", "length",
        "running time", "running time min",
    ),
    "genres": ("mufaj", "mufajok", "genre", "major genre"),
    "formats": ("formatum", "formatumok", "format"),
    "languages": ("nyelv", "nyelvek", "eredeti nyelv", "language"),
    "poster_url": ("plakat", "plakat url", "poszter", "poster"),
    "trailer_url": ("elozetes", "elozetes url", "trailer"),
    "imdb_id": ("imdb", "imdb azonosito"),
    "tmdb_id": ("tmdb", "tmdb azonosito"),
    "overview": (
        "szinopszis", "tartalom", "leiras", "ismerteto", "cselekmeny", "synopsis", "description",
    ),
}  # fmt: skip
"""Folded headings that lists usually have; they are proposed, and an editor confirms them."""

_COLUMN_OF_USUAL: Final = {name: column for column, names in _USUAL.items() for name in names}


class HeadingMap:
    """Finds the column of a heading.

    ``columns`` maps columns to the headings of a list; a column without a heading ("") is not in
    the list. Other columns have headings of their own name. Raises ``ImportRefused`` for a column
    that does not exist.
    """

    def __init__(self, columns: Mapping[str, str] | None = None) -> None:
        self._by_heading = {_folded(heading): name for name, heading in (columns or {}).items()}
        self._by_heading.pop("", None)
        self._claimed = frozenset(columns or ())
        if unknown := sorted(self._claimed - set(LIST_COLUMNS)):
            text = _("no such column: ${unknown}; there are ${known}")
            names = {"unknown": ", ".join(unknown)[:300], "known": ", ".join(LIST_COLUMNS)}
            raise ImportRefused(text, **names)

    def column_of(self, heading: str) -> str | None:
        """Return the column of a heading; None if the list's column is ignored."""
        if len(heading) > _LONGEST_HEADING:
            return None
        word = _folded(heading)
        own = word if word in LIST_COLUMNS and word not in self._claimed else None
        return self._by_heading.get(word) or own

    def is_likely(self, heading: str) -> bool:
        """Whether a heading is known, or usual in lists."""
        return self.column_of(heading) is not None or usual_column(heading) is not None


def usual_column(heading: str) -> str | None:
    """Return the column that lists usually call so."""
    return _COLUMN_OF_USUAL.get(fold(heading[:_LONGEST_HEADING]).replace("_", " "))


def proposed_columns(headings: Iterable[tuple[str, str | None]]) -> list[str]:
    """Return the column of each heading, "" for none: the known ones, and then the usual ones."""
    headings = list(headings)
    taken = {column for _heading, column in headings if column}
    found = []
    for heading, column in headings:
        usual = column or usual_column(heading)
        if column is None and usual in taken:
            usual = None
        taken |= {usual} if usual else set()
        found.append(usual or "")
    return found


def shown_headings(headings: Iterable[str]) -> tuple[str, ...]:
    """Return headings as pages show them: short, without control characters and surrogates."""
    shown = ("".join(filter(str.isprintable, each[:MAX_HEADING])) for each in headings)
    return tuple(dict.fromkeys(filter(None, shown)))


def _folded(text: str) -> str:
    return "_".join(nfc(text).strip().casefold().replace("-", " ").replace("_", " ").split())
