"""Maps exceptions to failure codes and to the host that the failure counts against."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from moziweb.storage import StorageError

from ..imaging.errors import ImageRejected, RejectCode
from .error_codes import STORAGE_CODES, ServiceCode, SourceCode, SourceError, storage_code
from .host_breaker import STORAGE, HostCircuitBreaker, host_of
from .leases import SourceLease


class Failure(NamedTuple):
    """Why an attempt failed: ``code`` is stable, ``retry_after`` seconds, ``detail`` for logs."""

    code: SourceCode
    permanent: bool = False
    retry_after: float | None = None
    detail: str = ""


def failure_of(error: Exception) -> Failure:
    """The failure of a source whose attempt raised ``error``."""
    match error:
        case SourceError():
            return Failure(error.code, error.permanent, error.retry_after, error.detail)
        case ImageRejected():
            return Failure(error.code, error.permanent, None, error.detail)
        case StorageError():
            return Failure(storage_code(error), detail=str(error))
        case MemoryError():
            return Failure(RejectCode.OUT_OF_MEMORY)
        case SQLAlchemyError():
            return Failure(ServiceCode.DATABASE_UNAVAILABLE, detail=str(error))
        case _:
            return Failure(ServiceCode.INTERNAL, detail=repr(error))


def origin_host(lease: SourceLease) -> str | None:
    """The host that a source's image is read from: storage if it has a copy there."""
    return STORAGE if lease.key else host_of(lease.url)


def required_hosts(lease: SourceLease) -> tuple[str, ...]:
    """The hosts that must answer for a source to be made."""
    host = origin_host(lease)
    return (STORAGE, host) if host and host != STORAGE else (STORAGE,)


def record_host_failure(
    breaker: HostCircuitBreaker,
    lease: SourceLease,
    error: Exception,
    failure: Failure,
    seen: Mapping[str, int],
) -> None:
    """Count a failure against the host that did not answer, unless it is the source's own.

    ``seen`` are the failures of hosts when the attempt began. An image is read from its URL when
    its copy in storage is gone, so the URL's host counts.
    """
    if failure.code in STORAGE_CODES:
        breaker.record_failure(STORAGE, failure.code, seen=seen.get(STORAGE, 0))
    elif isinstance(error, SourceError) and not failure.permanent and (host := host_of(lease.url)):
        breaker.record_failure(host, failure.code, failure.retry_after, seen=seen.get(host, 0))
