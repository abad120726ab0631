"""Asking storage for every object that the database claims: is it there, and as it should be?"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, func, select

from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.storage import Storage

from ..generation.publication import CACHE_CONTROL
from ..models import PosterSource, PosterVariant, SourceKind, VariantState
from .movie_locks import mark_all_for_regeneration

PAGE: Final = 500


class Fault(StrEnum):
    """What is wrong with an object."""

    MISSING = "missing"
    WRONG_SIZE = "wrong_size"
    WRONG_HEADERS = "wrong_headers"
    """Another media type or Cache-Control than browsers are to get."""
    ORIGINAL_MISSING = "original_missing"
    """An upload's original: nothing can be made of it again."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An object as the database has it; ``variant_id`` is None for an original."""

    source_id: int
    key: str
    variant_id: int | None = None
    bytes: int | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """An object, and what is wrong with it, if anything."""

    claimed: Claimed
    fault: Fault | None


class Verifier:
    """Asks for objects, ``jobs`` at a time. Raises ``StorageError`` when storage fails."""

    def __init__(self, database: Database, storage: Storage, jobs: int) -> None:
        self._database = database
        self._storage = storage
        self._jobs = jobs

    def count(self) -> int:
        """How many objects the database claims."""
        with self._database.read() as session:
            variants = select(func.count(PosterVariant.id)).where(*self._is_variant())
            originals = select(func.count(PosterSource.id)).where(*_IS_ORIGINAL)
            return (session.scalar(variants) or 0) + (session.scalar(originals) or 0)

    def elsewhere(self) -> int:
        """How many variants pages link in another bucket than today's, which is not asked."""
        others = select(func.count(PosterVariant.id)).where(
            PosterVariant.state == VariantState.READY, PosterVariant.bucket != self._storage.bucket
        )
        with self._database.read() as session:
            return session.scalar(others) or 0

    def run(self, stop: threading.Event) -> Iterator[ObjectCheck]:
        """A verdict on every object, in pages along the ids, until ``stop`` is set."""
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="verify") as pool:
            for page in self._pages():
                if stop.is_set():
                    return
                yield from pool.map(self._judge, page)

    def repair(self, verdicts: list[ObjectCheck]) -> list[int]:
        """Have faulty variants made anew; returns their sources. Originals cannot be."""
        keys = [one.claimed.key for one in verdicts if one.claimed.variant_id is not None]
        return mark_all_for_regeneration(self._database, keys)

    def _pages(self) -> Iterator[list[Claimed]]:
        variants = select(
            PosterVariant.id,
            PosterVariant.source_id,
            PosterVariant.key,
            PosterVariant.bytes,
            PosterVariant.mime,
        ).where(*self._is_variant())
        originals = select(PosterSource.id, PosterSource.key).where(*_IS_ORIGINAL)
        for page in keyset_pages(self._database.read, variants, PAGE):
            yield [
                Claimed(source_id, key or "", variant_id, size, mime)
                for variant_id, source_id, key, size, mime in page
            ]
        for rows in keyset_pages(self._database.read, originals, PAGE):
            yield [Claimed(source_id, key or "") for source_id, key in rows]

    def _is_variant(self) -> tuple[ColumnElement[bool], ...]:
        return (
            PosterVariant.state == VariantState.READY,
            PosterVariant.bucket == self._storage.bucket,
            PosterVariant.key.is_not(None),
        )

    def _judge(self, claimed: Claimed) -> ObjectCheck:
        stored = self._storage.head(claimed.key)
        if claimed.variant_id is None:
            return ObjectCheck(claimed, None if stored else Fault.ORIGINAL_MISSING)
        if stored is None:
            return ObjectCheck(claimed, Fault.MISSING)
        if stored.size != claimed.bytes:
            return ObjectCheck(claimed, Fault.WRONG_SIZE)
        as_served = (stored.content_type, stored.cache_control)
        is_right = as_served == (claimed.mime, CACHE_CONTROL)
        return ObjectCheck(claimed, None if is_right else Fault.WRONG_HEADERS)


_IS_ORIGINAL: Final = (PosterSource.kind == SourceKind.UPLOAD, PosterSource.key.is_not(None))
