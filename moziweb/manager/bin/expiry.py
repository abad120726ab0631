"""Empties the bin: items that have been in it for 30 days are removed for good."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select

from moziweb.db import Database
from moziweb.posters.maintenance.held_objects import release

from ..audit.log import COMMAND, Subject, record
from .models import BinItem
from .restoring import BIN_RETENTION

log = logging.getLogger(__name__)

EMPTIED: Final = "bin.empty"
"""The action of the audit entry of each removed item."""


@dataclass(frozen=True, slots=True)
class ExpiredItems:
    """Removes expired items. ``clock`` returns aware datetimes."""

    database: Database
    clock: Callable[[], datetime]

    def count(self) -> int:
        """The number of expired items."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).where(self._is_expired())) or 0

    def run(self) -> Iterator[BinItem]:
        """Yield each item after its removal, the oldest first; one transaction for each.

        `posters gc` removes the objects of its posters.
        """
        while True:
            with self.database.write() as session:
                query = select(BinItem).where(self._is_expired()).order_by(BinItem.deleted_at)
                item = session.scalars(query.limit(1).with_for_update(skip_locked=True)).first()
                if item is None:
                    return
                subject = Subject(item.kind, item.name, item.row_id)
                record(session, COMMAND, EMPTIED, subject, self.clock())
                release(session, item.id, self.clock())
                session.delete(item)
            yield item

    def _is_expired(self) -> ColumnElement[bool]:
        return BinItem.deleted_at <= self.clock() - BIN_RETENTION


def empty_in_worker(items: ExpiredItems, is_stopping: Callable[[], bool]) -> None:
    """Remove expired items without output, for a worker; end when ``is_stopping``."""
    count = 0
    for _item in items.run():
        count += 1
        if is_stopping():
            break
    log.info("removed from the bin for good: %d", count)
