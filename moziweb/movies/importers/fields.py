"""The fields of a film that an import can fill: their names, limits, and how a value is shown.

The names are those of ``FieldProvenance.field``.
"""

from collections.abc import Mapping
from typing import Any, Final

from moziweb.movies.models import DatePrecision
from moziweb.movies.slugs import slug_of

from .candidate import GenreFact, PersonFact, PremiereFact, TrailerFact

FIELDS: Final = (
    "title",
    "original_title",
    "synopsis",
    "synopsis_en",
    "runtime",
    "rating",
    "genres",
    "countries",
    "languages",
    "distributor",
    "directors",
    "cast",
    "premieres",
    "trailers",
    "imdb_id",
    "tmdb_id",
    "poster",
)
"""In the order that differences are shown in."""

COLUMNS: Final = frozenset(
    {
        "title",
        "original_title",
        "synopsis",
        "synopsis_en",
        "runtime",
        "rating",
        "countries",
        "languages",
        "imdb_id",
        "tmdb_id",
    }
)
"""Those that are one column of the film's own row."""

LENGTHS: Final[Mapping[str, int]] = {
    "title": 300,
    "original_title": 300,
    "synopsis": 20_000,
    "synopsis_en": 20_000,
    "distributor": 120,
    "service": 60,
    "genre": 60,
    "person": 200,
    "character": 200,
    "ref": 200,
    "poster": 2000,
}
"""Characters at most; the columns hold no more."""

_SHOWN_LENGTH: Final = {DatePrecision.DAY: 10, DatePrecision.MONTH: 7, DatePrecision.YEAR: 4}


def same(field: str, standing: Any, wanted: Any) -> bool:
    """Whether a film's value says what a source says."""
    if field == "genres":
        return [slug_of(each.name) for each in standing] == [slug_of(each.name) for each in wanted]
    if field in {"directors", "cast"}:
        return len(standing) == len(wanted) and all(
            _same_person(ours, theirs) for ours, theirs in zip(standing, wanted, strict=True)
        )
    return bool(standing == wanted)


def _same_person(ours: PersonFact, theirs: PersonFact) -> bool:
    if None not in (ours.tmdb_id, theirs.tmdb_id) and ours.tmdb_id != theirs.tmdb_id:
        return False
    return (ours.name, ours.character) == (theirs.name, theirs.character)


def shown(value: Any) -> str:
    """A value as one line for a preview; "" is none."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " · ".join(shown(each) for each in value)
    if isinstance(value, PremiereFact):
        return premiere_shown(value)
    if isinstance(value, PersonFact):
        return f"{value.name} ({value.character})" if value.character else value.name
    if isinstance(value, GenreFact):
        return value.name
    if isinstance(value, TrailerFact):
        return f"{value.site} {value.video_id}"
    return str(value)


def premiere_shown(fact: PremiereFact) -> str:
    """``2026-08-20 cinema (2D, IMAX)``: no more of the date than is known."""
    words = [fact.date.isoformat()[: _SHOWN_LENGTH[fact.precision]], fact.service or fact.kind]
    if fact.rerelease:
        words.append("re-release")
    if fact.formats:
        words.append(f"({', '.join(fact.formats)})")
    return " ".join(words)
