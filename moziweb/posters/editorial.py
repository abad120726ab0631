"""`PosterEditor`: what editors do with poster sources. The manager uses this interface only.

Methods that write take the caller's session and do not commit; background workers make the variants
after the commit. ``store`` and ``preview`` decode and upload, so they take no session: call them
before the request's transaction begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import case, null, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.movies.models import Movie
from moziweb.storage import Storage

from .fetching.fetcher import DEFAULT_POLICY, FetchPolicy
from .generation import selection
from .generation.error_codes import ServiceCode, SourceError
from .generation.readers import SourceReader
from .generation.upload_store import StoredUpload, add_url, record_upload, store_upload
from .imaging.values import EncodedImage
from .maintenance.status import Retry, retry_in
from .models import (
    PendingUpload,
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from .recipes import CENTRE, Point

if TYPE_CHECKING:
    from .generation.service import PosterService


class UnknownSource(LookupError):
    """There is no such source."""


@dataclass(frozen=True, slots=True)
class VariantView:
    """A variant: ``url`` is its storage URL, sizes are in pixels and bytes."""

    name: str
    format: str
    state: VariantState
    url: str | None
    width: int | None
    height: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source with its variants, the ready ones first.

    docs/posters.md lists the error codes. With ``awaits_choice`` the source becomes the movie's
    poster once it is ready.
    """

    id: int
    kind: SourceKind
    url: str | None
    file_name: str | None
    state: SourceState
    chosen: bool
    awaits_choice: bool
    error_code: str | None
    attempts: int
    next_attempt_at: datetime | None
    width: int | None
    height: int | None
    bytes: int | None
    format: str | None
    focal_point: tuple[float, float]
    variants: tuple[VariantView, ...]


