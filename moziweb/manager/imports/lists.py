"""Uploaded lists: stored, judged and read, before their imports. Functions take the session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.collation import sort_key
from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.file_readers import ListSample, read_table
from moziweb.movies.importers.headings import LIST_COLUMNS, proposed_columns
from moziweb.movies.importers.list_formats import (
    ListReading,
    remember_reading,
    remembered_reading,
    sample_of,
)
from moziweb.movies.importers.models import ListFormat
from moziweb.movies.importers.problems import ImportRefused
from moziweb.movies.models import Distributor

from ..audit.log import Actor
from .jobs import add_items, new_job
from .models import ImportItem, ImportJob, ImportUpload, JobKind, JobState

LIST_RETENTION: Final = timedelta(days=7)
"""How long a list waits for its columns; until its import begins, it can be read again."""

IGNORED: Final = ""
"""The choice of no column for a heading."""

_MAX_NAMES: Final = 500


@dataclass(frozen=True, slots=True)
class HeadingRow:
    """A heading of a list, cells below it, and its column: chosen, known, or proposed."""

    heading: str
    cells: tuple[str, ...]
    column: str


def add_upload(
    session: Session, by: Actor, name: str, data: bytes, reading: ListReading, now: datetime
) -> ImportUpload:
    """Stores a list and deletes expired ones."""
    session.execute(
        delete(ImportUpload).where(ImportUpload.created_at < now - LIST_RETENTION),
        execution_options={TAGS_OPTION: (), "synchronize_session": False},
    )
    upload = ImportUpload(
        name=name[:300], data=data, list_name=reading.name, date_format=reading.date_format,
        user_name=by.name, created_at=now,
    )  # fmt: skip
    session.add(upload)
    session.flush()
    return upload


def reading_of(session: Session, upload: ImportUpload) -> ListReading:
    """Returns how to read a list: as an editor has said, else as its distributor's last one."""
    if upload.columns is not None:
        return ListReading(upload.list_name, upload.encoding, upload.date_format, upload.columns)
    before = remembered_reading(session, upload.list_name)
    date_format = upload.date_format or before.date_format
    return replace(before, encoding=upload.encoding, date_format=date_format)


def heading_rows(sample: ListSample, *, is_confirmed: bool) -> list[HeadingRow]:
    """Returns the headings of a list. Until an editor confirms, usual ones have a proposal."""
    known = [column or IGNORED for _heading, column in sample.headings]
    columns = known if is_confirmed else proposed_columns(sample.headings)
    return [
        HeadingRow(_shown(heading), tuple(_cell_of(row, index) for row in sample.rows), column)
        for index, ((heading, _column), column) in enumerate(
            zip(sample.headings, columns, strict=True)
        )
    ]


def check_choice(chosen: Sequence[str]) -> None:
    """Checks the columns that an editor chose for the headings. Raises ``ImportRefused``."""
    columns = [column for column in chosen if column != IGNORED]
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise ImportRefused(_("two columns are called ${twice}"), twice=", ".join(twice)[:100])
    if "title" not in columns:
        raise ImportRefused(_("choose the column that has the titles"))


def chosen_columns(sample: ListSample, chosen: Sequence[str]) -> dict[str, str]:
    """Returns the heading of each column, from the column that was chosen for each heading.

    A column that is not chosen for the heading of its own name is nowhere in the list: "".
    """
    pairs = zip(sample.headings, chosen, strict=True)
    found = {column: heading for (heading, _own), column in pairs if column in LIST_COLUMNS}
    return {own: "" for _heading, own in sample.headings if own} | found


def start_list_import(
    session: Session,
    by: Actor,
    upload: ImportUpload,
    reading: ListReading,
    is_allowed_url: Callable[[str], bool],
    now: datetime,
) -> ImportJob:
    """Reads a whole list and adds its import; an earlier import of it that wrote nothing ends.

    How the list was read is remembered for its distributor. Raises ``ImportRefused``.
    """
    encoding = sample_of(upload.data, reading).encoding
    table = read_table(upload.data, reading.columns, encoding)
    options = ListOptions(budapest_today(now), is_allowed_url, reading.name, reading.date_format)
    terms = {"ignored": table.ignored[:50], "rows": len(table.rows), "upload": upload.id}
    _discard(session, upload)
    job = new_job(session, by, JobKind.FILE, upload.name, terms, now)
    add_items(session, job, candidates_of(table, options))
    upload.job_id = job.id
    ignored = frozenset(table.ignored)
    remember_reading(session, replace(reading, usual_encoding=encoding, ignored=ignored), now)
    return job


def _discard(session: Session, upload: ImportUpload) -> None:
    """Deletes the import of a list that is read again, unless it has written a movie."""
    job = session.get(ImportJob, upload.job_id) if upload.job_id else None
    if job is None or job.state not in {JobState.LOOKING, JobState.LOOKED}:
        return
    applied = exists().where(ImportItem.job_id == job.id, ImportItem.applied)
    if not session.scalar(select(applied)):
        upload.job_id = None
        session.flush()
        session.delete(job)
        session.flush()


def waiting_uploads(session: Session, limit: int = 20) -> Sequence[ImportUpload]:
    """Returns lists whose columns were not confirmed yet, the latest first. One query."""
    query = select(ImportUpload).where(ImportUpload.job_id.is_(None))
    return session.scalars(query.order_by(ImportUpload.id.desc()).limit(limit)).all()


def names_of_lists(session: Session) -> list[str]:
    """Returns the names of lists that were read before, and of distributors. Two queries."""
    found = (
        sorted(session.scalars(select(name)), key=sort_key)[:_MAX_NAMES]
        for name in (ListFormat.name, Distributor.name)
    )
    return list(dict.fromkeys(name for names in found for name in names if len(name) <= 30))


def _shown(text: str) -> str:
    return "".join(filter(str.isprintable, text[:100]))


def _cell_of(row: Sequence[str], index: int) -> str:
    """The start of a cell, as a page shows it; a row may be too short."""
    return _shown(row[index]) if index < len(row) else ""
