"""What a source says of one film, normalised: frozen values that can be kept as JSON.

A field that is absent from ``values`` is one that the source says nothing of: a missing column, an
empty cell, a null. Silence never erases anything.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from moziweb.movies.models import DatePrecision, PremiereKind

from .problems import Problem

TMDB: Final = "tmdb"
CSV: Final = "csv"


@dataclass(frozen=True, slots=True)
class PremiereFact:
    """A Hungarian premiere. ``service`` is where a streaming one is; ``formats`` None: unsaid."""

    date: date
    precision: DatePrecision = DatePrecision.DAY
    kind: PremiereKind = PremiereKind.CINEMA
    rerelease: bool = False
    service: str = ""
    note: str = ""
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class GenreFact:
    """A genre by its two names."""

    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class PersonFact:
    """Somebody credited; ``tmdb_id`` tells namesakes apart."""

    name: str
    character: str = ""
    tmdb_id: int | None = None


@dataclass(frozen=True, slots=True)
class TrailerFact:
    """A video at ``site``, YouTube or Vimeo."""

    site: str
    video_id: str
    name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One film as a source has it.

    ``place`` is where it stands there, for reports (``row 12``, ``tmdb 550``). ``list_name`` and
    ``ref`` are its identity in that source (no ``ref``: its other ids are enough), ``has_id``
    whether the source itself gave one. ``years`` are those that it may have come out in. ``values``
    holds fields by the names of ``fields.FIELDS``. ``fetched_at`` None is the moment of writing.
    """

    source: str
    list_name: str
    ref: str
    place: str
    title: str
    values: Mapping[str, Any]
    has_id: bool = True
    years: frozenset[int] = frozenset()
    problems: tuple[Problem, ...] = field(default=())
    fetched_at: datetime | None = None

    @property
    def imdb_id(self) -> str | None:
        """The film's id at IMDb."""
        found: str | None = self.values.get("imdb_id")
        return found

    @property
    def tmdb_id(self) -> int | None:
        """The film's id at TMDB."""
        found: int | None = self.values.get("tmdb_id")
        return found


def to_json(candidate: Candidate) -> str:
    """The candidate as text, to be kept between a preview and its application."""
    whole = asdict(replace(candidate, values=dict(candidate.values)))
    return json.dumps(whole, ensure_ascii=False, default=_plain)


def from_json(text: str) -> Candidate:
    """What ``to_json`` wrote."""
    whole = json.loads(text)
    fetched = whole["fetched_at"]
    values = {name: _parsed(name, value) for name, value in whole["values"].items()}
    return Candidate(
        **whole
        | {
            "years": frozenset(whole["years"]),
            "fetched_at": datetime.fromisoformat(fetched) if fetched else None,
            "problems": tuple(Problem(**each) for each in whole["problems"]),
            "values": MappingProxyType(values),
        }
    )


_FACTS: Final[Mapping[str, type]] = {
    "genres": GenreFact,
    "directors": PersonFact,
    "cast": PersonFact,
    "trailers": TrailerFact,
}


def _plain(value: Any) -> Any:
    """``years``, and dates, which JSON does not know."""
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()


def _parsed(name: str, value: Any) -> Any:
    if name == "premieres":
        return tuple(_premiere(each) for each in value)
    if name in _FACTS:
        return tuple(_FACTS[name](**each) for each in value)
    return tuple(value) if isinstance(value, list) else value


def _premiere(whole: dict[str, Any]) -> PremiereFact:
    formats = whole["formats"]
    return PremiereFact(
        **whole
        | {
            "date": date.fromisoformat(whole["date"]),
            "precision": DatePrecision(whole["precision"]),
            "kind": PremiereKind(whole["kind"]),
            "formats": None if formats is None else tuple(formats),
        }
    )
