"""What a change does to rows, as values for JSON, so that it can be taken back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import inspect

from moziweb.db.meta import Base

from .snapshot import row_values

_DERIVED: Final = frozenset(
    {"created_at", "updated_at", "version", "search_text", "sort_key", "revision", "revised_at"}
)
"""Columns that follow from others, or count changes."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row before and after a change: the changed columns, or None where the row is not there.

    A row that is inserted or deleted has all of its columns. ``movie_id`` is that of the movie that
    it is a part of.
    """

    table: str
    key: Mapping[str, Any]
    movie_id: int | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def swapped(self) -> "RowChange":
        """Returns the reverse of the change."""
        return RowChange(self.table, self.key, self.movie_id, self.after, self.before)


@dataclass(slots=True)
class WatchedRows:
    """Rows that a change may write; create it before the change."""

    _before: dict[Any, Mapping[str, Any] | None] = field(default_factory=dict)

    def watch(self, rows: Iterable[Base]) -> None:
        """Notes the values of rows that exist."""
        for row in rows:
            self._before.setdefault(row, row_values(row))

    def add(self, row: Base) -> None:
        """Notes a row that the change inserts."""
        self._before.setdefault(row, None)

    def changes(self) -> list[RowChange]:
        """Returns the rows that differ now; flush before."""
        found = (_change(row, before) for row, before in self._before.items())
        return [each for each in found if each is not None]


def _change(row: Any, before: Mapping[str, Any] | None) -> RowChange | None:
    state: Any = inspect(row)
    after = None if state.deleted or state.detached else row_values(row)
    if before and after:
        names = [name for name in before if before[name] != after[name] and name not in _DERIVED]
        if not names:
            return None
    else:
        names = list(before or after or ())

    def picked(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return {name: values[name] for name in names} if values else None

    values = before or after or {}
    key = {each.name: values[each.name] for each in state.mapper.primary_key}
    movie_id = values["id"] if row.__tablename__ == "movie" else values.get("movie_id")
    return RowChange(row.__tablename__, key, movie_id, picked(before), picked(after))


def changes_to_json(changes: Iterable[RowChange]) -> dict[str, Any]:
    """Returns changes as the values of a field of an audit entry."""
    parts = [(each, [each.table, dict(each.key), each.movie_id]) for each in changes]
    return {
        "before": [[*part, each.before] for each, part in parts],
        "after": [[*part, each.after] for each, part in parts],
    }


def changes_from_json(value: Mapping[str, Any]) -> list[RowChange]:
    """Returns the changes of ``changes_to_json``."""
    return [
        RowChange(table, key, movie_id, before, after)
        for (table, key, movie_id, before), (*_same, after) in zip(
            value["before"], value["after"], strict=True
        )
    ]
