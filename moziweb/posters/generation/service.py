"""The poster service: every missing variant of a source, made once, for everyone.

Nothing is held while it works: no transaction, no connection. First everything is uploaded, then
one short transaction publishes it all; whoever crashes in between leaves objects that the next
one overwrites with equal bytes under equal keys. Whatever goes wrong becomes a state of the source.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.storage import Storage

from ..imaging.limits import LIMITS, Limits, SourceImage, probe
from ..imaging.variants import EncodedImage, VariantSet, make_variants
from ..models import SourceKind
from ..recipes import CENTRE, RECIPES, Point, Recipe
from .failure_policy import (
    DATABASE,
    INTERNAL,
    PAUSED,
    failure_of,
    origin_host,
    record_host_failure,
    required_hosts,
)
from .host_breaker import STORAGE, BreakerDecision, HostCircuitBreaker
from .leases import NotClaimedReason, SourceLease, SourceLeases
from .publication import Uploaded, publish, upload
from .readers import ChangeReader, SourceBytes, SourceError, SourceReader
from .result import GenerationResult, Status
from .upload_store import Prober

log = logging.getLogger(__name__)


class _LeaseLostError(Exception):
    """Another worker has taken the source over, or it was replaced."""


VariantMaker = Callable[[bytes, Sequence[Recipe], Limits, Callable[[], None]], VariantSet]
"""As `imaging.make_variants`; the last argument is to be called every second while one waits."""


def _make_here(
    data: bytes, recipes: Sequence[Recipe], limits: Limits, _waiting: Callable[[], None]
) -> VariantSet:
    return make_variants(data, recipes, limits)


def _just_wait() -> None:
    """A preview has no lease to keep."""


class _Keeper:
    """Keeps a claim while its variants wait for a place to be made in."""

    def __init__(self, claims: SourceLeases, claim: SourceLease) -> None:
        self._claims = claims
        self.claim = claim

    def keep(self) -> None:
        """Renew the lease if it is time to; raises ``_LeaseLostError``."""
        kept = self._claims.renew(self.claim)
        if kept is None:
            raise _LeaseLostError
        self.claim = kept


class PosterService:
    """Makes the variants of sources. One per process; threads share it.

    ``readers`` read sources by kind; ``clock`` gives aware moments; ``limits`` is what a source may
    be at most; ``recipes`` is everything that is made of one; ``maker`` makes it, as
    `imaging.make_variants` does, and has the lease kept while it waits; ``prober`` looks at it
    first, as `probe.probe` does; ``resend`` is whether what is stored already is sent again.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        readers: Mapping[SourceKind, SourceReader],
        claims: SourceLeases,
        clock: Callable[[], datetime] = utc_now,
        limits: Limits = LIMITS,
        recipes: Sequence[Recipe] = RECIPES,
        maker: VariantMaker = _make_here,
        prober: Prober = probe,
        *,
        resend: bool = True,
    ) -> None:
        self._breaker = HostCircuitBreaker(database, clock)
        self._database = database
        self._storage = storage
        self._readers = readers
        self._claims = claims
        self._clock = clock
        self._limits = limits
        self._recipes = tuple(recipes)
        self._maker = maker
        self._prober = prober
        self._resend = resend
        self._wanted = frozenset(recipe.hash for recipe in recipes)

    @property
    def limits(self) -> Limits:
        """What a source may be at most."""
        return self._limits

    def storage_rests(self) -> bool:
        """Whether storage has failed so often lately that nothing is made for a while."""
        try:
            return self._breaker.is_open(STORAGE)
        except SQLAlchemyError:
            return False

    def probe(self, data: bytes, limits: Limits | None = None) -> SourceImage:
        """What a picture is, from its header. Raises ``ImageRejected``."""
        return self._prober(data, limits or self._limits)

    def preview(self, data: bytes, focal: Point = CENTRE) -> VariantSet:
        """What would be made of a picture; nothing is kept. Raises ``ImageRejected``."""
        recipes = tuple(recipe.at(focal) for recipe in self._recipes)
        return self._maker(data, recipes, self._limits, _just_wait)

    def ensure_variants(self, source_id: int) -> GenerationResult:
        """Have every variant of a source ready, unless somebody else is at it.

        Never waits for another worker and never raises for what may go wrong: the outcome tells.
        """
        with self._claims.only_in_process(source_id) as alone:
            if not alone:
                return GenerationResult(Status.BUSY)
            try:
                claim = self._claims.try_acquire(source_id, self._wanted)
            except SQLAlchemyError as error:
                log.warning("source %d could not be claimed: %s", source_id, error)
                return GenerationResult(Status.FAILED, DATABASE)
            if isinstance(claim, NotClaimedReason):
                return GenerationResult(Status(claim))
            return self._work(claim)

    def _work(self, claim: SourceLease) -> GenerationResult:
        try:
            outcome = self._make(claim)
        except _LeaseLostError:
            return self._lost(claim)
        except Exception as error:
            return self._failed(claim, error)
        except BaseException:  # Ctrl-C and the like
            with suppress(SQLAlchemyError):  # the lease runs out by itself
                self._claims.release(claim)
            raise
        return self._lost(claim) if outcome.status is Status.LOST else outcome

    def _lost(self, claim: SourceLease) -> GenerationResult:
        """Let nobody wait for a lease that is ours although the source was replaced."""
        with suppress(SQLAlchemyError):  # the lease runs out by itself
            self._claims.release_replaced(claim)
        return GenerationResult(Status.LOST)

    def _make(self, claim: SourceLease) -> GenerationResult:
        passage = self._breaker.ask(*required_hosts(claim))
        if passage.until is not None:
            self._claims.postpone(claim, passage.until, PAUSED)
            return GenerationResult(Status.BACKING_OFF, PAUSED)
        source = self._read_answered(claim, passage)
        if source is None:
            return self._unchanged(claim)
        sha256 = hashlib.sha256(source.body).hexdigest()
        missing = self._missing(claim, sha256)
        if not missing:  # its server told of a change, and there is none
            return self._unchanged(claim, **_validators(source))
        keeper = _Keeper(self._claims, claim)
        keeper.keep()  # reading may have taken most of the lease
        variants = self._maker(source.body, missing, self._limits, keeper.keep)
        images = variants.variants
        log.info("source %d: decoded once, for %d variants", claim.source_id, len(images))
        uploaded = self._upload_all(keeper, sha256, images)
        self._record_success(STORAGE, passage)
        with self._database.write() as session:
            if not self._claims.finish(session, claim, **_facts(claim, source, sha256, variants)):
                return GenerationResult(Status.LOST)
            publish(session, claim.source_id, sha256, uploaded, self._wanted, self._clock())
        return GenerationResult(Status.MADE, made=len(uploaded))

    def _read_answered(self, claim: SourceLease, passage: BreakerDecision) -> SourceBytes | None:
        """As `_read`; a refusal for good is an answer, too, so its host is well."""
        try:
            source = self._read(claim)
        except SourceError as error:
            if error.permanent:
                self._record_success(origin_host(claim), passage)
            raise
        self._record_success(origin_host(claim), passage)
        return source

    def _record_success(self, name: str | None, passage: BreakerDecision) -> None:
        if name in passage.failing_hosts:
            self._breaker.succeeded(str(name))

    def _read(self, claim: SourceLease) -> SourceBytes | None:
        """The picture; None when it has not changed since its variants were made."""
        reader = self._readers.get(claim.kind)
        if reader is None:
            raise SourceError("no_reader", f"nothing reads {claim.kind} sources")
        if claim.validators is not None and isinstance(reader, ChangeReader):
            return reader.read_changed(claim, claim.validators)
        return reader.read(claim)

    def _unchanged(self, claim: SourceLease, **facts: object) -> GenerationResult:
        kept = self._claims.finish_unchanged(claim, **facts)
        return GenerationResult(Status.COMPLETE if kept else Status.LOST)

    def _missing(self, claim: SourceLease, sha256: str) -> tuple[Recipe, ...]:
        """What to make: all of it when the content is not the one that variants are ready for."""
        ready = claim.ready if sha256 == claim.sha256 else frozenset()
        missing = (recipe for recipe in self._recipes if recipe.hash not in ready)
        return tuple(recipe.at(claim.focal) for recipe in missing)

    def _upload_all(
        self, keeper: _Keeper, sha256: str, images: Sequence[EncodedImage]
    ) -> list[Uploaded]:
        """What was uploaded; once the lease is lost another worker is at it, and we stop."""
        uploaded = []
        for image in images:
            keeper.keep()
            uploaded.append(upload(self._storage, keeper.claim, sha256, image, resend=self._resend))
        return uploaded

    def _failed(self, claim: SourceLease, error: Exception) -> GenerationResult:
        failure = failure_of(error)
        log.warning("source %d: %s: %s", claim.source_id, failure.code, failure.detail)
        if failure.code == INTERNAL:
            log.error("an error that nobody foresaw", exc_info=error)
        try:
            record_host_failure(self._breaker, claim, error, failure)
            kept = self._claims.fail(
                claim,
                failure.code,
                permanent=failure.permanent,
                retry_after=failure.retry_after,
            )
        except SQLAlchemyError as unreachable:  # the lease runs out by itself
            log.warning(
                "source %d: its failure could not be kept: %s", claim.source_id, unreachable
            )
            kept = True
        return GenerationResult(Status.FAILED, failure.code) if kept else self._lost(claim)


