"""The outbox: a table of all invalidations, written in the transactions that cause them.

A row is committed or rolled back with the change that it belongs to (docs/decisions/0005). The
writer publishes the row right after the commit and marks it; a relay (``outbox_relay.py``)
publishes the rows that stay unmarked. Publishing twice is harmless, so relays need no lock.

Rows are selected by their missing mark, never by "the newest id seen": ids are assigned before the
commit, so the row of a long transaction appears after rows with higher ids.

Published rows are kept for a time, limited by age and number, to answer "why was this invalidated".
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

DEFAULT_NAME: Final = "cache_journal"

PURGE: Final = "purge: "
"""The begin of the reasons of purges."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An invalidation. Times are in Unix time; ``published`` is None until the row is marked."""

    id: int
    created: float
    tags: tuple[str, ...]
    reason: str
    published: float | None


class Outbox:
    """The table, defined on ``metadata``, and its queries.

    Published rows are kept for ``keep_seconds``, and at most about ``keep_rows`` of them.
    """

    def __init__(
        self,
        metadata: sa.MetaData,
        *,
        name: str = DEFAULT_NAME,
        keep_seconds: float = 7 * 24 * 3600.0,
        keep_rows: int = 10_000,
    ) -> None:
        self.table = sa.Table(
            name,
            metadata,
            sa.Column(
                "id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                primary_key=True,
                autoincrement=True,
            ),
            sa.Column("created", sa.Float(53), nullable=False),
            sa.Column("tags", sa.Text, nullable=False),
            sa.Column("reason", sa.Text, nullable=False),
            sa.Column("published", sa.Float(53), nullable=True),
        )
        unpublished = self.table.c.published.is_(None)
        sa.Index(
            f"ix_{name}_unpublished",
            self.table.c.created,
            postgresql_where=unpublished,
            sqlite_where=unpublished,
        )
        self._keep_seconds = keep_seconds
        self._keep_rows = keep_rows

    def add(
        self, connection: sa.Connection, tags: Iterable[str], *, now: float, reason: str = ""
    ) -> int:
        """Insert a row in the connection's transaction and return its id."""
        row = {"created": now, "tags": json.dumps(sorted(tags)), "reason": reason}
        result = connection.execute(sa.insert(self.table).values(row))
        (number,) = result.inserted_primary_key or (0,)
        return int(number)

    def mark(
        self,
        connection: sa.Connection,
        ids: Sequence[int],
        *,
        now: float,
        published: Iterable[str] = (),
    ) -> None:
        """Mark rows as published; a row that is already marked keeps its time.

        ``published`` are the published tags, if they are not those of the rows.
        """
        table = self.table
        values = {"tags": json.dumps(sorted(published))} if published else {}
        connection.execute(
            sa.update(table)
            .where(table.c.id.in_(ids), table.c.published.is_(None))
            .values(published=now, **values)
        )

    def unpublished(
        self, connection: sa.Connection, *, before: float, limit: int = 500
    ) -> list[OutboxRow]:
        """Return the oldest unmarked rows that were created before ``before``."""
        table = self.table
        return self._rows(
            connection,
            sa.select(table)
            .where(table.c.published.is_(None), table.c.created <= before)
            .order_by(table.c.created)
            .limit(limit),
        )

    def latest(
        self, connection: sa.Connection, tag: str | None = None, limit: int = 20
    ) -> list[OutboxRow]:
        """Return the latest rows, of one tag or of all, newest first."""
        query = sa.select(self.table).order_by(self.table.c.id.desc()).limit(limit)
        if tag is not None:
            query = query.where(self.table.c.tags.contains(json.dumps(tag), autoescape=True))
        return self._rows(connection, query)

    def concerning(
        self, connection: sa.Connection, tags: Iterable[str], within: int = 2000
    ) -> dict[str, OutboxRow]:
        """Return the latest row of each of ``tags``, among the latest ``within`` rows of all.

        It is one query; a query for each tag would scan the table each time.
        """
        wanted = frozenset(tags)
        found: dict[str, OutboxRow] = {}
        for row in self.latest(connection, limit=within) if wanted else ():
            for tag in wanted.intersection(row.tags):
                found.setdefault(tag, row)
        return found

    def purges(
        self, connection: sa.Connection, *, since: float, limit: int
    ) -> list[tuple[float, str]]:
        """Return the times and reasons of the latest purges since then, newest first."""
        table = self.table
        query = (
            sa.select(table.c.created, table.c.reason)
            .where(table.c.reason.startswith(PURGE, autoescape=True), table.c.created >= since)
            .order_by(table.c.id.desc())
            .limit(limit)
        )
        return [(row.created, row.reason.removeprefix(PURGE)) for row in connection.execute(query)]

    def backlog(self, connection: sa.Connection) -> int:
        """Return the number of unpublished rows."""
        unmarked = sa.select(sa.func.count(self.table.c.id)).where(self.table.c.published.is_(None))
        return connection.scalar(unmarked) or 0

    def count(self, connection: sa.Connection, *, since: float = 0.0) -> int:
        """Return the number of rows created after ``since`` (Unix time), published or not."""
        rows = sa.select(sa.func.count(self.table.c.id)).where(self.table.c.created > since)
        return connection.scalar(rows) or 0

    def age(self, connection: sa.Connection, *, now: float) -> float:
        """Return the age of the oldest unpublished row in seconds, or 0."""
        oldest = connection.scalar(
            sa.select(sa.func.min(self.table.c.created)).where(self.table.c.published.is_(None))
        )
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def prune(self, connection: sa.Connection, *, now: float) -> int:
        """Delete published rows over the limits, and return their number."""
        table = self.table
        published = table.c.published.is_not(None)
        newest = sa.select(sa.func.max(table.c.id)).scalar_subquery()
        removed = connection.execute(
            sa.delete(table).where(
                published,
                (table.c.published < now - self._keep_seconds)
                | (table.c.id <= newest - self._keep_rows),
            )
        )
        return int(removed.rowcount)

    def _rows(self, connection: sa.Connection, query: sa.Select[Any]) -> list[OutboxRow]:
        return [
            OutboxRow(row.id, row.created, tuple(json.loads(row.tags)), row.reason, row.published)
            for row in connection.execute(query)
        ]
