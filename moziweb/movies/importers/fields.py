"""The fields that an import can fill: names, maximum lengths, comparison and display.

The names are those of ``FieldProvenance.field``.
"""

from collections.abc import Mapping
from typing import Any, Final

from moziweb.movies.slugs import slug_of

from .candidate import GenreFact, PersonFact, PremiereFact, TrailerFact

IMPORTED_FIELDS: Final = (
    "title", "original_title", "synopsis", "synopsis_en", "runtime", "rating", "genres",
    "countries", "languages", "distributor", "directors", "cast", "premieres", "trailers",
    "imdb_id", "tmdb_id", "poster",
)  # fmt: skip
"""In display order."""

MOVIE_COLUMNS: Final = frozenset(IMPORTED_FIELDS) - frozenset(
    {"genres", "distributor", "directors", "cast", "premieres", "trailers", "poster"}
)
"""The fields that are a column of the table ``movie``."""

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
    "note": 300,
    "list": 40,
    "ref": 200,
    "poster": 2000,
}
"""Maximum lengths in characters, as the columns have them."""


def same(field: str, current: Any, new: Any) -> bool:
    """Whether the value of a movie equals that of a source."""
    if field == "genres":
        return [slug_of(each.name) for each in current] == [slug_of(each.name) for each in new]
    if field in {"directors", "cast"}:
        return len(current) == len(new) and all(
            _same_person(current, new) for current, new in zip(current, new, strict=True)
        )
    return bool(current == new)


def _same_person(current: PersonFact, new: PersonFact) -> bool:
    if None not in (current.tmdb_id, new.tmdb_id) and current.tmdb_id != new.tmdb_id:
        return False
    return (current.name, current.character) == (new.name, new.character)


def shown(value: Any) -> str:
    """Return a value as one line for a preview; "" for none."""
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
        day = f" ({value.published_at:%Y-%m-%d})" if value.published_at else ""
        return f"{value.site} {value.video_id}{day}"
    return str(value)


def premiere_shown(fact: PremiereFact) -> str:
    """Return ``2026-08-20 cinema (2D, IMAX)``, with the date to its precision."""
    words = [fact.precision.iso_text(fact.date), fact.service or fact.kind]
    if fact.rerelease:
        words.append("re-release")
    if fact.formats:
        words.append(f"({', '.join(fact.formats)})")
    return " ".join(words)
