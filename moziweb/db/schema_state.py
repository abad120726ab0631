"""The revision of a database, compared with the migrations of this version of the code.

It does without Alembic, which takes 7 MiB of each process: only commands migrate.
"""

from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_TABLE: Final = "alembic_version"


class SchemaState(Enum):
    """The schema of a database, compared with this version of the code."""

    CURRENT = auto()
    OUTDATED = auto()
    AHEAD = auto()
    """Of a newer release. This one runs on the schema of the next: migrations only expand."""


def current_revision(engine: Engine) -> str | None:
    """Return the revision of the database; None if it was never migrated."""
    with engine.connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """As `current_revision`; on PostgreSQL it ends the transaction."""
    revision: str | None = None
    if inspect(connection).has_table(_TABLE):
        revision = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608
    if connection.dialect.name != "sqlite":
        connection.rollback()  # ends the transaction of the query; each migration begins its own
    return revision


def head_revision() -> str:
    """Return the newest revision of this version of the code."""
    return known_revisions()[0]


def schema_state(revision: str | None) -> SchemaState:
    """Compare the revision of a database with this version of the code."""
    if revision == head_revision():
        return SchemaState.CURRENT
    if revision is None or revision in known_revisions() or revision < head_revision():
        return SchemaState.OUTDATED
    return SchemaState.AHEAD


@cache
def known_revisions() -> tuple[str, ...]:
    """The revisions of this version of the code, newest first; their files begin with them."""
    names = (path.name for path in _VERSIONS.glob("[0-9]*_*.py"))
    return tuple(sorted((name.partition("_")[0] for name in names), reverse=True))
