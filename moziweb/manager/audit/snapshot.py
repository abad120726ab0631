"""Rows of tables as plain values for JSON, and back."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import Date, Enum, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from moziweb.db.meta import Base, UTCDateTime, WordList
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import (
    Credit,
    Distributor,
    FieldProvenance,
    FormerAddress,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
    Trailer,
)
from moziweb.posters.models import PosterSource, PosterVariant

TableRows: TypeAlias = dict[str, list[dict[str, Any]]]
"""Rows by the names of their tables; columns have the names of attributes."""

MODELS: Final[tuple[type[Base], ...]] = (
    Distributor, Genre, Person, StreamingService, Movie, MovieGenre, Credit, Premiere,
    PremiereChange, Trailer, FieldProvenance, MovieReference, FormerAddress, PosterSource,
    PosterVariant,
)  # fmt: skip
"""What snapshots contain: each model after those that it refers to."""


def snapshot_of(rows: Iterable[Base]) -> TableRows:
    """Returns the values of rows, by table."""
    found: TableRows = {}
    for row in rows:
        found.setdefault(row.__tablename__, []).append(row_values(row))
    return found


def row_values(row: Base) -> dict[str, Any]:
    """Returns the columns of a row as values for JSON."""
    return {each.key: plain(getattr(row, each.key)) for each in inspect(type(row)).column_attrs}


def insert_rows(session: Session, rows: Mapping[str, Collection[Mapping[str, Any]]]) -> None:
    """Inserts rows of a snapshot and flushes.

    A row whose id is taken gets a new one, and the rows that refer to it follow. Columns that have
    been added since the snapshot get their defaults.
    """
    new_ids: dict[tuple[str, int], int] = {}
    for model in MODELS:
        given = [_following(model, values, new_ids) for values in rows.get(model.__tablename__, ())]
        taken = _taken(session, model, [values["id"] for values in given if "id" in values])
        for values in given:
            old_id = values.pop("id") if values.get("id") in taken else None
            row: Any = _row_of(model, values)
            session.add(row)
            session.flush()
            if old_id is not None:
                new_ids[model.__tablename__, old_id] = row.id


def references(model: type[Base]) -> dict[str, str]:
    """Returns the tables that the columns of a model refer to, by attribute."""
    return {
        name: key.column.table.name
        for name, column in inspect(model).columns.items()
        for key in column.foreign_keys
    }


def _following(
    model: type[Base], values: Mapping[str, Any], new_ids: Mapping[tuple[str, int], int]
) -> dict[str, Any]:
    followed = dict(values)
    for name, table in references(model).items():
        value = followed.get(name)
        if value is not None:
            followed[name] = new_ids.get((table, value), value)
    return followed


def _taken(session: Session, model: Any, ids: Collection[int]) -> set[int]:
    return set(session.scalars(select(model.id).where(model.id.in_(ids)))) if ids else set()


def _row_of(model: type[Base], values: Mapping[str, Any]) -> Base:
    return model(**typed_values(model, values))


def typed_values(model: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of columns from JSON; others are left out."""
    columns = inspect(model).columns
    known = {name: value for name, value in values.items() if name in columns}
    return {name: _typed(columns[name].type, value) for name, value in known.items()}


def plain(value: Any) -> Any:
    """Returns the value of a column for JSON."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):  # or a datetime
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _typed(kind: TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    for type_, read in _READERS:
        if isinstance(kind, type_):
            return read(kind, value)
    return value


_READERS: Final[tuple[tuple[type, Any], ...]] = (
    (Enum, lambda kind, value: kind.enum_class(value)),
    (UTCDateTime, lambda _kind, value: datetime.fromisoformat(value)),
    (Date, lambda _kind, value: date.fromisoformat(value)),
    (WordList, lambda _kind, value: tuple(value)),
)
