"""Conditions that find a part of a folded text by the trigram indexes of both databases.

PostgreSQL has GIN indexes for ``LIKE`` (pg_trgm). SQLite has FTS5 tables, ``movie_trigram`` for
``movie.search_text``, which triggers keep equal to it; they have the text between two spaces.
"""

from itertools import product
from typing import Any, Final, Self, TypeVar

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    TableClause,
    Text,
    column,
    exists,
    func,
    or_,
    select,
    table,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

T = TypeVar("T")

_ESCAPE: Final = "/"
"""Folded texts have no slash. Of the wildcards of LIKE they can have "_", of GLOB none."""

_TRIGRAM: Final = 3


def contains_part(text: InstrumentedAttribute[str], part: str) -> ColumnElement[bool]:
    """Whether the folded ``text`` of a row contains ``part``.

    A space at an end of ``part`` also matches the beginning or the end of the text. The cost does
    not depend on the number of rows that do not match, if ``part`` has at least three characters.
    """
    on_any = or_(*(text.like(pattern, escape=_ESCAPE) for pattern in _patterns(part)))
    if len(part) < _TRIGRAM:  # FTS5 finds nothing by two letters of several bytes
        return on_any
    model = text.class_
    indexed = _index_of(model)
    rows = select(indexed.c.rowid).where(indexed.c.text.op("GLOB")(f"*{part}*"))
    return _ByDialect(model.id.in_(rows), on_any, Boolean())


def among_first_with_part(
    text: InstrumentedAttribute[str],
    part: str,
    limit: int,
    *where: ColumnElement[bool],
    newest: bool = False,
) -> ColumnElement[bool]:
    """Whether a row is among the first ``limit`` by id that contain ``part`` and meet ``where``.

    If ``newest``, the largest ids are the first. The databases stop at the last of them, so the
    cost does not grow with the number of rows, unless few of those with the part meet ``where``.
    """
    model: Any = text.class_
    rows = select(model.id).where(contains_part(text, part), *where)
    rows = rows.order_by(model.id.desc() if newest else model.id).limit(limit).correlate(None)
    on_any: ColumnElement[bool] = model.id.in_(rows)
    if len(part) < _TRIGRAM:
        return on_any
    indexed = _index_of(model)
    meets = exists(select(model.id).where(model.id == indexed.c.rowid, *where).correlate(indexed))
    found = select(indexed.c.rowid).where(indexed.c.text.op("GLOB")(f"*{part}*"), meets)
    found = found.order_by(indexed.c.rowid.desc() if newest else indexed.c.rowid).limit(limit)
    return _ByDialect(model.id.in_(found), on_any, Boolean())


def number_with_part(text: InstrumentedAttribute[str], part: str, most: int) -> ColumnElement[int]:
    """How many rows contain ``part``, at most ``most``. It has at least three characters."""
    model: Any = text.class_
    indexed = _index_of(model)
    of_index = select(indexed.c.rowid).where(indexed.c.text.op("GLOB")(f"*{part}*"))
    of_rows = select(model.id).where(contains_part(text, part))
    on_sqlite, other = (
        select(func.count()).select_from(rows.limit(most).subquery()).scalar_subquery()
        for rows in (of_index, of_rows)
    )
    return _ByDialect(on_sqlite, other, Integer())


def _index_of(model: Any) -> TableClause:
    """The FTS5 table of SQLite."""
    return table(f"{model.__tablename__}_trigram", column("rowid"), column("text", Text))


def _patterns(part: str) -> list[str]:
    """The patterns of LIKE for a text that has no spaces around it."""
    before = ("", "% ") if part.startswith(" ") else ("%",)
    after = ("", " %") if part.endswith(" ") else ("%",)
    inner = part.strip().replace("_", f"{_ESCAPE}_")
    return [f"{start}{inner}{end}" for start, end in product(before, after)]


class _ByDialect(FunctionElement[Any]):
    """The first of two expressions on SQLite, the second one on other databases."""

    inherit_cache = True

    def __init__(
        self, on_sqlite: ColumnElement[T], other: ColumnElement[T], type_: TypeEngine[T]
    ) -> None:
        super().__init__(on_sqlite.self_group(), other.self_group())
        self.type = type_

    def self_group(self, against: Any = None) -> Self:
        """The element itself: ``(…) = 1``, the default, would hide the condition from SQLite."""
        return self


@compiles(_ByDialect)
def _other(element: _ByDialect, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(list(element.clauses)[1], **options)


@compiles(_ByDialect, "sqlite")
def _on_sqlite(element: _ByDialect, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **options)
