"""The audit law: a transaction that changes what editors see has an entry for each changed subject.

A transaction of Core statements alone, and ``moziweb demo load``, need one entry for all that they
write: only rows that a session flushes have a subject that is known here.

`audit_law` watches every statement of every engine, and every row that a session flushes. A
transaction is judged when it commits. Those of the tests themselves (rows that a test prepares) are
left out, by the code that commits.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from moziweb.manager.audit.log import SUBJECTS
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import User
from moziweb.movies.models import FormerAddress, Premiere, PremiereChange

AUDIT: Final = "manager_audit"

NOT_AUDITED: Final = frozenset(
    {
        # what the site keeps for itself, and no editor has entered
        "cache_journal", "cache_warming", "field_provenance", "import_item", "import_job",
        "import_mark", "import_upload", "list_format", "manager_bulk_item", "manager_bulk_job",
        "manager_challenge", "manager_draft", "manager_session", "manager_sign_in_attempt",
        "cache_advice", "cache_read_minute",
        "manager_submission", "performance_minute", "poster_host",
        "poster_held_object", "poster_looked_at", "poster_share", "poster_variant",
    }
)  # fmt: skip
"""Tables whose rows may change without an entry; all others need one."""

BOOKKEEPING: Final = {
    # derived from other columns, or counted up with them
    "movie": {"version", "updated_at", "search_text", "sort_key", "short_title",
              "short_original_title"},
    "person": {"search_text"},
    "premiere": {"revision", "announced_at"},
    # what a sign-in uses up, so that it cannot be repeated
    "manager_totp": {"last_counter"},
    "manager_passkey": {"sign_count", "used_at"},
    # the state of the making, and what was read from the picture
    "poster_source": {
        "state", "attempts", "next_attempt_at", "error_code", "lease_token", "lease_until",
        "remake", "etag", "last_modified", "final_url", "fetched_at", "sha256",
        "bytes", "format", "width", "height", "dominant_colour", "sketch", "key",
    },
}  # fmt: skip
"""Columns that may change without an entry, by table."""

_WRITE: Final = re.compile(
    r'\s*(INSERT INTO|UPDATE|DELETE FROM) "?(\w+)"?(?: SET (.*?) WHERE)?', re.S
)
_COLUMN: Final = re.compile(r"(\w+)\s*=")
_FOREIGN: Final = ("/sqlalchemy/", "/transaction/", "/zope/", "/alembic/", "contextlib.py")
_KEY: Final = "moziweb.audit_law"


Subjects = frozenset[tuple[str, int | None]]


@dataclass(frozen=True)
class Written:
    """What a transaction has written: tables or columns, the subjects, and those of its entries."""

    changes: frozenset[str] = frozenset()
    subjects: Subjects = frozenset()
    entries: Subjects = frozenset()
    savepoints: dict[str, "Written"] = field(default_factory=dict)

    def without_entry(self) -> list[str]:
        """What has no entry: the tables if there is none at all, or the subjects.

        An entry without an id is about all subjects of its kind.
        """
        if self.changes and AUDIT not in self.changes:
            return sorted(self.changes)
        of_all = {kind for kind, row_id in self.entries if row_id is None}
        found = {each for each in self.subjects - self.entries if each[0] not in of_all}
        return [f"{kind} {row_id}" for kind, row_id in sorted(found, key=str)]


class Watch:
    """Listens to all engines and sessions. ``broken`` are the transactions that break the law."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._note,
            "commit": self._judge,
            "rollback": self._forget,
            "savepoint": self._keep,
            "rollback_savepoint": self._roll_back,
        }

    def start(self) -> None:
        """Begin to listen."""
        for name, listener in self._listeners.items():
            event.listen(Engine, name, listener)
        event.listen(Session, "after_flush", self._note_rows)

    def stop(self) -> None:
        """Stop listening."""
        for name, listener in self._listeners.items():
            event.remove(Engine, name, listener)
        event.remove(Session, "after_flush", self._note_rows)

    def _note(
        self, connection: Connection, _cursor: object, statement: str, *_rest: object
    ) -> None:
        write = _WRITE.match(statement)
        if write:
            known = _written(connection)
            changes = known.changes | _changes(write[1], write[2], write[3] or "")
            connection.info[_KEY] = replace(known, changes=changes)

    def _note_rows(self, session: Session, _context: object) -> None:
        connection = session.connection()
        known, rows = _written(connection), [*session.new, *session.dirty, *session.deleted]
        entries = {
            (each.subject, each.subject_id) for each in session.new if isinstance(each, AuditEntry)
        }
        connection.info[_KEY] = replace(
            known,
            subjects=known.subjects.union(*(_subjects(session, each) for each in rows)),
            entries=known.entries | entries,
        )

    def _judge(self, connection: Connection) -> None:
        found: Written = connection.info.pop(_KEY, Written())
        without = found.without_entry()
        if not without:
            return
        writer = _writer()
        if writer:
            self.broken.append(f"{writer} changes {', '.join(without)} without an audit entry")

    def _forget(self, connection: Connection) -> None:
        connection.info.pop(_KEY, None)

    def _keep(self, connection: Connection, name: str) -> None:
        known = _written(connection)
        connection.info[_KEY] = replace(known, savepoints={**known.savepoints, name: known})

    def _roll_back(self, connection: Connection, name: str, _context: object) -> None:
        connection.info[_KEY] = _written(connection).savepoints.get(name, Written())


