"""Stops SQLite's planner from using the index of a column (``+column``)."""

from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, SQLColumnExpression
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Value = TypeVar("Value")


class NoIndex(FunctionElement[Value]):
    """A column whose index SQLite does not use for this condition.

    Without statistics, SQLite does not know how many rows match a condition. It may begin with a
    list of ids although the index of the ORDER BY is faster; a ``+`` before the id prevents it
    (https://www.sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_).
    PostgreSQL gets the plain column: it has statistics for columns, but not for expressions.
    """

    inherit_cache = True

    def __init__(self, column: SQLColumnExpression[Value]) -> None:
        super().__init__(column)
        self.type = cast(ColumnElement[Value], column).type


@compiles(NoIndex)
def _plain(element: NoIndex[Any], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(NoIndex, "sqlite")
def _with_plus(element: NoIndex[Any], compiler: SQLCompiler, **options: Any) -> str:
    return "+" + compiler.process(element.clauses, **options)
