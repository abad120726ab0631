"""Runs imports in threads of the serving process.

A job's state is stored after every movie, so an interrupted job continues where it stopped. A
worker leases a job with a token in its row and writes nothing after the lease is lost.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moziweb.db import Database, repeat_on_conflict
from moziweb.i18n import _
from moziweb.movies.importers.candidate import Candidate, from_json
from moziweb.movies.importers.planning import Effect, Plan
from moziweb.movies.importers.problems import ImportRefused, names_of
from moziweb.movies.importers.service import CHUNK, Applied, Importer, OnWritten
from moziweb.movies.importers.tmdb.source import TmdbSource
from moziweb.movies.models import Movie

from ..audit.log import Actor, record_import
from ..audit.name_entries import record_names
from ..movies.changes import imported_fields
from .jobs import (
    choices_of,
    flags_of,
    is_abandoned,
    note_plan,
    planned_item,
    waiting_of,
)
from .models import ImportItem, ImportJob, JobKind, JobState

log = logging.getLogger(__name__)


class _LeaseLost(Exception):
    """Another worker took over the job after a missed heartbeat."""


MakeImporter: TypeAlias = Callable[[OnWritten, int, bool], Importer]

PagesOf: TypeAlias = Callable[[Session, Movie], Iterable[str]]


class Runner:
    """One per process.

    ``make_importer`` takes a callback for each written movie, how many movies to look up together,
    and whether new movies are published. ``pages_of`` returns the paths of the pages that
    committing a session invalidates.
    """

    def __init__(
        self,
        database: Database,
        make_importer: MakeImporter,
        tmdb: TmdbSource,
        clock: Callable[[], datetime],
        pages_of: PagesOf,
    ) -> None:
        self._pages_of = pages_of
        self._database = database
        self._make_importer = make_importer
        self._tmdb = tmdb
        self._clock = clock

    def start(self, job_id: int) -> None:
        """Runs a job in a new thread, unless it is leased."""
        name = f"import-{job_id}"
        threading.Thread(target=self.work, args=(job_id,), name=name, daemon=True).start()

    def work(self, job_id: int) -> None:
        """Runs a job until it rests. Errors are stored in the job, never raised."""
        job = repeat_on_conflict(partial(self._claim, job_id))
        if job is None:
            return
        error: str = ""
        try:
            if job.state is not JobState.LOOKING:
                self._apply(job)
            elif job.kind is JobKind.FILE:
                self._look_at_file(job)
            else:
                self._look_at_tmdb(job)
        except _LeaseLost:
            log.info("import %d: another worker has taken it over", job_id)
            return
        except ImportRefused as rejection:
            error = rejection.text
        except Exception:
            log.exception("import %d", job_id)
            error = _("an unexpected error; details are in the log of the site")
        rest = JobState.LOOKED if self._is_waiting(job) else JobState.DONE
        outcome: dict[str, Any] = {"error": str(error), "error_names": names_of(error)}
        if job.state is JobState.LOOKING:
            with self._database.read() as session:
                outcome["terms"] = {**job.terms, "flags": flags_of(session, job.id)}
        with suppress(_LeaseLost):
            self._note(job, state=rest, beat_at=None, claim=None, **outcome)

    def plan_again(self, item: ImportItem) -> Plan:
        """Returns the plan of an item with the movie that an editor chose. Writes nothing."""
        importer = self._make_importer(_unused, 1, False)
        (plan,) = importer.preview([from_json(item.candidate)], choices_of(item))
        return plan

    def _is_waiting(self, job: ImportJob) -> bool:
        """Whether items wait for an editor's choice."""
        if job.state is JobState.LOOKING:
            return True
        with self._database.read() as session:
            return bool(waiting_of(session, job.id))

    def _claim(self, job_id: int) -> ImportJob | None:
        with self._database.write() as session:
            job = session.get(ImportJob, job_id, with_for_update=True)
            if job is None or not is_abandoned(job, self._clock()):
                return None
            job.beat_at, job.claim = self._clock(), secrets.token_hex(16)
            return job

    def _note(self, job: ImportJob, **values: Any) -> None:
        self._write(lambda session: _set(session, job, values))

    def _write(self, change: Callable[[Session], None]) -> None:
        """Runs a change in a transaction, and again after a conflict."""

        def work() -> None:
            with self._database.write() as session:
                change(session)

        repeat_on_conflict(work)

    def _look_at_file(self, job: ImportJob) -> None:
        importer = self._importer(job, CHUNK)
        while True:
            with self._database.read() as session:
                items = session.scalars(
                    select(ImportItem)
                    .where(ImportItem.job_id == job.id, ImportItem.effect.is_(None))
                    .order_by(ImportItem.position)
                    .limit(CHUNK)
                ).all()
            if not items:
                return
            plans = list(importer.preview(from_json(item.candidate) for item in items))
            self._write(partial(self._store_plans, job, items, plans))

    def _store_plans(
        self, job: ImportJob, items: Sequence[ImportItem], plans: Sequence[Plan], session: Session
    ) -> None:
        _set(session, job, self._progress(items[-1].position))
        for item, plan in zip(items, plans, strict=True):
            note_plan(session.merge(item), plan)

    def _look_at_tmdb(self, job: ImportJob) -> None:
        ids = self._ids(job)
        with self._database.read() as session:
            last = select(func.max(ImportItem.position)).where(ImportItem.job_id == job.id)
            seen = session.scalar(last) or 0
        self._note(job, total=len(ids), **self._progress(seen))
        importer = self._importer(job)
        movies = self._movies(job, ids[seen:])
        for position, plan in enumerate(importer.preview(movies), seen + 1):
            self._write(partial(self._store_found, job, position, plan))

    def _store_found(self, job: ImportJob, position: int, plan: Plan, session: Session) -> None:
        _set(session, job, self._progress(position))
        session.add(planned_item(job.id, position, plan))

    def _ids(self, job: ImportJob) -> list[int]:
        """The TMDB ids of the job. A search runs once, since continuing needs the same order."""
        if "found" not in job.terms:
            found = list(self._asked(job))
            job.terms = {**job.terms, "found": list(dict.fromkeys(found))}
            self._note(job, terms=job.terms)
        ids: list[int] = job.terms["found"]
        return ids

    def _asked(self, job: ImportJob) -> Iterator[int]:
        if job.kind is JobKind.PREMIERES:
            yield from self._tmdb.ids_between(*_days(job))
            return
        yield from job.terms["tmdb"]
        for imdb_id in job.terms["imdb"]:
            yield self._tmdb.id_of_imdb(imdb_id)

    def _movies(self, job: ImportJob, ids: Iterable[int]) -> Iterator[Candidate]:
        if job.kind is JobKind.PREMIERES:
            return self._tmdb.premieres_between(ids, *_days(job))
        return self._tmdb.movies(ids)

    def _apply(self, job: ImportJob) -> None:
        importer = self._importer(job)
        with self._database.read() as session:
            positions = session.scalars(
                select(ImportItem.position)
                .where(ImportItem.job_id == job.id, ImportItem.chosen, ~ImportItem.applied)
                .order_by(ImportItem.position)
            ).all()
        before = job.total - len(positions)
        for done, position in enumerate(positions, before + 1):
            self._note(job, beat_at=self._clock())
            with self._database.read() as session:
                item = session.get_one(ImportItem, (job.id, position))
            candidate = from_json(item.candidate)
            applied = importer.apply(candidate, item.fingerprint, choices_of(item))
            self._write(partial(self._store_applied, job, item, applied, done))

    def _store_applied(
        self, job: ImportJob, item: ImportItem, applied: Applied, done: int, session: Session
    ) -> None:
        _set(session, job, self._progress(done))
        item = session.merge(item)
        if applied.plan.effect is Effect.REFUSED:
            note_plan(item, applied.plan)
        item.movie_id, item.applied = applied.movie_id or item.movie_id, True

    def _importer(self, job: ImportJob, chunk_size: int = 1) -> Importer:
        by = Actor(job.user_id, job.user_name)

        def note(session: Session, movie: Movie, plan: Plan) -> None:
            fields, batch = imported_fields(session, movie), job.batch
            pages, now = self._pages_of(session, movie), self._clock()
            entry = record_import(session, by, movie, plan, now, pages, fields=fields, batch=batch)
            record_names(session, [entry], by, now)

        return self._make_importer(note, chunk_size, bool(job.terms.get("publish")))

    def _progress(self, done: int) -> dict[str, Any]:
        return {"done": done, "beat_at": self._clock()}


def _set(session: Session, job: ImportJob, values: dict[str, Any]) -> None:
    """Updates a job in the transaction of its work. Raises ``_LeaseLost``."""
    ours = session.get(ImportJob, job.id, with_for_update=True)
    if ours is None or ours.claim != job.claim:
        raise _LeaseLost
    for name, value in values.items():
        setattr(ours, name, value)


def _unused(_session: Session, _movie: Movie, _plan: Plan) -> None:
    """A preview writes no movie."""


def _days(job: ImportJob) -> tuple[date, date]:
    return date.fromisoformat(job.terms["first"]), date.fromisoformat(job.terms["last"])
