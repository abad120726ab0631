"""The pages of a site without a cache after many writes, for audits of the site with one.

A page is computed from what it reads: from the columns that its statements name. So after a write
only the pages are rendered again of which one of these columns has changed.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, event, inspect
from webtest import TestApp

from moziweb.db.meta import Base
from moziweb.services import services_of

Rows = dict[Any, dict[str, Any]]
"""The rows of a table by their keys, or by themselves if no model has the table."""

Content = tuple[tuple[str, str, int | None], ...]
"""The hashes of what is in columns, by table and name."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")

_KEYS: Final = ""
"""Names the keys of a table among its columns."""


@cache
def _names_in(statement: str) -> frozenset[str]:
    return frozenset(_NAME.findall(statement.lower()))


def shown_by(answer: Any) -> tuple[int, str | bytes]:
    """The status, and the body or the location of a redirect."""
    return answer.status_int, answer.headers.get("Location") or answer.body


class UncachedPages:
    """The pages of a site without a cache, by name. Call ``changes()`` after each write."""

    def __init__(self, app: TestApp, paths: Mapping[str, str]) -> None:
        self._app, self._paths = app, paths
        self._engine = services_of(app.app.registry).database.engine
        self._statements: list[str] = []
        event.listen(self._engine, "before_cursor_execute", self._note)
        with self._engine.connect() as connection:
            self._tables = sorted(inspect(connection).get_table_names())
            self._rows = {table: _rows(connection, table) for table in self._tables}
        self._columns = {table: _columns(rows) for table, rows in self._rows.items()}
        self._read: dict[str, set[tuple[str, str]]] = {page: set() for page in paths}
        self._then: dict[str, Content] = {}
        self.answers = {page: self._render(page) for page in paths}

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        self._statements.append(statement)

    def changes(self) -> set[str]:
        """Render the pages that a write since the last call concerns; those that changed."""
        with self._engine.connect() as connection:
            for table in self._tables:
                rows = _rows(connection, table)
                if rows != self._rows[table]:
                    self._rows[table], self._columns[table] = rows, _columns(rows)
        changed = set()
        for page, before in self.answers.items():
            if self._content(page) != self._then[page]:
                self.answers[page] = self._render(page)
                if shown_by(self.answers[page]) != shown_by(before):
                    changed.add(page)
        return changed

    def check(self) -> None:
        """Render all pages: none shows what its statements do not name."""
        for page, known in self.answers.items():
            assert shown_by(self._render(page)) == shown_by(known), page

    def _render(self, page: str) -> Any:
        """The answer for a page; adds to what is known of the columns that it reads."""
        self._statements.clear()
        answer = self._app.get(self._paths[page], status="*")
        for names in map(_names_in, self._statements):
            for table in names & self._columns.keys():
                columns = names & self._columns[table].keys()
                self._read[page].update((table, column) for column in (_KEYS, *columns))
        self._then[page] = self._content(page)
        return answer

    def _content(self, page: str) -> Content:
        """What the columns that a page reads have in all rows."""
        return tuple(
            (table, column, self._columns[table].get(column))
            for table, column in sorted(self._read[page])
        )


def _rows(connection: Connection, table: str) -> Rows:
    rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()
    model = Base.metadata.tables.get(table)
    keys = [column.name for column in model.primary_key] if model is not None else None
    return {tuple(row[key] for key in keys) if keys else repr(row): dict(row) for row in rows}


def _columns(rows: Rows) -> dict[str, int]:
    """What a table has in each column, and its keys, as hashes."""
    ordered = sorted(rows.items(), key=lambda item: repr(item[0]))
    names = next(iter(rows.values()), {})
    contents = {name: hash(repr([(key, row[name]) for key, row in ordered])) for name in names}
    return {_KEYS: hash(repr([key for key, _ in ordered])), **contents}