def _written(connection: Connection) -> Written:
    found: Written = connection.info.get(_KEY, Written())
    return found


@contextmanager
def audit_law() -> Iterator[list[str]]:
    """Watch all transactions; assert at the end that each one keeps the law."""
    watch = Watch()
    watch.start()
    try:
        yield watch.broken
    finally:
        watch.stop()
    assert not watch.broken, "\n".join(watch.broken)


def _subjects(session: Session, row: Any) -> Subjects:
    """The subjects whose entries a changed row needs."""
    if not _needs_entry(session, row):
        return frozenset()
    if isinstance(row, FormerAddress):
        kinds: dict[str, str] = {
            inspect(model).local_table.name: kind for model, kind in SUBJECTS.items()
        }
        return frozenset({(kinds[row.table_name], row.row_id)})
    if isinstance(row, PremiereChange):  # its premiere is in the session, if anything loaded it
        premiere = session.identity_map.get(identity_key(Premiere, row.premiere_id))
        return frozenset({("film", premiere.movie_id)}) if premiere else frozenset()
    if type(row) in SUBJECTS:
        return frozenset({(SUBJECTS[type(row)], row.id)})
    if isinstance(row, User):
        return frozenset({("user", row.id)})
    if getattr(row, "movie_id", None) is not None:
        return frozenset({("film", row.movie_id)})
    is_factor = row.__tablename__ in {"manager_totp", "manager_passkey", "manager_recovery_code"}
    return frozenset({("user", row.user_id)}) if is_factor else frozenset()


def _needs_entry(session: Session, row: Any) -> bool:
    """Whether a flushed row has a change that is no bookkeeping."""
    table = row.__tablename__
    if isinstance(row, AuditEntry) or table in NOT_AUDITED:
        return False
    if row in session.new or row in session.deleted:
        return True
    columns = inspect(row).mapper.column_attrs
    changed = {each.key for each in columns if inspect(row).attrs[each.key].history.has_changes()}
    return bool(changed - BOOKKEEPING.get(table, set()))


def _changes(kind: str, table: str, assignments: str) -> set[str]:
    """The table that a statement changes, or its columns; empty if that needs no entry."""
    if table in NOT_AUDITED or table.startswith(("procrastinate", "alembic", "_alembic", "sqlite")):
        return set()
    if kind != "UPDATE" or not assignments:
        return {table}
    columns = set(_COLUMN.findall(assignments)) - BOOKKEEPING.get(table, set())
    return {f"{table}.{column}" for column in columns}


def _writer() -> str:
    """The code of the application that commits; "" for a test or a migration."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        path = frame.f_code.co_filename
        if ("/tests/" in path and path != __file__) or "/db/migrations" in path:
            return ""
        if (
            path == __file__
            or path.startswith("<")
            or "/moziweb/db/" in path
            or any(part in path for part in _FOREIGN)
        ):
            continue
        return f"{path.rpartition('/moziweb/')[2]}:{frame.f_lineno}"
    return ""
