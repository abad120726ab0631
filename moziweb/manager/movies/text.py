"""Formats field values as texts, for the audit log and for conflicts.

The texts contain the database's names; ``audit.formatting.value_text`` translates them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from moziweb.movies.models import PremiereKind

from ..audit.formatting import CANCELLED, RERELEASE
from .values import MovieValues, PersonLine, PremiereLine, TrailerLine


def field_text(values: MovieValues, field: str, genres: Mapping[int, str]) -> str:
    """Returns a field's value as text, a line per row; ``genres`` are names by id."""
    value = getattr(values, field)
    if field == "genres":
        return ", ".join(genres.get(each, str(each)) for each in value)
    if field in _LINES:
        return "\n".join(map(_LINES[field], value))
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


def person_text(line: PersonLine) -> str:
    """``Name (character)``."""
    return f"{line.name} ({line.character})" if line.character else line.name


def premiere_text(line: PremiereLine) -> str:
    """``2026-08-20 cinema, 2D, IMAX, subtitled``; the date has its precision."""
    where = line.service if line.kind is PremiereKind.STREAMING and line.service else line.kind
    words = [f"{line.precision.iso_text(line.date)} {where}", *line.formats]
    words.append(line.audio or "")
    words.append(RERELEASE if line.rerelease else "")
    words.append(CANCELLED if line.cancelled else "")
    return ", ".join(filter(None, [*words, line.note]))


def trailer_text(line: TrailerLine) -> str:
    """``YouTube dQw4w9WgXcQ Előzetes (hu)``."""
    words = [line.site, line.video_id, line.name, f"({line.language})" if line.language else ""]
    return " ".join(filter(None, words))


_LINES: Final[Mapping[str, Callable[[Any], str]]] = {
    "directors": person_text,
    "cast": person_text,
    "premieres": premiere_text,
    "trailers": trailer_text,
}
