"""Keyset pagination: reads the result of a query page by page, in the order of its key.

``keyset_pages`` reads all pages of a background job, ``block_after`` one of a list of the site.
Each page starts after the last key of the previous one, which an index finds at once; OFFSET would
read all earlier rows again for each page.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import Row, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

Key = TypeVar("Key")
Columns = TypeVarTuple("Columns")


def keyset_pages(
    read: Callable[[], AbstractContextManager[Session]], query: Select[Key, *Columns], size: int
) -> Iterator[Sequence[Row[Key, *Columns]]]:
    """Yield the rows of ``query`` in pages of at most ``size``, ordered by its first column.

    The first column must be unique in the result and never NULL. ``read`` opens the session of each
    page (``Database.read``); no session is open while the caller works on a page, so a run of an
    hour holds no snapshot of an hour. Rows that are added after the current key are returned, too.
    """
    key = query.selected_columns[0]
    first = query.order_by(key).limit(size)
    page_query = first
    while True:
        with read() as session:
            page = session.execute(page_query).all()
        if not page:
            return
        yield page
        page_query = first.where(key > page[-1][0])


def keyset_rows(
    read: Callable[[], AbstractContextManager[Session]], query: Select[Key, *Columns], size: int
) -> Iterator[Row[Key, *Columns]]:
    """As `keyset_pages`, row by row."""
    for page in keyset_pages(read, query, size):
        yield from page


def block_after(
    query: Select[*Columns],
    order: Sequence[InstrumentedAttribute[Any]],
    after: Sequence[Any] | None,
    size: int,
) -> Select[*Columns]:
    """The query of the ``size`` rows after ``after``, or of the first rows, in ascending order.

    ``order`` are the columns of the key, the last one unique; ``after`` are their values.
    """
    if after is not None:
        query = query.where(tuple_(*order) > tuple(after))
    return query.order_by(*order).limit(size)
