"""The importer: previews and applies candidates, one transaction for each movie."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db import Database, repeat_on_conflict
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.movies.movie_rows import bare_movie

from .applying import ImportWriter, write_plan
from .candidate import Candidate
from .flags import flagged
from .loading import load_movies, snapshot
from .matching import Match, MovieIndex, chosen_match, load_index, match
from .planning import Effect, Plan, plan_change, plan_new, refused
from .poster_port import PosterPort
from .problems import Problem

log = logging.getLogger(__name__)

CHUNK: Final = 100
"""The default number of candidates that are looked up at once."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of applying a plan. ``written`` is False if nothing was written."""

    plan: Plan
    movie_id: int | None
    written: bool


OnWritten: TypeAlias = Callable[[Session, Movie, Plan], None]
"""Called for each changed movie, in its transaction, also if only its reference is new."""

BeforeWriting: TypeAlias = Callable[[Session, int | None], None]
"""Called with the id of the movie, None for a new one, before it is written."""


Choices: TypeAlias = Mapping[str, int | None]
"""The movies of candidates by their places, as a person chose them; None is a new movie."""

NO_CHOICES: Final[Choices] = MappingProxyType({})


class Importer:
    """Imports candidates into the database. Thread-safe.

    ``clock`` returns the time, timezone-aware. ``chunk_size`` candidates are looked up with the
    same number of queries as one. New movies are drafts, unless ``publish`` is set.
    """

    def __init__(
        self,
        database: Database,
        posters: PosterPort,
        clock: Callable[[], datetime],
        chunk_size: int = CHUNK,
        on_written: OnWritten | None = None,
        before_writing: BeforeWriting | None = None,
        *,
        publish: bool = False,
    ) -> None:
        self._database = database
        self._posters = posters
        self._clock = clock
        self._chunk_size = chunk_size
        self._on_written = on_written
        self._before_writing = before_writing
        self._publish = publish

    def preview(
        self, candidates: Iterable[Candidate], choices: Choices = NO_CHOICES
    ) -> Iterator[Plan]:
        """Yield the plan of each candidate, in order, with its flags. Writes nothing."""
        for _candidate, plan in self._previewed(candidates, choices):
            yield plan

    def run(
        self, candidates: Iterable[Candidate], choices: Choices = NO_CHOICES
    ) -> Iterator[Applied]:
        """Import in order. A movie without differences needs no transaction of its own."""
        for candidate, plan in self._previewed(candidates, choices):
            # ``apply`` plans again: an earlier movie of the chunk may have changed the plan.
            if plan.effect is Effect.SAME and not plan.writes:
                yield Applied(plan, plan.movie_id, written=False)
            else:
                applied = self.apply(candidate, choices=choices)
                yield replace(applied, plan=replace(applied.plan, flags=plan.flags))

    def apply(
        self,
        candidate: Candidate,
        fingerprint: str | None = None,
        choices: Choices = NO_CHOICES,
    ) -> Applied:
        """Import one movie in one transaction.

        With the ``fingerprint`` of a previewed plan, a plan that differs from it is refused and
        nothing is written. So is a movie that the database refuses.
        """
        try:
            return repeat_on_conflict(partial(self._apply, candidate, fingerprint, choices))
        except (IntegrityError, DataError) as error:
            log.warning("%s: refused by the database: %s", candidate.place, error)
        text = _("the database refuses it; the log of the site has the reason")
        return _refused(candidate, text)

    def _previewed(
        self, candidates: Iterable[Candidate], choices: Choices
    ) -> Iterator[tuple[Candidate, Plan]]:
        for chunk in _chunks(candidates, self._chunk_size):
            with self._database.read() as session:
                plans = flagged(session, self._plans(session, chunk, choices))
            yield from zip(chunk, plans, strict=True)

    def _apply(self, candidate: Candidate, fingerprint: str | None, choices: Choices) -> Applied:
        with self._database.write() as session:
            session.info[REASON] = f"import {candidate.source} {candidate.place}"
            (plan,) = self._plans(session, [candidate], choices)
            found = plan.movie_id
            if found is not None and plan.writes:
                # An editor may have saved it since it was read. From here on no other writer can.
                session.execute(select(Movie.id).where(Movie.id == found).with_for_update())
                session.expire_all()
                (plan,) = self._plans(session, [candidate], choices)
            if plan.movie_id != found or fingerprint not in {None, plan.fingerprint}:
                text = _("the film has changed since the preview; preview it again")
                return _refused(candidate, text)
            if not plan.writes:
                return Applied(plan, plan.movie_id, written=False)
            if self._before_writing is not None and plan.is_audited:
                self._before_writing(session, plan.movie_id)
            movie = (
                bare_movie(candidate.title, published=self._publish)
                if plan.movie_id is None
                else load_movies(session, [plan.movie_id])[plan.movie_id]
            )
            now = self._clock()
            write_plan(ImportWriter(session, movie, plan.candidate, now, self._posters), plan)
            if self._on_written is not None and plan.is_audited:
                self._on_written(session, movie, plan)
            return Applied(plan, movie.id, written=True)

    def _plans(
        self, session: Session, candidates: Sequence[Candidate], choices: Choices
    ) -> list[Plan]:
        index = load_index(session, candidates)
        found = [_matched(candidate, index, choices) for candidate in candidates]
        ids = {each.movie_id for _candidate, each in found if each.movie_id is not None}
        movies = load_movies(session, ids)
        posters = self._posters.urls(session, ids) if ids else {}
        now = self._clock()
        plans = []
        for candidate, each in found:
            if candidate.is_refused or each.problem:
                problems = filter(None, [each.problem])
                possible = () if candidate.is_refused else each.possible
                plans.append(refused(candidate, *problems, possible=possible))
            elif each.movie_id is None:
                plans.append(plan_new(candidate))
            elif each.movie_id not in movies:  # it was chosen, and deleted since
                text = _("film ${film} does not exist", mapping={"film": each.movie_id})
                plans.append(
                    refused(candidate, Problem.about(candidate.place, "", text, fatal=True))
                )
            else:
                movie = snapshot(movies[each.movie_id], posters.get(each.movie_id, ()))
                referenced = (candidate.list_name, candidate.ref) in index.by_ref
                today = budapest_today(now)
                plans.append(plan_change(candidate, movie, today, now, referenced=referenced))
        return plans


def _matched(candidate: Candidate, index: MovieIndex, choices: Choices) -> tuple[Candidate, Match]:
    if candidate.place not in choices:
        return candidate, match(candidate, index)
    movie_id = choices[candidate.place]
    return chosen_match(candidate, index, movie_id), Match(movie_id)


def _refused(candidate: Candidate, text: str) -> Applied:
    plan = refused(candidate, Problem.about(candidate.place, "", text, fatal=True))
    return Applied(plan, None, written=False)


def _chunks(candidates: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    remaining = iter(candidates)
    while chunk := list(islice(remaining, size)):
        yield chunk
