"""The audit law: a transaction that changes what editors see has an audit entry.

`audit_law` watches every statement of every engine. A transaction is judged when it commits. Those
of the tests themselves (rows that a test prepares) are left out, by the code that commits.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

AUDIT: Final = "manager_audit"

NOT_AUDITED: Final = frozenset(
    {
        # what the site keeps for itself, and no editor has entered
        "cache_journal", "cache_warming", "field_provenance", "import_item", "import_job",
        "import_mark", "import_upload", "list_format", "manager_bulk_item", "manager_bulk_job",
        "manager_challenge", "manager_draft", "manager_session", "manager_sign_in_attempt",
        "cache_advice", "cache_read_minute",
        "manager_submission", "movie_reference", "performance_minute", "poster_host",
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


@contextmanager
def audit_law() -> Iterator[list[str]]:
    """Watch all transactions; assert at the end that each one keeps the law."""
    broken: list[str] = []

    def note(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        write = _WRITE.match(statement)
        if write:
            changed: set[str] = connection.info.setdefault(_KEY, set())
            changed |= _changes(write[1], write[2], write[3] or "")

    def judge(connection: Connection) -> None:
        changed = connection.info.pop(_KEY, set())
        writer = "" if AUDIT in changed or not changed - {AUDIT} else _writer()
        if writer:
            broken.append(f"{writer} changes {', '.join(sorted(changed))} without an audit entry")

    def forget(connection: Connection) -> None:
        connection.info.pop(_KEY, None)

    listeners: dict[str, Callable[..., Any]] = {
        "before_cursor_execute": note,
        "commit": judge,
        "rollback": forget,
    }
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield broken
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)
    assert not broken, "\n".join(broken)


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
