"""Verifies that storage has every object the database refers to, with its size and headers."""

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

VARIANTS_PER_QUERY: Final = 500


class Fault(StrEnum):
    """What is wrong with an object."""

    MISSING = "missing"
    WRONG_SIZE = "wrong_size"
    WRONG_HEADERS = "wrong_headers"
    """A wrong Content-Type or Cache-Control."""
    ORIGINAL_MISSING = "original_missing"
    """The original of an upload: it cannot be repaired."""


@dataclass(frozen=True, slots=True)
class ExpectedObject:
    """An object as the database describes it; ``variant_id`` is None for an original."""

    source_id: int
    key: str
    variant_id: int | None = None
    bytes: int | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """An object and its fault, if any."""

    expected: ExpectedObject
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Verifier:
    """Requests objects, ``jobs`` at a time; raises ``StorageError`` when storage fails."""

    database: Database
    storage: Storage
    jobs: int

    def count(self) -> int:
        """The number of objects that the database refers to."""
        with self.database.read() as session:
            variants = select(func.count(PosterVariant.id)).where(*self._is_variant())
            originals = select(func.count(PosterSource.id)).where(*_IS_ORIGINAL)
            return (session.scalar(variants) or 0) + (session.scalar(originals) or 0)

    def count_in_other_buckets(self) -> int:
        """The number of ready variants in other buckets than today's, which are not checked."""
        others = select(func.count(PosterVariant.id)).where(
            PosterVariant.state == VariantState.READY, PosterVariant.bucket != self.storage.bucket
        )
        with self.database.read() as session:
            return session.scalar(others) or 0

    def run(self, stop: threading.Event) -> Iterator[ObjectCheck]:
        """Check every object, until ``stop`` is set."""
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="verify") as pool:
            for page in self._pages():
                if stop.is_set():
                    return
                yield from pool.map(self._check, page)

    def repair(self, faulty: list[ObjectCheck]) -> list[int]:
        """Mark faulty variants, not originals, for regeneration; returns the source ids."""
        keys = [each.expected.key for each in faulty if each.expected.variant_id is not None]
        return mark_all_for_regeneration(self.database, keys)

    def _pages(self) -> Iterator[list[ExpectedObject]]:
        variants = select(
            PosterVariant.id,
            PosterVariant.source_id,
            PosterVariant.key,
            PosterVariant.bytes,
            PosterVariant.mime,
        ).where(*self._is_variant())
        originals = select(PosterSource.id, PosterSource.key).where(*_IS_ORIGINAL)
        for page in keyset_pages(self.database.read, variants, VARIANTS_PER_QUERY):
            yield [
                ExpectedObject(source_id, key or "", variant_id, size, mime)
                for variant_id, source_id, key, size, mime in page
            ]
        for rows in keyset_pages(self.database.read, originals, VARIANTS_PER_QUERY):
            yield [ExpectedObject(source_id, key or "") for source_id, key in rows]

    def _is_variant(self) -> tuple[ColumnElement[bool], ...]:
        return (
            PosterVariant.state == VariantState.READY,
            PosterVariant.bucket == self.storage.bucket,
            PosterVariant.key.is_not(None),
        )

    def _check(self, expected: ExpectedObject) -> ObjectCheck:
        stored = self.storage.head(expected.key)
        if expected.variant_id is None:
            return ObjectCheck(expected, None if stored else Fault.ORIGINAL_MISSING)
        if stored is None:
            return ObjectCheck(expected, Fault.MISSING)
        if stored.size != expected.bytes:
            return ObjectCheck(expected, Fault.WRONG_SIZE)
        headers = (stored.content_type, stored.cache_control)
        is_correct = headers == (expected.mime, CACHE_CONTROL)
        return ObjectCheck(expected, None if is_correct else Fault.WRONG_HEADERS)


_IS_ORIGINAL: Final = (PosterSource.kind == SourceKind.UPLOAD, PosterSource.key.is_not(None))
