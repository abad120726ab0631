"""Formats field values as texts, for the audit log and for conflicts.

The texts contain the database's names; ``audit.formatting.readable`` translates them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from moziweb.movies.models import DatePrecision, PremiereKind

from ..audit.formatting import CANCELLED, RERELEASE
from .values import MovieValues, PersonLine, PremiereLine, TrailerLine

_SHOWN: Final = {DatePrecision.DAY: 10, DatePrecision.MONTH: 7, DatePrecision.YEAR: 4}


def field_text(values: MovieValues, field: str, genres: Mapping[int, str]) -> str:
    """Returns a field's value as text, a line per row; ``genres`` are names by id."""
    value = getattr(values, field)
    if field == "genres":
        return ", ".join(genres.get(each, str(each)) for each in value)
    if field in _LINES:
        return _lines(_LINES[field], value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


def _lines(format_row: Callable[[Any], str], values: Iterable[Any]) -> str:
    return "\n".join(format_row(each) for each in values)


def person(line: PersonLine) -> str:
    """``Name (character)``."""
    return f"{line.name} ({line.character})" if line.character else line.name


def premiere(line: PremiereLine) -> str:
    """``2026-08-20 cinema, 2D, IMAX, subtitled``; the date has its precision."""
    where = line.service if line.kind is PremiereKind.STREAMING and line.service else line.kind
    words = [f"{line.date.isoformat()[: _SHOWN[line.precision]]} {where}", *line.formats]
    if line.audio:
        words.append(line.audio)
    if line.rerelease:
        words.append(RERELEASE)
    if line.cancelled:
        words.append(CANCELLED)
    if line.note:
        words.append(line.note)
    return ", ".join(words)


def trailer(line: TrailerLine) -> str:
    """``YouTube dQw4w9WgXcQ Előzetes (hu)``."""
    words = [line.site, line.video_id, line.name, f"({line.language})" if line.language else ""]
    return " ".join(word for word in words if word)


_LINES: Final[Mapping[str, Callable[[Any], str]]] = {
    "directors": person,
    "cast": person,
    "premieres": premiere,
    "trailers": trailer,
}
