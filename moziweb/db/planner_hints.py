"""A hint to SQLite, in plain SQL: a column that rows are not to be sought by."""

from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, SQLColumnExpression
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Value = TypeVar("Value")


class NoIndex(FunctionElement[Value]):
    """The value of a column, by which SQLite looks for no rows.

    SQLite has no figures of its own for how many rows a condition leaves. Where it would begin with
    a list of ids although an order's index leads there sooner, a ``+`` before the id tells it so
    (https://www.sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_). To
    PostgreSQL, which has figures and reckons by them, nothing is said: with an expression in the
    column's place it would have none.
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
