"""Compares a candidate with the movie in the database, field by field. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from moziweb.i18n import _

from . import premieres
from .candidate import TMDB, Candidate, PremiereFact
from .fields import IMPORTED_FIELDS, premiere_shown, same, shown
from .matching import PossibleMovie
from .premieres import Step, StoredPremiere
from .problems import Problem
from .provenance import DEMO, keeps

REFRESH_AFTER: Final = timedelta(days=1)
"""``fetched_at`` of an unchanged TMDB value is updated if it is older. No page shows it."""

UNSIGNED: Final = "unsigned"
"""The source of a value without provenance."""


class Effect(StrEnum):
    """The effect of applying a plan."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A movie in the database. ``values`` has the fields of a candidate, without the premieres.

    ``sources`` and ``fetched`` are the provenance of each field; ``posters`` are the URLs of its
    external images.
    """

    movie_id: int
    values: Mapping[str, Any]
    premieres: tuple[StoredPremiere, ...] = ()
    posters: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    fetched: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs. It is written, unless ``kept_for`` names the source that is kept."""

    field: str
    before: str
    after: str
    kept_for: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does with one movie.

    ``values`` are the fields to write, ``steps`` the changes of premieres, ``refreshed`` the fields
    whose ``fetched_at`` is updated. ``referenced`` is set if the movie already has the candidate's
    ``ref``. A refused candidate may be one of the ``possible`` movies. ``flags`` name what would be
    added beside the movie: genres, companies and people (``flags.py``).
    """

    candidate: Candidate
    effect: Effect
    movie_id: int | None = None
    changes: tuple[Change, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    refreshed: tuple[str, ...] = ()
    referenced: bool = True
    problems: tuple[Problem, ...] = ()
    possible: tuple[PossibleMovie, ...] = ()
    flags: tuple[Problem, ...] = ()

    @property
    def written(self) -> tuple[Change, ...]:
        """The differences that will be written."""
        return tuple(change for change in self.changes if change.kept_for is None)

    @property
    def kept(self) -> tuple[Change, ...]:
        """The differences where the current value is kept."""
        return tuple(change for change in self.changes if change.kept_for is not None)

    @property
    def moves(self) -> tuple[Step, ...]:
        """The premieres that move to another date."""
        return tuple(step for step in self.steps if step.moved)

    @property
    def writes(self) -> bool:
        """Whether applying the plan writes anything."""
        if self.effect is Effect.REFUSED:
            return False
        return self.is_audited or bool(self.refreshed)

    @property
    def is_audited(self) -> bool:
        """Whether applying it changes the movie or adds its reference, and not only its origin."""
        return self.effect is not Effect.SAME or not self.referenced

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for plans with the same effect, to compare with the preview."""
        text = repr((self.movie_id, self.effect, self.changes))
        return hashlib.sha256(text.encode()).hexdigest()


def refused(
    candidate: Candidate, *problems: Problem, possible: tuple[PossibleMovie, ...] = ()
) -> Plan:
    """Return the plan of a movie that cannot be imported; a problem names each of its rows."""
    text = _("refused with ${place}", mapping={"place": candidate.place})
    merged = [Problem.about(place, "", text, fatal=True) for place in candidate.merged]
    found = (*candidate.problems, *problems, *merged)
    return Plan(candidate, Effect.REFUSED, problems=found, possible=possible)


def plan_new(candidate: Candidate) -> Plan:
    """Return the plan of a movie that is not in the database."""
    facts = candidate.values.get("premieres", ())
    changes = tuple(
        Change(name, "", shown(candidate.values[name]))
        for name in IMPORTED_FIELDS
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
    """Return the plan of a movie that is in the database."""
    changes: list[Change] = []
    values: dict[str, Any] = {}
    refreshed: list[str] = []
    for name in IMPORTED_FIELDS:
        if name not in candidate.values or name == "premieres":
            continue
        new = _new_value(name, candidate, movie)
        current = movie.values.get(name)
        if _is_same(name, current, new, movie):
            refreshed.extend(_refreshed(name, candidate, movie, now))
            continue
        kept_for = _kept_for(name, current, candidate, movie)
        changes.append(Change(name, shown(current), shown(new), kept_for))
        if kept_for is None:
            values[name] = new
    steps = _premiere_steps(candidate, movie, today, changes)
    if not steps and "premieres" in candidate.values:
        refreshed.extend(_refreshed("premieres", candidate, movie, now))
    written = any(change.kept_for is None for change in changes)
    return Plan(
        candidate,
        Effect.CHANGED if written else Effect.SAME,
        movie_id=movie.movie_id,
        changes=tuple(changes),
        values=values,
        steps=steps,
        refreshed=tuple(refreshed),
        referenced=referenced or not candidate.ref,
        problems=candidate.problems,
    )


def _premiere_steps(
    candidate: Candidate, movie: Snapshot, today: date, changes: list[Change]
) -> tuple[Step, ...]:
    """Return the steps to write; adds each difference to ``changes``."""
    facts: tuple[PremiereFact, ...] = candidate.values.get("premieres", ())
    steps = premieres.steps(movie.premieres, facts, today)
    if movie.sources.get("premieres") == DEMO:  # invented dates have no history
        steps = tuple(Step(step.before, step.after) for step in steps)
    kept_for = _kept_for("premieres", movie.premieres, candidate, movie)
    for step in steps:
        before = premiere_shown(step.before.fact) if step.before else ""
        changes.append(Change("premieres", before, premiere_shown(step.after), kept_for))
    return steps if kept_for is None else ()


def _new_value(name: str, candidate: Candidate, movie: Snapshot) -> Any:
    """Return the new value of a field. Trailers of another source are kept beside the new ones."""
    new = candidate.values[name]
    if name != "trailers" or movie.sources.get(name) in {DEMO, candidate.source}:
        return new
    offered = {(each.site, each.video_id): each for each in new}
    current = movie.values.get(name) or ()
    known = {(each.site, each.video_id) for each in current}
    return (*current, *(each for key, each in offered.items() if key not in known))


def _is_same(name: str, current: Any, new: Any, movie: Snapshot) -> bool:
    if name == "poster":
        return new in movie.posters
    return same(name, current or (), new) if isinstance(new, tuple) else current == new


def _kept_for(name: str, current: Any, candidate: Candidate, movie: Snapshot) -> str | None:
    """Return the source whose value is kept, or None if the candidate's is written."""
    source = movie.sources.get(name)
    if source is None and not current:
        return None
    return (source or UNSIGNED) if keeps(source, candidate.source) else None


def _refreshed(name: str, candidate: Candidate, movie: Snapshot, now: datetime) -> tuple[str, ...]:
    fetched = movie.fetched.get(name)
    if candidate.source != TMDB or movie.sources.get(name) != TMDB or fetched is None:
        return ()
    return (name,) if now - fetched > REFRESH_AFTER else ()
