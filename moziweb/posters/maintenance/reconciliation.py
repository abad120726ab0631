"""Storage against the database: objects that nobody knows, and variants without an object.

Storage lists its keys in the order of their bytes, and the database's index has the same order, so
both are read side by side, a page at a time, whatever their number. What is found that way is a
suspicion: things are published meanwhile. An object is an orphan only after a day, and is looked
up again while its movie is held still; a missing object is asked for by name.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.db.types import parse_id
from moziweb.storage import Storage, StoredObject

from ..models import PendingUpload, PosterSource, PosterVariant, VariantState
from .movie_locks import MovieLock, locked_movies, mark_all_for_regeneration

PAGE: Final = 1_000
YOUNG: Final = timedelta(days=1)
"""An object that is younger may belong to somebody who has not published yet."""

VARIANTS: Final = "poster/"
ORIGINALS: Final = "upload/"

_MOVIE: Final = re.compile(r"poster/([0-9]+)-")
_LIVE: Final = (VariantState.READY, VariantState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A key at which storage and database differ; ``size`` is an orphan's, in bytes.

    ``orphan``: an object that no row knows. ``missing``: a row whose object is not there.
    """

    key: str
    is_orphan: bool
    size: int = 0


@dataclass(slots=True)
class Survey:
    """What was looked at, and what was found."""

    objects: int = 0
    young: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def orphans(self) -> list[Finding]:
        """The objects that no row knows."""
        return [found for found in self.findings if found.is_orphan]

    @property
    def missing(self) -> list[Finding]:
        """The rows whose objects are not there."""
        return [found for found in self.findings if not found.is_orphan]

    @property
    def share(self) -> float:
        """How much of what is stored would be removed, from 0 to 1."""
        return len(self.orphans) / self.objects if self.objects else 0.0


class Reconciler:
    """Compares storage with the database. ``clock`` gives aware moments."""

    def __init__(self, database: Database, storage: Storage, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    def expected(self) -> int:
        """How many objects there would be if storage and database agreed."""
        originals = select(func.count(distinct(PosterSource.key)))
        variants = select(func.count(distinct(PosterVariant.key))).where(*self._is_stored())
        with self._database.read() as session:
            return (session.scalar(originals) or 0) + (session.scalar(variants) or 0)

    def survey(self, step: Callable[[int], None] = lambda _: None) -> Survey:
        """Look at everything and change nothing; ``step`` is told how many objects were read."""
        survey = Survey()
        for prefix, known in ((VARIANTS, self._known_variants), (ORIGINALS, self._known_originals)):
            last = ""
            for page in _pages(self._storage.list(prefix)):
                self._compare(survey, page, known(last, page))
                last = page[-1].key
                survey.objects += len(page)
                step(survey.objects)
            if prefix == VARIANTS:
                self._note_missing_after(survey, last)
        return survey

    def remove(self, orphans: Sequence[Finding]) -> int:
        """Remove orphans that still are such; tells how many. Raises ``StorageError``."""
        removed = 0
        for start in range(0, len(orphans), PAGE):
            batch = [found.key for found in orphans[start : start + PAGE]]
            originals = [key for key in batch if key.startswith(ORIGINALS)]
            variants = {key: _movie_of(key) for key in batch if key.startswith(VARIANTS)}
            removed += sum(map(self._remove_original, originals))
            movie_ids = {movie_id for movie_id in variants.values() if movie_id is not None}
            with locked_movies(self._database, self._clock, movie_ids) as hold:
                removed += self._remove_variants(hold, variants)
        return removed

    def mend(self, missing: Sequence[Finding]) -> list[int]:
        """Have variants made anew whose objects are not there; returns their sources."""
        return mark_all_for_regeneration(self._database, [found.key for found in missing])

    def _compare(self, survey: Survey, page: Sequence[StoredObject], known: set[str]) -> None:
        for stored in page:
            if stored.key in known:
                continue
            if self._is_young(stored):
                survey.young += 1
            else:
                survey.findings.append(Finding(stored.key, True, stored.size))
        if page[0].key.startswith(VARIANTS):
            self._note_missing(survey, known, frozenset(stored.key for stored in page))

    def _note_missing(self, survey: Survey, known: set[str], there: frozenset[str]) -> None:
        survey.findings += [
            Finding(key, False)
            for key in sorted(known - there)
            if self._storage.head(key) is None and self._is_ready(key)
        ]

    def _known_variants(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        """The keys that the database knows up to the end of a page."""
        query = self._variants(PosterVariant.key > last, PosterVariant.key <= page[-1].key)
        with self._database.read() as session:
            return {key for key in session.scalars(query) if key}

    def _note_missing_after(self, survey: Survey, last: str) -> None:
        """The database's keys after the last one that storage lists."""
        query = self._variants(PosterVariant.key > last)
        for page in keyset_pages(self._database.read, query, PAGE):
            self._note_missing(survey, {row.key for row in page}, frozenset())

    def _variants(self, *where: ColumnElement[bool]) -> Select[str | None]:
        return select(PosterVariant.key).where(*where, *self._is_stored()).distinct()

    def _is_stored(self) -> tuple[ColumnElement[bool], ...]:
        return PosterVariant.state.in_(_LIVE), PosterVariant.bucket == self._storage.bucket

    def _known_originals(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        with self._database.read() as session:
            return _originals(session, [stored.key for stored in page])

    def _is_ready(self, key: str) -> bool:
        query = select(PosterVariant.id).where(
            PosterVariant.key == key, PosterVariant.state == VariantState.READY
        )
        with self._database.read() as session:
            return session.scalars(query.limit(1)).first() is not None

    def _remove_original(self, key: str) -> int:
        """Remove an original unless it was stored again since the survey.

        Nothing can be held still here: whoever uploads has no row before the commit. So each is
        asked for just before it goes.
        """
        stored = self._storage.head(key)
        if stored is None or self._is_young(stored):
            return 0
        gone = self._unknown([key])
        self._storage.delete(gone)
        return len(gone)

    def _remove_variants(self, hold: MovieLock, variants: Mapping[str, int | None]) -> int:
        """Remove those of these keys that no row knows and whose movies are still."""
        unknown = self._unknown(list(variants))
        still = {*hold.renewed(), None}
        gone = [key for key in unknown if variants[key] in still]
        try:
            self._storage.delete(gone)
        finally:  # some may be gone in any case
            with self._database.write() as session:
                hold.settle(session, gone)
        return len(gone)

    def _is_young(self, stored: StoredObject) -> bool:
        return stored.last_modified is None or stored.last_modified > self._clock() - YOUNG

    def _unknown(self, keys: Sequence[str]) -> list[str]:
        with self._database.read() as session:
            live = select(PosterVariant.key).where(
                PosterVariant.key.in_(keys), PosterVariant.state.in_(_LIVE)
            )
            known = {key for key in session.scalars(live) if key} | _originals(session, keys)
        return [key for key in keys if key not in known]


def _originals(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys that a source has, or that somebody has looked at and may save yet."""
    sources = select(PosterSource.key).where(PosterSource.key.in_(keys))
    looked_at = select(PendingUpload.key).where(PendingUpload.key.in_(keys))
    return {key for query in (sources, looked_at) for key in session.scalars(query) if key}


def _pages(objects: Iterator[StoredObject]) -> Iterator[list[StoredObject]]:
    while page := list(islice(objects, PAGE)):
        yield page


def _movie_of(key: str) -> int | None:
    match = _MOVIE.match(key)
    return parse_id(match[1]) if match else None