@dataclass(frozen=True, slots=True)
class PosterEditor:
    """Adds, chooses and describes sources. One per process; threads share it.

    ``schedule`` is called with a session and the ids of the sources to make after its commit;
    ``policy`` decides which URLs may become sources.
    """

    storage: Storage
    readers: Mapping[SourceKind, SourceReader]
    service: PosterService
    schedule: Callable[[Session, Iterable[int]], None]
    policy: FetchPolicy = DEFAULT_POLICY

    def store(self, data: bytes) -> StoredUpload:
        """Check and store a file without a source; raises ``ImageRejected`` or ``StorageError``."""
        return store_upload(self.storage, data, self.service.limits, self.service.probe)

    def add_upload(
        self,
        session: Session,
        movie_id: int,
        upload: StoredUpload,
        *,
        choose: bool = True,
        file_name: str | None = None,
    ) -> PosterSource:
        """Return the movie's source of a stored upload; the same file has one source.

        With ``choose`` it becomes the movie's poster once it is ready. A new source keeps the
        ``file_name``.
        """
        source = record_upload(session, movie_id, upload, choose=choose, file_name=file_name)
        if choose:
            selection.choose_source(session, source)
        return source

    def fetch(self, url: str) -> StoredUpload:
        """Fetch an external image, check it and store it for a preview, without a source.

        Raises ``SourceError``, ``ImageRejected`` or ``StorageError``.
        """
        source = PosterSource(kind=SourceKind.URL, url=url)
        return self.store(self._reader(source).read(source).body)

    def remember(self, session: Session, upload: StoredUpload, now: datetime) -> None:
        """Record a stored original as pending: it is removed some days later if it is not used."""
        session.merge(PendingUpload(key=upload.key, at=now))

    def add_url(
        self,
        session: Session,
        movie: Movie,
        url: str,
        *,
        previewed: StoredUpload | None = None,
        choose: bool = True,
    ) -> PosterSource:
        """Add an external image as a source; with ``choose`` it is the poster once it is ready.

        ``previewed`` is its stored copy (``fetch``), which the first variants are made from. Raises
        ``ForbiddenUrl`` for anything but a plain http(s) URL with a port that is allowed.
        """
        key = previewed.key if previewed else None
        return add_url(session, movie, url, key=key, choose=choose, policy=self.policy)

    def choose(self, session: Session, source_id: int) -> PosterSource:
        """Make a source its movie's poster, now or once it is ready; raises ``UnknownSource``."""
        source = self._find(session, source_id)
        selection.choose_source(session, source)
        return source

    def set_focal_point(self, session: Session, source_id: int, x: float, y: float) -> None:
        """Set the centre of crops, from 0, 0 at the top left to 1, 1; raises ``ValueError``.

        The changed variants are made again; pages show the old ones until they are ready.
        """
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"a focal point is within 0 and 1, not {x}, {y}")
        source = self._find(session, source_id)
        if (source.focal_x, source.focal_y) != (x, y):
            source.focal_x, source.focal_y = x, y
            session.flush()
            _mark_for_regeneration(session, [source_id])
            self.schedule(session, [source_id])

    def regenerate(self, session: Session, source_ids: Collection[int]) -> int:
        """Make all variants of these sources again, also failed ones; returns how many sources."""
        count = _mark_for_regeneration(session, source_ids)
        self.schedule(session, source_ids)
        return count

    def retry(self, session: Session, what: Retry) -> int:
        """Retry failed sources, as ``maintenance.status.retry`` does; returns how many."""
        source_ids = retry_in(session, what)
        self.schedule(session, source_ids)
        return len(source_ids)

    def describe(self, session: Session, movie_id: int) -> list[SourceView]:
        """The movie's sources: the chosen one, then the newest first."""
        query = select(PosterSource).where(PosterSource.movie_id == movie_id)
        newest = query.order_by(PosterSource.chosen.desc(), PosterSource.id.desc())
        return self._views(session, session.scalars(newest).all())

    def describe_one(self, session: Session, movie_id: int, source_id: int) -> SourceView:
        """One source of a movie; raises ``UnknownSource``."""
        source = self._find(session, source_id)
        if source.movie_id != movie_id:
            raise UnknownSource(source_id)
        return self._views(session, [source])[0]

    def preview(self, data: bytes, focal: Point = CENTRE) -> tuple[EncodedImage, ...]:
        """Make every variant of a file without storing it; raises ``ImageRejected``."""
        return tuple(self.service.preview(data, focal).variants)

    def preview_source(
        self, source: PosterSource, focal: Point = CENTRE
    ) -> tuple[EncodedImage, ...]:
        """As ``preview``, of a source's current image; also raises ``SourceError``."""
        return self.preview(self._reader(source).read(source).body, focal)

    def _reader(self, source: PosterSource) -> SourceReader:
        reader = self.readers.get(source.kind)
        if reader is None:
            raise SourceError(ServiceCode.NO_READER, permanent=True)
        return reader

    def _find(self, session: Session, source_id: int) -> PosterSource:
        source = session.get(PosterSource, source_id)
        if source is None:
            raise UnknownSource(source_id)
        return source

    def _views(self, session: Session, sources: Sequence[PosterSource]) -> list[SourceView]:
        rows = session.scalars(
            select(PosterVariant)
            .where(
                PosterVariant.source_id.in_(source.id for source in sources),
                PosterVariant.state.in_((VariantState.READY, VariantState.SUPERSEDED)),
            )
            .order_by(PosterVariant.state, PosterVariant.id)
        )
        variants: dict[int, list[VariantView]] = {}
        for row in rows:
            variants.setdefault(row.source_id, []).append(self._variant(row))
        return [_view(source, tuple(variants.get(source.id, ()))) for source in sources]

    def _variant(self, row: PosterVariant) -> VariantView:
        url = self.storage.url(row.key, row.bucket) if row.key else None
        return VariantView(row.name, row.format, row.state, url, row.width, row.height, row.bytes)


def _mark_for_regeneration(session: Session, source_ids: Collection[int]) -> int:
    """Make sources pending with ``regenerate_requested``; returns how many.

    The lease of a worker ends, because its variants are not needed any more. The lease of a movie
    lock stays: otherwise objects would be made and removed at the same time.
    """
    is_generating = PosterSource.state == SourceState.GENERATING
    query = (
        update(PosterSource)
        .where(PosterSource.id.in_(source_ids))
        .values(
            state=SourceState.PENDING,
            regenerate_requested=True,
            attempts=0,
            next_attempt_at=None,
            error_code=None,
            lease_token=case((is_generating, null()), else_=PosterSource.lease_token),
            lease_until=case((is_generating, null()), else_=PosterSource.lease_until),
        )
    )
    # Pages do not change before the new variants are published.
    options = {"synchronize_session": "fetch", TAGS_OPTION: ()}
    return len(session.scalars(query.returning(PosterSource.id), execution_options=options).all())


def _view(source: PosterSource, variants: tuple[VariantView, ...]) -> SourceView:
    return SourceView(
        id=source.id,
        kind=source.kind,
        url=source.url,
        file_name=source.file_name,
        state=source.state,
        chosen=source.chosen,
        awaits_choice=source.choose_when_ready,
        error_code=source.error_code,
        attempts=source.attempts,
        next_attempt_at=source.next_attempt_at,
        width=source.width,
        height=source.height,
        bytes=source.bytes,
        format=source.format,
        focal_point=(source.focal_x, source.focal_y),
        variants=variants,
    )
