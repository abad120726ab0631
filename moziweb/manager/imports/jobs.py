"""Queries and updates of import jobs. Every function takes the caller's session."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, select, update
from sqlalchemy.orm import Session, defer

from moziweb.cache import TAGS_OPTION
from moziweb.movies.importers.candidate import Candidate, to_json
from moziweb.movies.importers.planning import Effect, Plan
from moziweb.movies.importers.service import NO_CHOICES, Choices

from ..audit.log import Actor
from ..audit.models import new_batch_token
from .models import IMPORT_BATCH, ImportItem, ImportJob, ImportUpload, JobKind, JobState

ITEMS_PER_PAGE: Final = 100
"""Items of an import on a page."""

IMPORT_HEARTBEAT_TIMEOUT: Final = timedelta(minutes=3)
"""Time without a heartbeat after which a job counts as abandoned.

TMDB may demand a minute's wait before an attempt. A worker that waited longer finds the lease taken
by another one.
"""

JOB_RETENTION: Final = timedelta(days=90)
"""How long an import is kept; the audit outlives it."""

_UNTAGGED: Final = {TAGS_OPTION: (), "synchronize_session": False}

CHOOSABLE: Final = frozenset({Effect.NEW, Effect.CHANGED})


def new_job(
    session: Session, by: Actor, kind: JobKind, title: str, terms: dict[str, Any], now: datetime
) -> ImportJob:
    """Adds a job and deletes expired ones."""
    session.execute(
        delete(ImportJob).where(ImportJob.created_at < now - JOB_RETENTION),
        execution_options=_UNTAGGED,
    )
    job = ImportJob(
        kind=kind, title=title[:300], terms=terms, state=JobState.LOOKING,
        user_id=by.user_id, user_name=by.name, created_at=now,
    )  # fmt: skip
    session.add(job)
    session.flush()
    return job


def add_items(session: Session, job: ImportJob, candidates: Iterable[Candidate]) -> None:
    """Adds the movies of a file as items."""
    rows = [_fresh(job.id, position, candidate) for position, candidate in enumerate(candidates, 1)]
    if rows:
        session.execute(insert(ImportItem), rows, execution_options={TAGS_OPTION: ()})
    job.total = len(rows)


def _fresh(job_id: int, position: int, candidate: Candidate) -> dict[str, Any]:
    return {
        "job_id": job_id, "position": position, "candidate": to_json(candidate),
        "place": candidate.place, "row_count": candidate.rows,
        "title": candidate.title, "changes": [], "problems": [],
        "fingerprint": "", "chosen": False, "applied": False,
    }  # fmt: skip


def planned_item(job_id: int, position: int, plan: Plan) -> ImportItem:
    """Returns an item for a movie that was fetched and planned."""
    item = ImportItem(**_fresh(job_id, position, plan.candidate))
    note_plan(item, plan)
    return item


def note_plan(item: ImportItem, plan: Plan) -> None:
    """Stores a plan, before or after it was applied."""
    item.effect, item.movie_id = plan.effect, plan.movie_id or item.movie_id
    item.flags = [asdict(flag) for flag in plan.flags] or None
    if plan.possible:
        item.possible = [asdict(movie) for movie in plan.possible]
    item.changes = [asdict(change) for change in plan.changes]
    item.problems = [asdict(problem) for problem in plan.problems]
    item.fingerprint = plan.fingerprint
    item.chosen = plan.effect in CHOOSABLE


@dataclass(frozen=True, slots=True)
class Waiting:
    """The items of a job that can be applied, how many of them are chosen, and ambiguous ones.

    ``applied`` items do not wait.
    """

    items: int
    chosen: int
    ambiguous: int
    applied: int

    def __bool__(self) -> bool:
        return self.items + self.ambiguous > 0


def waiting_of(session: Session, job_id: int) -> Waiting:
    """Counts the items that wait for a choice or are to be applied, and applied ones. One query."""
    choosable = ImportItem.effect.in_(CHOOSABLE)
    is_open = and_(choosable, ~ImportItem.applied)
    undecided = ImportItem.possible.is_not(None), ImportItem.choice.is_(None), ~ImportItem.applied
    counts = (
        func.sum(case((condition, 1), else_=0))
        for condition in (
            is_open, and_(is_open, ImportItem.chosen), and_(*undecided),
            and_(choosable, ImportItem.applied),
        )
    )  # fmt: skip
    row = session.execute(select(*counts).where(ImportItem.job_id == job_id)).one()
    return Waiting(*(count or 0 for count in row))


def note_choice(
    session: Session, job: ImportJob, shown: Collection[int], ticked: Collection[int]
) -> None:
    """Stores the choice on one page: of the items ``shown``, those in ``ticked`` are chosen.

    The choice of the items on other pages stays.
    """
    on_page = (*_can_be_applied(job.id), ImportItem.position.in_(sorted({*shown, *ticked})))
    chosen = ImportItem.position.in_(sorted(ticked))
    session.execute(
        update(ImportItem).where(*on_page).values(chosen=chosen), execution_options=_UNTAGGED
    )


def choose_all(session: Session, job: ImportJob) -> None:
    """Chooses all items that change anything."""
    session.execute(
        update(ImportItem).where(*_can_be_applied(job.id)).values(chosen=True),
        execution_options=_UNTAGGED,
    )


def begin_applying(session: Session, job: ImportJob) -> bool:
    """Hands the chosen items of all pages to a worker; False if there are none."""
    waiting = waiting_of(session, job.id)
    if not waiting.chosen:
        return False
    session.execute(
        delete(ImportUpload).where(ImportUpload.job_id == job.id), execution_options=_UNTAGGED
    )
    job.terms = {name: term for name, term in job.terms.items() if name != "upload"}
    job.total, job.done = waiting.chosen, 0
    job.state, job.beat_at, job.claim = JobState.APPLYING, None, None
    job.error, job.error_names = "", {}
    return True


def _can_be_applied(job_id: int) -> tuple[ColumnElement[bool], ...]:
    choosable = ImportItem.effect.in_(CHOOSABLE)
    return ImportItem.job_id == job_id, choosable, ~ImportItem.applied


NEW_MOVIE: Final = 0
"""The choice of a new movie, for an item that may be one of several movies."""


def choices_of(item: ImportItem) -> Choices:
    """Returns the movie that an editor chose for an item, as the importer takes it."""
    if item.choice is None:
        return NO_CHOICES
    return {item.place: None if item.choice == NEW_MOVIE else item.choice}


def changed_choices(
    session: Session, job: ImportJob, choices: Mapping[int, int | None]
) -> list[ImportItem]:
    """Stores the movies that an editor chose, by the positions of items; returns what changed.

    A movie that was not offered is left out.
    """
    query = select(ImportItem).where(
        ImportItem.job_id == job.id,
        ImportItem.position.in_(sorted(choices)),
        ImportItem.possible.is_not(None),
        ~ImportItem.applied,
    )
    changed = []
    for item in session.scalars(query):
        choice = choices[item.position]
        offered = {None, NEW_MOVIE, *(each["id"] for each in item.possible or ())}
        if choice in offered and choice != item.choice:
            item.choice = choice
            changed.append(item)
    return changed


MAX_JOB_FLAGS: Final = 60
"""Names that the head of an import lists; each item shows its own."""


def flags_of(session: Session, job_id: int) -> list[dict[str, Any]]:
    """Returns the flags of a job's items, each text once, in their order."""
    rows = session.scalars(
        select(ImportItem.flags)
        .where(ImportItem.job_id == job_id, ImportItem.flags.is_not(None))
        .order_by(ImportItem.position)
    )
    found = {
        (flag["text"], *sorted(flag["names"].items())): flag
        for flags in rows
        for flag in flags or ()
    }
    return list(found.values())[:MAX_JOB_FLAGS]


