"""The outbox: every invalidation, written in the transaction of the change that causes it.

Between a commit and its publish a process may die. A mark with a time-out would be lost with it,
and so would an after-commit hook alone; a row in the same database, committed or rolled back with
the change itself, is not. Whoever wrote it publishes it right after the commit and marks it. What
is left unmarked is published by the relay, which runs in every process that lasts: once each second
it takes what is older than ten seconds. Publishing twice does no harm, so relays need no lock among
them.

Rows are found by being unmarked and marked by id, never by "the newest id seen": ids are given
before commits are, and a long transaction comes to light among rows that are long done.

Published rows stay for a while, bounded in age and number, so that "why was this invalidated" has
an answer.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

DEFAULT_NAME: Final = "cache_journal"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An invalidation. Times are Unix time; ``published`` is None until it is marked."""

    id: int
    created: float
    tags: tuple[str, ...]
    reason: str
    published: float | None


class Outbox:
    """The table, on the metadata of whoever owns the database, and what is done with it.

    ``keep_seconds`` and ``keep_rows`` bound what is kept of published rows.
    """

    def __init__(
        self,
        metadata: MetaData,
        *,
        name: str = DEFAULT_NAME,
        keep_seconds: float = 7 * 24 * 3600.0,
        keep_rows: int = 10_000,
    ) -> None:
        self.table = Table(
            name,
            metadata,
            Column(
                "id",
                BigInteger().with_variant(Integer(), "sqlite"),
                primary_key=True,
                autoincrement=True,
            ),
            Column("created", Float(53), nullable=False),
            Column("tags", Text, nullable=False),
            Column("reason", Text, nullable=False),
            Column("published", Float(53), nullable=True),
        )
        unpublished = self.table.c.published.is_(None)
        Index(
            f"ix_{name}_unpublished",
            self.table.c.created,
            postgresql_where=unpublished,
            sqlite_where=unpublished,
        )
        self._keep_seconds = keep_seconds
        self._keep_rows = keep_rows

    def add(
        self, connection: Connection, tags: Iterable[str], *, now: float, reason: str = ""
    ) -> int:
        """Insert a row in the connection's transaction, and return its id."""
        row = {"created": now, "tags": json.dumps(sorted(tags)), "reason": reason}
        result = connection.execute(insert(self.table).values(row))
        (number,) = result.inserted_primary_key or (0,)
        return int(number)

    def mark(
        self,
        connection: Connection,
        ids: Sequence[int],
        *,
        now: float,
        published: Iterable[str] = (),
    ) -> None:
        """Note that rows are published; one that is marked already keeps its time.

        ``published`` are the tags that were published, if they are not those of the rows.
        """
        table = self.table
        values = {"tags": json.dumps(sorted(published))} if published else {}
        connection.execute(
            update(table)
            .where(table.c.id.in_(ids), table.c.published.is_(None))
            .values(published=now, **values)
        )

    def unpublished(
        self, connection: Connection, *, before: float, limit: int = 500
    ) -> list[OutboxRow]:
        """The oldest unmarked rows that were created before ``before``."""
        table = self.table
        return self._rows(
            connection,
            select(table)
            .where(table.c.published.is_(None), table.c.created <= before)
            .order_by(table.c.created)
            .limit(limit),
        )

    def latest(
        self, connection: Connection, tag: str | None = None, limit: int = 20
    ) -> list[OutboxRow]:
        """The latest rows, of one tag or of all, newest first: why something was invalidated."""
        query = select(self.table).order_by(self.table.c.id.desc()).limit(limit)
        if tag is not None:
            query = query.where(self.table.c.tags.contains(json.dumps(tag), autoescape=True))
        return self._rows(connection, query)

    def concerning(
        self, connection: Connection, tags: Iterable[str], within: int = 2000
    ) -> dict[str, OutboxRow]:
        """The latest row of each of ``tags``, among the latest ``within`` rows of all.

        One query; looking for each tag by itself would read the table as often.
        """
        wanted = frozenset(tags)
        found: dict[str, OutboxRow] = {}
        for row in self.latest(connection, limit=within) if wanted else ():
            for tag in wanted.intersection(row.tags):
                found.setdefault(tag, row)
        return found

    def backlog(self, connection: Connection) -> int:
        """How many rows are not published yet."""
        unmarked = select(func.count(self.table.c.id)).where(self.table.c.published.is_(None))
        return connection.scalar(unmarked) or 0

    def count(self, connection: Connection) -> int:
        """How many rows there are, published or not."""
        return connection.scalar(select(func.count(self.table.c.id))) or 0

    def age(self, connection: Connection, *, now: float) -> float:
        """How long the oldest unpublished row has been waiting, in seconds; 0 when none is."""
        oldest = connection.scalar(
            select(func.min(self.table.c.created)).where(self.table.c.published.is_(None))
        )
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def prune(self, connection: Connection, *, now: float) -> int:
        """Remove published rows that are too old or too many; returns how many."""
        table = self.table
        published = table.c.published.is_not(None)
        newest = select(func.max(table.c.id)).scalar_subquery()
        removed = connection.execute(
            delete(table).where(
                published,
                (table.c.published < now - self._keep_seconds)
                | (table.c.id <= newest - self._keep_rows),
            )
        )
        return int(removed.rowcount)

    def _rows(self, connection: Connection, query: Select[Any]) -> list[OutboxRow]:
        return [
            OutboxRow(row.id, row.created, tuple(json.loads(row.tags)), row.reason, row.published)
            for row in connection.execute(query)
        ]
