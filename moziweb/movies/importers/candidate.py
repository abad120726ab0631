"""The normalised data of one movie from a source: frozen values that can be stored as JSON.

A field that the source lacks (no column, an empty cell, null) is absent from ``values``. An absent
field never deletes a value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from moziweb.movies.models import DatePrecision, PremiereKind

from .problems import Problem

TMDB: Final = "tmdb"
CSV: Final = "csv"


@dataclass(frozen=True, slots=True)
class PremiereFact:
    """A Hungarian premiere. ``service`` is for streaming; ``formats`` None means unknown."""

    date: date
    precision: DatePrecision = DatePrecision.DAY
    kind: PremiereKind = PremiereKind.CINEMA
    rerelease: bool = False
    service: str = ""
    note: str = ""
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class GenreFact:
    """A genre by its Hungarian and its English name."""

    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class PersonFact:
    """A credited person; ``tmdb_id`` distinguishes people of the same name."""

    name: str
    character: str = ""
    tmdb_id: int | None = None


@dataclass(frozen=True, slots=True)
class TrailerFact:
    """A video at a ``site``: YouTube or Vimeo."""

    site: str
    video_id: str
    name: str = ""
    language: str = ""
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One movie of a source.

    ``place`` is its location in the source, for reports (``row 12``, ``tmdb 550``). ``list_name``
    and ``ref`` identify it in the source; ``ref`` is empty if its other ids are enough. ``has_id``
    is set if the source itself has an id. ``years`` are the possible years of release. The keys of
    ``values`` are those of ``fields.FIELDS``. ``fetched_at`` None means the time of writing.
    ``merged`` are the places of other rows of the movie, whose premieres it has too.
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
    merged: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows of the source that it is read from."""
        return 1 + len(self.merged)

    @property
    def is_refused(self) -> bool:
        """Whether a problem forbids importing it."""
        return any(problem.fatal for problem in self.problems)

    @property
    def imdb_id(self) -> str | None:
        """The IMDb id."""
        found: str | None = self.values.get("imdb_id")
        return found

    @property
    def tmdb_id(self) -> int | None:
        """The TMDB id."""
        found: int | None = self.values.get("tmdb_id")
        return found


def to_json(candidate: Candidate) -> str:
    """Return the candidate as JSON; it is stored between a preview and its application."""
    return json.dumps(candidate, ensure_ascii=False, default=_plain)


def from_json(text: str) -> Candidate:
    """Return the candidate of ``to_json``."""
    data = json.loads(text)
    fetched = data["fetched_at"]
    values = {name: _parsed(name, value) for name, value in data["values"].items()}
    return Candidate(
        **data
        | {
            "years": frozenset(data["years"]),
            "fetched_at": datetime.fromisoformat(fetched) if fetched else None,
            "problems": tuple(Problem(**each) for each in data["problems"]),
            "merged": tuple(data.get("merged", ())),
            "values": MappingProxyType(values),
        }
    )


_FACTS: Final[Mapping[str, type]] = {
    "genres": GenreFact,
    "directors": PersonFact,
    "cast": PersonFact,
}


def _plain(value: Any) -> Any:
    """Candidates and facts, ``values``, ``years``, and dates, which JSON does not know.

    ``asdict`` copies each value, which takes three times as long.
    """
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()


def _parsed(name: str, value: Any) -> Any:
    if name == "premieres":
        return tuple(_premiere(each) for each in value)
    if name == "trailers":
        return tuple(_trailer(each) for each in value)
    if name in _FACTS:
        return tuple(_FACTS[name](**each) for each in value)
    return tuple(value) if isinstance(value, list) else value


def _trailer(data: dict[str, Any]) -> TrailerFact:
    published = data.get("published_at")
    time = datetime.fromisoformat(published) if published else None
    return TrailerFact(**data | {"published_at": time})


def _premiere(data: dict[str, Any]) -> PremiereFact:
    formats = data["formats"]
    return PremiereFact(
        **data
        | {
            "date": date.fromisoformat(data["date"]),
            "precision": DatePrecision(data["precision"]),
            "kind": PremiereKind(data["kind"]),
            "formats": None if formats is None else tuple(formats),
        }
    )
