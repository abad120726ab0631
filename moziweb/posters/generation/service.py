"""The poster service: makes the missing variants of a source, once for all processes.

It reads the source, makes the variants and publishes them. No transaction and no connection is open
while it works: all variants are uploaded first, then one short transaction publishes them. A crash
in between leaves objects that the next run overwrites with equal bytes under equal keys. Every
error becomes a state of the source.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from moziweb.clock import utc_now
from moziweb.db import Database, repeat_on_conflict
from moziweb.storage import Storage

from ..decoder.machine_lock import DecodersBusy
from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.limits import probe
from ..imaging.values import LIMITS, Limits, SourceImage, VariantSet
from ..imaging.variants import make_variants
from ..models import PosterHost, SourceKind
from ..recipes import CENTRE, RECIPES, Point, Recipe
from .error_codes import ServiceCode, SourceError
from .failure_policy import failure_of, origin_host, record_host_failure, required_hosts
from .host_breaker import STORAGE, STORAGE_PAUSES, BreakerDecision, HostCircuitBreaker
from .leases import (
    MIN_RETRY_DELAY,
    LeaseLostError,
    NotAcquiredReason,
    SourceLease,
    SourceLeases,
)
from .publication import publish, upload
from .readers import ChangeReader, SourceBytes, SourceReader
from .result import GenerationCounts, GenerationResult, GenerationStatus
from .upload_store import Prober

log = logging.getLogger(__name__)

VariantMaker = Callable[[bytes, Sequence[Recipe], Limits, Callable[[], None]], VariantSet]
"""As `imaging.make_variants`; the last argument is called every second during a wait."""


def _make_in_process(
    data: bytes, recipes: Sequence[Recipe], limits: Limits, _on_wait: Callable[[], None]
) -> VariantSet:
    return make_variants(data, recipes, limits)


PREVIEW_WAIT_SECONDS: Final = 10.0
"""How long a preview waits for a decoder: it holds a thread of the server."""


def _wait_until(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise ImageRejected(RejectCode.DECODE_TIMEOUT, "no decoder was free")


class PosterService:
    """Makes the variants of sources. One per process; threads share it.

    ``readers`` read sources by kind; ``clock`` returns aware datetimes; ``limits`` bound a source;
    ``recipes`` are all variants of a source; ``maker`` makes them as `imaging.make_variants` does,
    and renews the lease while it waits; ``prober`` reads an image's header as `probe` does;
    ``resend`` is whether objects that are stored already are uploaded again.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        readers: Mapping[SourceKind, SourceReader],
        leases: SourceLeases,
        clock: Callable[[], datetime] = utc_now,
        limits: Limits = LIMITS,
        recipes: Sequence[Recipe] = RECIPES,
        maker: VariantMaker = _make_in_process,
        prober: Prober = probe,
        *,
        resend: bool = True,
    ) -> None:
        self._breaker = HostCircuitBreaker(database, clock)
        self._database = database
        self._storage = storage
        self._readers = readers
        self._leases = leases
        self._clock = clock
        self.limits = limits
        self._recipes = tuple(recipes)
        self._maker = maker
        self._prober = prober
        self._resend = resend
        self._recipe_hashes = frozenset(recipe.hash for recipe in recipes)
        self.counts = GenerationCounts()

    def is_storage_paused(self) -> bool:
        """Whether the circuit breaker of storage is open, so that no variants are made."""
        try:
            return self._breaker.is_open(STORAGE)
        except SQLAlchemyError:
            return False

    def storage_pause(self, connection: Connection) -> str:
        """Why no variants are made: the failures of storage, and until when it is not requested.

        Empty if the circuit breaker of storage is closed. Raises ``SQLAlchemyError``.
        """
        columns = PosterHost.open_until, PosterHost.failures, PosterHost.error_code
        query = select(*columns).where(PosterHost.name == STORAGE)
        row = connection.execute(query).one_or_none()
        if row is None or row.open_until is None or row.open_until <= self._clock():
            return ""
        seconds = (row.open_until - self._clock()).total_seconds()
        return (
            f"storage has failed {row.failures} times in a row ({row.error_code}); the next "
            f"attempt is in {seconds:.0f} s"
        )

    def probe(self, data: bytes, limits: Limits | None = None) -> SourceImage:
        """Read the header of an image; raises ``ImageRejected``."""
        return self._prober(data, limits or self.limits)

    def preview(self, data: bytes, focal: Point = CENTRE) -> VariantSet:
        """Make all variants of an image without storing them; raises ``ImageRejected``."""
        recipes = tuple(recipe.with_focal(focal) for recipe in self._recipes)
        on_wait = partial(_wait_until, time.monotonic() + PREVIEW_WAIT_SECONDS)
        return self._maker(data, recipes, self.limits, on_wait)

    def ensure_variants(self, source_id: int) -> GenerationResult:
        """Make the missing variants of a source, unless another worker holds its lease.

        Never waits for another worker; errors are returned as results and recorded on the source.
        """
        result = self._ensure_variants(source_id)
        self.counts.add(result)
        return result

    def _ensure_variants(self, source_id: int) -> GenerationResult:
        with self._leases.only_in_process(source_id) as is_alone:
            if not is_alone:
                return GenerationResult(GenerationStatus.BUSY)
            try:
                lease = self._leases.try_acquire(source_id, self._recipe_hashes)
            except SQLAlchemyError as error:
                log.warning("source %d: its lease could not be acquired: %s", source_id, error)
                return GenerationResult(GenerationStatus.FAILED, ServiceCode.DATABASE_UNAVAILABLE)
            if isinstance(lease, NotAcquiredReason):
                return GenerationResult(GenerationStatus(lease))
            return self._run(lease)

    def _run(self, lease: SourceLease) -> GenerationResult:
        hosts = BreakerDecision()
        try:
            hosts = self._breaker.ask(*required_hosts(lease))
            return self._generate(lease, hosts)
        except LeaseLostError:
            return self._lost(lease)
        except Exception as error:
            return self._failed(lease, error, hosts)
        except BaseException:  # KeyboardInterrupt and SystemExit
            self._release(lease)
            raise

    def _generate(self, lease: SourceLease, hosts: BreakerDecision) -> GenerationResult:
        """Read the source, make its missing variants, publish them."""
        if hosts.until is not None:
            self._leases.postpone(lease, hosts.until, ServiceCode.HOST_PAUSED)
            return GenerationResult(GenerationStatus.BACKING_OFF, ServiceCode.HOST_PAUSED)
        source = self._read(lease, hosts)
        if source is None or not (missing := self._missing(lease, source)):
            self._leases.finish_unchanged(lease, **(asdict(source.validators) if source else {}))
            return GenerationResult(GenerationStatus.COMPLETE)
        variants = self._make(lease, source, missing)
        self._publish(lease, source, variants, hosts)
        return GenerationResult(GenerationStatus.MADE, made=len(variants.variants))

    def _read(self, lease: SourceLease, hosts: BreakerDecision) -> SourceBytes | None:
        """Read the image; None if its server says that it has not changed."""
        reader = self._readers.get(lease.kind)
        if reader is None:
            raise SourceError(ServiceCode.NO_READER, f"no reader for sources of kind {lease.kind}")
        try:
            if lease.validators is not None and isinstance(reader, ChangeReader):
                source = reader.read_changed(lease, lease.validators)
            else:
                source = reader.read(lease)
        except SourceError as error:
            if error.permanent:  # the host answered
                self._record_success(origin_host(lease), hosts)
            raise
        self._record_success(origin_host(lease), hosts)
        return source

    def _missing(self, lease: SourceLease, source: SourceBytes) -> tuple[Recipe, ...]:
        """The recipes to make: all of them if the content has changed."""
        ready = lease.ready if source.sha256 == lease.sha256 else frozenset()
        missing = (recipe for recipe in self._recipes if recipe.hash not in ready)
        return tuple(recipe.with_focal(lease.focal) for recipe in missing)

    def _make(
        self, lease: SourceLease, source: SourceBytes, recipes: Sequence[Recipe]
    ) -> VariantSet:
        renew = partial(self._leases.renew, lease)
        renew()  # reading may have taken most of the lease
        variants = self._maker(source.body, recipes, self.limits, renew)
        count = len(variants.variants)
        log.info("source %d: decoded once, for %d variants", lease.source_id, count)
        return variants

    def _publish(
        self, lease: SourceLease, source: SourceBytes, variants: VariantSet, hosts: BreakerDecision
    ) -> None:
        """Upload all variants, then write their rows and end the lease in one transaction."""
        sha256, uploaded = source.sha256, []
        for image in variants.variants:
            self._leases.renew(lease)
            uploaded.append(upload(self._storage, lease, sha256, image, resend=self._resend))
        self._record_success(STORAGE, hosts)
        hashes, now = self._recipe_hashes, self._clock()

        def write() -> None:
            with self._database.write() as session:
                self._leases.finish(session, lease, **_columns(lease, source, variants))
                publish(session, lease.source_id, sha256, uploaded, hashes, now)

        repeat_on_conflict(write)  # it locks the source, then the movie; editors the other way

    def _record_success(self, host: str | None, hosts: BreakerDecision) -> None:
        if host is not None and host in hosts.failures:
            self._breaker.record_success(host)

    def _failed(
        self, lease: SourceLease, error: Exception, hosts: BreakerDecision
    ) -> GenerationResult:
        failure = failure_of(error)
        log.warning("source %d: %s: %s", lease.source_id, failure.code, failure.detail)
        if failure.code == ServiceCode.INTERNAL:
            log.error("source %d: unexpected error", lease.source_id, exc_info=error)
        try:
            record_host_failure(self._breaker, lease, error, failure, hosts.failures)
            if failure.code == ServiceCode.STORAGE_UNAVAILABLE:  # not a failure of the source
                until = self._clock() + STORAGE_PAUSES.shortest
                self._leases.postpone(lease, until, failure.code)
            elif isinstance(error, DecodersBusy):  # nor is this one
                self._leases.postpone(lease, self._clock() + MIN_RETRY_DELAY, failure.code)
            else:
                permanent, delay = failure.permanent, failure.retry_after
                self._leases.fail(lease, failure.code, permanent=permanent, retry_after=delay)
        except LeaseLostError:
            return self._lost(lease)
        except SQLAlchemyError as down:
            log.warning("source %d: its failure could not be recorded: %s", lease.source_id, down)
        return GenerationResult(GenerationStatus.FAILED, failure.code)

    def _lost(self, lease: SourceLease) -> GenerationResult:
        """Release the lease if it is still ours, which means that the source was replaced."""
        self._release(lease)
        return GenerationResult(GenerationStatus.LOST)

    def _release(self, lease: SourceLease) -> None:
        with suppress(SQLAlchemyError):  # the lease expires by itself
            self._leases.release(lease)


def _columns(lease: SourceLease, source: SourceBytes, variants: VariantSet) -> dict[str, object]:
    """The columns of a source that was read and made."""
    return {
        # The stored copy of an external image is used once; later reads ask its host.
        "key": lease.key if lease.kind is SourceKind.UPLOAD else None,
        "sha256": source.sha256,
        "bytes": len(source.body),
        "format": variants.source.format,
        "width": variants.source.width,
        "height": variants.source.height,
        "dominant_colour": variants.dominant_colour,
        "sketch": variants.sketch,
        **asdict(source.validators),
    }
