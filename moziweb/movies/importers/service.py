"""The importer: previews candidates, and applies them, one transaction for each film."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, TypeAlias

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db import Database
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie

from .applying import ImportWriter, new_movie, write_plan
from .candidate import Candidate
from .loading import load_movies, snapshot
from .matching import Known, known_movies, match
from .planning import Effect, Plan, plan_change, plan_new, refused
from .poster_port import PosterPort
from .problems import Problem

log = logging.getLogger(__name__)

CHUNK: Final = 100
"""Candidates that are looked up together, unless it is said otherwise."""

ATTEMPTS: Final = 3
"""Two imports may make the same person or distributor at one time: the slower one looks again."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan. ``written`` is False where nothing was, whatever the reason."""

    plan: Plan
    movie_id: int | None
    written: bool


Noted: TypeAlias = Callable[[Session, Movie, Plan], None]
"""Told of a film that was written, in the transaction that does it."""


class Importer:
    """Brings candidates into the database. Threads share it.

    ``clock`` gives aware moments; the day in Budapest and the dates of fetching are its.
    ``at_once`` is how many candidates are looked up together, in as many queries as one;
    ``noted`` is told of every film that is written.
    """

    def __init__(
        self,
        database: Database,
        shelf: PosterPort,
        clock: Callable[[], datetime],
        at_once: int = CHUNK,
        noted: Noted | None = None,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._clock = clock
        self._at_once = at_once
        self._noted = noted

    def preview(self, candidates: Iterable[Candidate]) -> Iterator[Plan]:
        """What would be done with each, in their order; nothing is written."""
        for chunk in _chunks(candidates, self._at_once):
            with self._database.read() as session:
                plans = self._plans(session, chunk)
            yield from plans

    def run(self, candidates: Iterable[Candidate]) -> Iterator[Applied]:
        """Do it, in their order. A film without differences costs no transaction of its own."""
        for plan in self.preview(candidates):
            # The film before may have brought what this one needs; planned anew, it is seen.
            if plan.effect is Effect.SAME and not plan.writes:
                yield Applied(plan, plan.movie_id, written=False)
            else:
                yield self.apply(plan.candidate)

    def apply(self, candidate: Candidate, fingerprint: str | None = None) -> Applied:
        """Import one film in one transaction.

        With the ``fingerprint`` of a plan that somebody has looked at, only if it would still do
        the same: otherwise nothing is written and the plan is a refused one.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._apply(candidate, fingerprint)
            except IntegrityError as error:
                log.warning("%s: written by another at the same time: %s", candidate.place, error)
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _apply(self, candidate: Candidate, fingerprint: str | None) -> Applied:
        with self._database.write() as session:
            session.info[REASON] = f"import {candidate.source} {candidate.place}"
            (plan,) = self._plans(session, [candidate])
            if fingerprint is not None and plan.fingerprint != fingerprint:
                return Applied(refused(candidate, _changed_meanwhile(candidate)), None, False)
            if not plan.writes:
                return Applied(plan, plan.movie_id, written=False)
            movie = (
                new_movie(candidate)
                if plan.movie_id is None
                else load_movies(session, [plan.movie_id])[plan.movie_id]
            )
            write_plan(ImportWriter(session, movie, candidate, self._clock(), self._shelf), plan)
            if self._noted is not None and plan.effect is not Effect.SAME:
                self._noted(session, movie, plan)
            return Applied(plan, movie.id, written=True)

    def _plans(self, session: Session, candidates: Sequence[Candidate]) -> list[Plan]:
        known = known_movies(session, candidates)
        matches = [match(candidate, known) for candidate in candidates]
        ids = {each.movie_id for each in matches if each.movie_id is not None}
        movies = load_movies(session, ids)
        posters = self._shelf.urls(session, ids) if ids else {}
        now = self._clock()
        plans = []
        for candidate, found in zip(candidates, matches, strict=True):
            fatal = any(problem.fatal for problem in candidate.problems)
            if fatal or found.problem:
                plans.append(refused(candidate, *filter(None, [found.problem])))
            elif found.movie_id is None:
                plans.append(plan_new(candidate))
            else:
                movie = snapshot(movies[found.movie_id], posters.get(found.movie_id, ()))
                plans.append(
                    plan_change(
                        candidate,
                        movie,
                        budapest_today(now),
                        now,
                        referenced=_is_referenced(candidate, known),
                    )
                )
        return plans


def _is_referenced(candidate: Candidate, known: Known) -> bool:
    return (candidate.list_name, candidate.ref) in known.by_ref


def _changed_meanwhile(candidate: Candidate) -> Problem:
    text = _("the film has changed since the preview; look at it again")
    return Problem.about(candidate.place, "", text, fatal=True)


def _chunks(candidates: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    left = iter(candidates)
    while chunk := list(islice(left, size)):
        yield chunk
