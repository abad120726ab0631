"""What an operator does with a movie's pictures: the one door of the manager to poster sources.

Everything that writes takes the caller's session and leaves the commit to it; what is to be made
is made in the background after that. ``store`` and ``preview`` decode and upload, so they take no
session: call them before the request's transaction begins.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, case, null, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.movies.models import Movie
from moziweb.storage import Storage

from .generation import selection
from .generation.error_codes import ServiceCode
from .generation.readers import SourceError, SourceReader
from .generation.service import PosterService
from .generation.upload_store import StoredUpload, add_url, record_upload, store_upload
from .imaging.variants import EncodedImage
from .maintenance.status import Retry, retry_in
from .models import (
    PendingUpload,
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from .recipes import CENTRE, RECIPES, Point


class UnknownSource(LookupError):
    """There is no such source; it may have been removed meanwhile."""


@dataclass(frozen=True, slots=True)
class VariantView:
    """A variant as it stands: ``url`` is where it is stored, sizes are in pixels and bytes."""

    name: str
    format: str
    state: VariantState
    url: str | None
    width: int | None
    height: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as it stands, with its variants: those of today's recipes first.

    ``error_code`` is one of those in docs/posters.md; ``next_attempt_at`` is when it is tried
    again. ``awaits_choice`` says that it will be the movie's poster once it is ready.
    """

    id: int
    movie_id: int
    kind: SourceKind
    url: str | None
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
    dominant_colour: str | None
    created_at: datetime
    variants: tuple[VariantView, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every variant of today's recipes is ready."""
        ready = {(v.name, v.format) for v in self.variants if v.state is VariantState.READY}
        return self.state is SourceState.READY and ready >= _NAMES


class PosterEditor:
    """Registers, chooses and describes sources. One per process; threads share it.

    ``tell`` is called with a session and the sources that it wants to have made.
    """

    def __init__(
        self,
        storage: Storage,
        readers: Mapping[SourceKind, SourceReader],
        service: PosterService,
        tell: Callable[[Session, Iterable[int]], None],
    ) -> None:
        self._storage = storage
        self._readers = readers
        self._service = service
        self._tell = tell

    def store(self, data: bytes) -> StoredUpload:
        """Check an uploaded file and keep it; no source refers to it yet.

        Raises ``ImageRejected`` for what is no acceptable picture and ``StorageError``.
        """
        return store_upload(self._storage, data, self._service.limits, self._service.probe)

    def add_upload(
        self, session: Session, movie_id: int, upload: StoredUpload, *, choose: bool = True
    ) -> PosterSource:
        """The movie's source for a stored upload; the same file twice is one source.

        With ``choose`` it becomes the movie's poster once it is ready.
        """
        source = record_upload(session, movie_id, upload, choose=choose)
        if choose:
            selection.choose(session, source)
        return source

    def fetch(self, url: str) -> StoredUpload:
        """Check an external picture and keep it to be looked at; no source refers to it.

        Raises ``SourceError``, and what ``store`` raises.
        """
        source = PosterSource(kind=SourceKind.URL, url=url)
        return self.store(self._reader(source).read(source).body)

    def remember(self, session: Session, upload: StoredUpload, now: datetime) -> None:
        """Have a stored original removed some days after ``now``, unless a source refers to it."""
        session.merge(PendingUpload(key=upload.key, at=now))

    def add_url(
        self,
        session: Session,
        movie: Movie,
        url: str,
        *,
        seen: StoredUpload | None = None,
        choose: bool = True,
    ) -> PosterSource:
        """A source for an external picture; with ``choose`` the poster once it is ready.

        What was ``seen`` of it (``fetch``) is what it is made of first. Raises ``BadTargetError``
        for anything but a plain http(s) URL.
        """
        return add_url(session, movie, url, key=seen.key if seen else None, choose=choose)

    def choose(
        self, session: Session, source_id: int, *, movie_id: int | None = None
    ) -> PosterSource:
        """Make a source its movie's poster: now if it is ready, else as soon as it is.

        Raises ``UnknownSource``, here as below for a source of another than a given movie, too.
        """
        source = self._find(session, source_id, movie_id)
        selection.choose(session, source)
        return source

    def set_focal_point(
        self,
        session: Session,
        source_id: int,
        x: float,
        y: float,
        *,
        movie_id: int | None = None,
    ) -> None:
        """What a crop keeps in sight, from 0, 0 at the top left to 1, 1; ``ValueError`` beyond.

        The variants that it changes are made anew, and the old ones shown till then.
        """
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"a focal point lies within 0 and 1: {x}, {y}")
        source = self._find(session, source_id, movie_id)
        if (source.focal_x, source.focal_y) != (x, y):
            source.focal_x, source.focal_y = x, y
            session.flush()
            _make_again(session, PosterSource.id == source_id)
            self._tell(session, [source_id])

    def regenerate(
        self, session: Session, source_ids: Collection[int], *, movie_id: int | None = None
    ) -> int:
        """Have all variants of these sources made anew, however they failed; tells how many.

        With a movie, only those that are its own.
        """
        return self._regenerate(session, source_ids, movie_id)

    def regenerate_all(self, session: Session) -> int:
        """The same for every source there is; the background sees to them in turns."""
        return self._regenerate(session, None)

    def retry(self, session: Session, what: Retry) -> int:
        """Have failed sources tried at once, as ``standing.retry`` does; tells how many."""
        tried = retry_in(session, what)
        self._tell(session, tried)
        return len(tried)

    def describe(self, session: Session, movie_id: int) -> list[SourceView]:
        """The movie's sources, the chosen one first, then the newest."""
        query = select(PosterSource).where(PosterSource.movie_id == movie_id)
        newest = query.order_by(PosterSource.chosen.desc(), PosterSource.id.desc())
        return self._views(session, session.scalars(newest))

    def describe_one(
        self, session: Session, source_id: int, *, movie_id: int | None = None
    ) -> SourceView:
        """One source; raises ``UnknownSource``."""
        (view,) = self._views(session, [self._find(session, source_id, movie_id)])
        return view

    def preview(self, data: bytes, focal: Point = CENTRE) -> tuple[EncodedImage, ...]:
        """Every variant that would be made of a file, without keeping anything.

        Raises ``ImageRejected``.
        """
        return tuple(self._service.preview(data, focal).variants)

    def preview_source(
        self, source: PosterSource, focal: Point = CENTRE
    ) -> tuple[EncodedImage, ...]:
        """The same of a source's picture as it is now; also raises ``SourceError``."""
        return self.preview(self._reader(source).read(source).body, focal)

    def _reader(self, source: PosterSource) -> SourceReader:
        reader = self._readers.get(source.kind)
        if reader is None:
            raise SourceError(ServiceCode.NO_READER, permanent=True)
        return reader

    def _find(self, session: Session, source_id: int, movie_id: int | None) -> PosterSource:
        source = session.get(PosterSource, source_id)
        if source is None or movie_id not in (None, source.movie_id):
            raise UnknownSource(source_id)
        return source

    def _regenerate(
        self,
        session: Session,
        source_ids: Collection[int] | None,
        movie_id: int | None = None,
    ) -> int:
        if source_ids is None:
            return _make_again(session)
        if movie_id is not None:
            own = select(PosterSource.id).where(
                PosterSource.id.in_(source_ids), PosterSource.movie_id == movie_id
            )
            source_ids = session.scalars(own).all()
        made = _make_again(session, PosterSource.id.in_(source_ids))
        self._tell(session, source_ids)
        return made

    def _views(self, session: Session, sources: Iterable[PosterSource]) -> list[SourceView]:
        known = list(sources)
        rows = session.scalars(
            select(PosterVariant)
            .where(
                PosterVariant.source_id.in_(source.id for source in known),
                PosterVariant.state.in_((VariantState.READY, VariantState.SUPERSEDED)),
            )
            .order_by(PosterVariant.state, PosterVariant.id)
        )
        variants: dict[int, list[VariantView]] = {}
        for row in rows:
            variants.setdefault(row.source_id, []).append(self._variant(row))
        return [_view(source, tuple(variants.get(source.id, ()))) for source in known]

    def _variant(self, row: PosterVariant) -> VariantView:
        url = self._storage.url(row.key, row.bucket) if row.key else None
        return VariantView(row.name, row.format, row.state, url, row.width, row.height, row.bytes)