def command_batch() -> str:
    """A new ``batch`` for the audit entries of one run of an importing command: it has no job."""
    return IMPORT_BATCH + new_batch_token()


def is_abandoned(job: ImportJob, now: datetime) -> bool:
    """Whether a running job has no live worker."""
    at_work = job.state in (JobState.LOOKING, JobState.APPLYING)
    return at_work and (job.beat_at is None or now - job.beat_at > IMPORT_HEARTBEAT_TIMEOUT)


def latest_jobs(session: Session, limit: int = 20) -> Sequence[ImportJob]:
    """Returns the latest jobs. One query."""
    return session.scalars(select(ImportJob).order_by(ImportJob.id.desc()).limit(limit)).all()


def effects_of(session: Session, job_id: int) -> Counter[Effect]:
    """Counts the rows of a job by effect; a movie of TMDB is one row. One query."""
    rows = session.execute(
        select(ImportItem.effect, func.sum(ImportItem.row_count))
        .where(ImportItem.job_id == job_id, ImportItem.effect.is_not(None))
        .group_by(ImportItem.effect)
    )
    return Counter({effect: count for effect, count in rows if effect is not None})


def items_of(
    session: Session, job_id: int, effect: Effect | None, after: int = 0
) -> Sequence[ImportItem]:
    """Returns a page of a job's items, and one more if there is one. One query.

    ``effect`` limits them to one effect.
    """
    query = select(ImportItem).where(ImportItem.job_id == job_id, ImportItem.position > after)
    if effect is not None:
        query = query.where(ImportItem.effect == effect)
    query = query.order_by(ImportItem.position).limit(ITEMS_PER_PAGE + 1)
    return session.scalars(query.options(defer(ImportItem.candidate, raiseload=True))).all()
