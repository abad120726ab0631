"""Columns of a week's grid: the text of each cell, and the value of a text. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.movies.importers import values
from moziweb.movies.importers.dates import premiere_date
from moziweb.movies.importers.problems import InvalidValue
from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating
from moziweb.site.formatting import AUDIO_NAMES, KIND_NAMES, Formatter

from ..movies.form_fields import LONGEST_FORMAT
from ..movies.values import MovieValues, PremiereLine
from ..web.forms import one_line

OF_MOVIE: Final = ("title", "original_title", "distributor", "rating", "runtime")
"""The columns that are the same in all rows of a movie."""

OF_PREMIERE: Final = ("date", "kind", "service", "formats", "audio")

GRID_COLUMNS: Final[Mapping[str, TranslationString]] = {
    "title": _("Title"),
    "date": _("Date"),
    "kind": _("Kind"),
    "distributor": _("Distributor"),
    "service": _("Streaming service"),
    "original_title": _("Original title"),
    "rating": _("Age rating"),
    "runtime": _("Minutes"),
    "formats": _("Formats"),
    "audio": _("Language version"),
    "poster": _("Address of the poster"),
    "reason": _("Why the date moves"),
}
"""The names of the columns, in the order in which a spreadsheet is pasted."""

_LENGTHS: Final = {
    "title": 300, "original_title": 300, "distributor": 120, "service": 60, "reason": 300,
}  # fmt: skip

_SEPARATOR: Final = re.compile(r"[,;|\s]+")

_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class CellReader:
    """Texts of cells in one language. ``is_allowed_url``: an image may be fetched from a URL."""

    formatter: Formatter
    today: date
    is_allowed_url: Callable[[str], bool]

    def texts(self, movie: MovieValues, line: PremiereLine | None) -> dict[str, str]:
        """Returns the cells of a movie and one of its premieres, as the grid shows them."""
        is_same = movie.original_title == movie.title
        found = {
            "title": movie.title,
            "original_title": "" if is_same else movie.original_title,
            "distributor": movie.distributor,
            "rating": movie.rating or "",
            "runtime": str(movie.runtime or ""),
        }
        found |= self._of_premiere(line) if line else dict.fromkeys(OF_PREMIERE, "")
        return {name: one_line(text) for name, text in found.items()}

    def _of_premiere(self, line: PremiereLine) -> dict[str, str]:
        return {
            "date": line.precision.iso_text(line.date),
            "kind": self.formatter.kind_text(line.kind),
            "service": line.service,
            "formats": ", ".join(line.formats),
            "audio": self.formatter.audio_text(line.audio),
        }

    def value(self, column: str, text: str) -> Any:
        """Returns the value of a cell that is not empty. Raises ``InvalidValue``."""
        if column in _LENGTHS:
            return values.line(text, _LENGTHS[column])
        return _PARSERS[column](self, text)

    def names(self, words: Mapping[_Word, TranslationString]) -> tuple[str, ...]:
        """Returns the names of words in the language of the grid."""
        return tuple(self.formatter.translate(name) for name in words.values())

    def day(self, text: str) -> date:
        """Returns a day; a month or a year is refused."""
        day, precision = premiere_date(text, self.today)
        if precision is not DatePrecision.DAY:
            raise InvalidValue(_("the day is missing: ${value}"), value=text[:60])
        return day

    def kind(self, text: str) -> PremiereKind:
        """Returns a kind by its name here, or by a word of a distributor's list."""
        try:
            return values.kind(text)
        except InvalidValue:
            return self._word(text, KIND_NAMES)

    def audio(self, text: str) -> Audio:
        """Returns a language version by its name here."""
        return self._word(text, AUDIO_NAMES)

    def rating(self, text: str) -> Rating | None:
        """Returns an age rating; None for NR."""
        word = values.rating(text)
        return Rating(word) if word else None

    def runtime(self, text: str) -> int:
        """Returns minutes."""
        return values.runtime(text)

    def formats(self, text: str) -> tuple[str, ...]:
        """Returns words that are separated by commas or spaces."""
        words = tuple(dict.fromkeys(word for word in _SEPARATOR.split(text) if word))
        if any(len(word) > LONGEST_FORMAT for word in words):
            raise InvalidValue(_("longer than ${most} characters"), most=LONGEST_FORMAT)
        return words

    def poster(self, text: str) -> str:
        """Returns the URL of an image."""
        if not self.is_allowed_url(text):
            raise InvalidValue(_("not a URL that an image may be fetched from"))
        return text

    def _word(self, text: str, words: Mapping[_Word, TranslationString]) -> _Word:
        for word, name in words.items():
            if text.casefold() in {word.value, self.formatter.translate(name).casefold()}:
                return word
        raise InvalidValue(_("one of these: ${known}"), known=", ".join(self.names(words)))


_PARSERS: Final[Mapping[str, Callable[[CellReader, str], Any]]] = {
    "date": CellReader.day,
    "kind": CellReader.kind,
    "audio": CellReader.audio,
    "rating": CellReader.rating,
    "runtime": CellReader.runtime,
    "formats": CellReader.formats,
    "poster": CellReader.poster,
}
