"""The differences between what a source says of a film and what we have, field by field. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from . import premieres
from .candidate import TMDB, Candidate, PremiereFact
from .fields import FIELDS, premiere_shown, same, shown
from .premieres import Step, StoredPremiere
from .problems import Problem
from .provenance import DEMO, keeps

RENEW_AFTER: Final = timedelta(days=1)
"""A value that TMDB still says is dated anew when its date is older than this. No page shows it."""

UNSIGNED: Final = "unsigned"
"""The keeper of a value that nobody signed."""


class Effect(StrEnum):
    """What applying a plan does."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A film as it stands. ``values`` are in the words of candidates, without its premieres.

    ``sources`` and ``fetched`` tell where each field is from; ``posters`` are the URLs of its
    external pictures.
    """

    movie_id: int
    values: Mapping[str, Any]
    premieres: tuple[StoredPremiere, ...] = ()
    posters: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    fetched: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs; ``kept_for`` says whose value stays instead, None: it is written."""

    field: str
    before: str
    after: str
    kept_for: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do with one film.

    ``values`` are written as they stand, ``steps`` are those of its premieres, ``renewed`` the
    fields whose date of fetching is renewed; ``referenced`` says that the film is known by the
    candidate's ``ref`` already.
    """

    candidate: Candidate
    effect: Effect
    movie_id: int | None = None
    changes: tuple[Change, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    renewed: tuple[str, ...] = ()
    referenced: bool = True
    problems: tuple[Problem, ...] = ()

    @property
    def written(self) -> tuple[Change, ...]:
        """The differences that will be written."""
        return tuple(change for change in self.changes if change.kept_for is None)

    @property
    def kept(self) -> tuple[Change, ...]:
        """The differences where our value stays."""
        return tuple(change for change in self.changes if change.kept_for is not None)

    @property
    def moves(self) -> tuple[Step, ...]:
        """The premieres that get another date."""
        return tuple(step for step in self.steps if step.moved)

    @property
    def writes(self) -> bool:
        """Whether applying it writes anything at all."""
        if self.effect is Effect.REFUSED:
            return False
        return self.effect is not Effect.SAME or bool(self.renewed) or not self.referenced

    @property
    def fingerprint(self) -> str:
        """Equal for plans that do the same: what was previewed is what is applied."""
        text = repr((self.movie_id, self.effect, self.changes))
        return hashlib.sha256(text.encode()).hexdigest()


def refused(candidate: Candidate, *problems: Problem) -> Plan:
    """The plan of a film that cannot be imported."""
    return Plan(candidate, Effect.REFUSED, problems=(*candidate.problems, *problems))


def plan_new(candidate: Candidate) -> Plan:
    """The plan of a film that we don't have."""
    facts = candidate.values.get("premieres", ())
    changes = tuple(
        Change(name, "", shown(candidate.values[name]))
        for name in FIELDS
        if name in candidate.values
    )
    return Plan(
        candidate,
        Effect.NEW,
        changes=changes,
        values={k: v for k, v in candidate.values.items() if k != "premieres"},
        steps=tuple(Step(None, fact) for fact in facts),
        referenced=not candidate.ref,
        problems=candidate.problems,
    )


def plan_change(
    candidate: Candidate, movie: Snapshot, today: date, now: datetime, *, referenced: bool = True
) -> Plan:
    """The plan of a film that we have."""
    changes: list[Change] = []
    values: dict[str, Any] = {}
    renewed: list[str] = []
    for name in FIELDS:
        if name not in candidate.values or name == "premieres":
            continue
        wanted = _wanted(name, candidate, movie)
        standing = movie.values.get(name)
        if _stands(name, standing, wanted, movie):
            renewed.extend(_renewed(name, candidate, movie, now))
            continue
        kept_for = _keeper(name, standing, candidate, movie)
        changes.append(Change(name, shown(standing), shown(wanted), kept_for))
        if kept_for is None:
            values[name] = wanted
    steps = _premiere_steps(candidate, movie, today, changes)
    if not steps and "premieres" in candidate.values:
        renewed.extend(_renewed("premieres", candidate, movie, now))
    written = any(change.kept_for is None for change in changes)
    return Plan(
        candidate,
        Effect.CHANGED if written else Effect.SAME,
        movie_id=movie.movie_id,
        changes=tuple(changes),
        values=values,
        steps=steps,
        renewed=tuple(renewed),
        referenced=referenced or not candidate.ref,
        problems=candidate.problems,
    )


def _premiere_steps(
    candidate: Candidate, movie: Snapshot, today: date, changes: list[Change]
) -> tuple[Step, ...]:
    """The steps that are allowed; each difference is added to ``changes``."""
    facts: tuple[PremiereFact, ...] = candidate.values.get("premieres", ())
    steps = premieres.steps(movie.premieres, facts, today)
    if movie.sources.get("premieres") == DEMO:  # dates that were made up have no history
        steps = tuple(Step(step.before, step.after) for step in steps)
    kept_for = _keeper("premieres", movie.premieres, candidate, movie)
    for step in steps:
        before = premiere_shown(step.before.fact) if step.before else ""
        changes.append(Change("premieres", before, premiere_shown(step.after), kept_for))
    return steps if kept_for is None else ()


def _wanted(name: str, candidate: Candidate, movie: Snapshot) -> Any:
    """What the field would be. Trailers that another source brought stay beside the new ones."""
    wanted = candidate.values[name]
    if name != "trailers" or movie.sources.get(name) in {DEMO, candidate.source}:
        return wanted
    offered = {(each.site, each.video_id): each for each in wanted}
    standing = movie.values.get(name) or ()
    known = {(each.site, each.video_id) for each in standing}
    return (*standing, *(each for key, each in offered.items() if key not in known))


def _stands(name: str, standing: Any, wanted: Any, movie: Snapshot) -> bool:
    if name == "poster":
        return wanted in movie.posters
    return same(name, standing or (), wanted) if isinstance(wanted, tuple) else standing == wanted


def _keeper(name: str, standing: Any, candidate: Candidate, movie: Snapshot) -> str | None:
    """Whose value stays, or None where the candidate's is written."""
    source = movie.sources.get(name)
    if source is None and not standing:
        return None
    return (source or UNSIGNED) if keeps(source, candidate.source) else None


def _renewed(name: str, candidate: Candidate, movie: Snapshot, now: datetime) -> tuple[str, ...]:
    fetched = movie.fetched.get(name)
    if candidate.source != TMDB or movie.sources.get(name) != TMDB or fetched is None:
        return ()
    return (name,) if now - fetched > RENEW_AFTER else ()