_NAMES = {(recipe.name, recipe.format) for recipe in RECIPES}


def _make_again(session: Session, *where: ColumnElement[bool]) -> int:
    """Have sources made anew, and tell how many.

    A worker's lease ends, for what it makes is not wanted any more. Another lease is that of
    whoever removes objects of the movie: it stays, or they would be made and removed at once.
    """
    is_made = PosterSource.state == SourceState.GENERATING
    changed = (
        update(PosterSource)
        .where(*where)
        .values(
            state=SourceState.PENDING,
            regenerate_requested=True,
            attempts=0,
            next_attempt_at=None,
            error_code=None,
            lease_token=case((is_made, null()), else_=PosterSource.lease_token),
            lease_until=case((is_made, null()), else_=PosterSource.lease_until),
        )
    )
    # What is shown does not change before new variants are published.
    options = {"synchronize_session": "fetch", TAGS_OPTION: ()}
    result = session.execute(changed, execution_options=options)
    return int(result.rowcount) if isinstance(result, CursorResult) else 0


def _view(source: PosterSource, variants: tuple[VariantView, ...]) -> SourceView:
    return SourceView(
        id=source.id,
        movie_id=source.movie_id,
        kind=source.kind,
        url=source.url,
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
        dominant_colour=source.dominant_colour,
        created_at=source.created_at,
        variants=variants,
    )