def _facts(
    claim: SourceLease, source: SourceBytes, sha256: str, variants: VariantSet
) -> dict[str, object]:
    """What reading a source has taught about it, as columns."""
    return {
        # An external picture that was looked at is made: from now on its host is asked.
        "key": claim.key if claim.kind is SourceKind.UPLOAD else None,
        "sha256": sha256,
        "bytes": len(source.body),
        "format": variants.source.format,
        "width": variants.source.width,
        "height": variants.source.height,
        "dominant_colour": variants.dominant_colour,
        "sketch": variants.sketch,
        **_validators(source),
    }


def _validators(source: SourceBytes) -> dict[str, object]:
    return {
        "etag": source.etag,
        "last_modified": source.last_modified,
        "final_url": source.final_url,
    }


def poster_service(registry: Registry) -> PosterService:
    """The service of an application, made of its settings, its database and its storage."""
    settings = registry.settings
    database = registry["database"]
    return PosterService(
        database=database,
        storage=registry["storage"],
        readers=registry["poster_readers"],
        claims=SourceLeases(
            database, utc_now, timedelta(seconds=settings["posters.lease_seconds"])
        ),
        limits=Limits(bytes=settings["posters.max_source_mb"] * 1_000_000),
        maker=registry["poster_workshop"].make,
        prober=registry["poster_workshop"].probe,
        resend=not settings["storage.s3.conditional_put"],
    )
