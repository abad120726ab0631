"""Keyset pagination: reads the result of a query page by page, in the order of its key.

Each page starts after the last key of the previous one, which an index finds at once; OFFSET would
read all earlier rows again for each page.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar, TypeVarTuple

from sqlalchemy import Row, Select
from sqlalchemy.orm import Session

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
