"""Former ids and slugs: where the public address of a merged or renamed row leads to.

A row that has an id or a slug now comes first; only an address without a row is looked up here.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import Distributor, FormerAddress, Genre, Person, StreamingService

Successor = TypeVar("Successor", Person, Distributor, Genre, StreamingService)

_SLUGGED: Final = (Genre, StreamingService)
_KEY: Final = re.compile("#[0-9]{1,10}|[a-z0-9-]{1,40}")


def id_key(row_id: int) -> str:
    """The key of a former id."""
    return f"#{row_id}"


def successor(session: Session, model: type[Successor], key: str) -> Successor | None:
    """Returns the row that a former id (``id_key``) or slug leads to, or None. One query."""
    if not _KEY.fullmatch(key):
        return None
    former = FormerAddress.table_name == model.__tablename__, FormerAddress.key == key
    query = select(model).join(FormerAddress, FormerAddress.row_id == model.id).where(*former)
    return session.scalar(query)


def former_addresses(session: Session, row: Any) -> list[FormerAddress]:
    """Returns the former addresses that lead to a row."""
    own = FormerAddress.table_name == row.__tablename__, FormerAddress.row_id == row.id
    return list(session.scalars(select(FormerAddress).where(*own).order_by(FormerAddress.key)))


def keep_address(session: Session, row: Any, key: str) -> tuple[FormerAddress, bool]:
    """Lets a former id or slug lead to a row; returns it, and whether it is new."""
    found = session.get(FormerAddress, (row.__tablename__, key))
    if found is not None:
        found.row_id = row.id
        return found, False
    made = FormerAddress(table_name=row.__tablename__, key=key, row_id=row.id)
    session.add(made)
    return made, True


def keys_of(row: Any) -> Iterable[str]:
    """The keys of the present addresses of a row: its id, and its slug if it has one."""
    return (id_key(row.id), *([row.slug] if isinstance(row, _SLUGGED) else []))
