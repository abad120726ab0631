"""Lists of the bin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from .models import BinItem
from .restoring import BIN_RETENTION

ROWS_PER_PAGE: Final = 50


def items_in_bin(session: Session, now: datetime, before: int | None = None) -> Sequence[BinItem]:
    """Returns a page of the bin, the latest first, and one more if there is one. One query."""
    query = select(BinItem).where(BinItem.deleted_at > now - BIN_RETENTION)
    if before is not None:
        query = query.where(BinItem.id < before)
    query = query.options(defer(BinItem.rows, raiseload=True))
    return session.scalars(query.order_by(BinItem.id.desc()).limit(ROWS_PER_PAGE + 1)).all()
