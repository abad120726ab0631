"""What may go wrong with a source: under which code it is kept, and who is to blame for it."""

from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from moziweb.storage import StorageError

from ..imaging.errors import ImageRejected
from .host_breaker import STORAGE, HostCircuitBreaker, host_of
from .leases import SourceLease
from .readers import STORAGE_CODES, SourceError, storage_code

PAUSED: Final = "host_paused"
"""Its host, or the storage, has failed too often: it waits, and no failure is counted."""

DATABASE: Final = "database_unavailable"
INTERNAL: Final = "internal"


class Failure(NamedTuple):
    """Why an attempt failed: ``code`` is stable, ``retry_after`` seconds, ``detail`` for logs."""

    code: str
    permanent: bool = False
    retry_after: float | None = None
    detail: str = ""


def failure_of(error: Exception) -> Failure:
    """What an error means for the source that met it."""
    match error:
        case SourceError():
            return Failure(error.code, error.permanent, error.retry_after, error.detail)
        case ImageRejected():
            return Failure(error.code, error.permanent, None, error.detail)
        case StorageError():
            return Failure(storage_code(error), detail=str(error))
        case MemoryError():
            return Failure("out_of_memory")
        case SQLAlchemyError():
            return Failure(DATABASE, detail=str(error))
        case _:
            return Failure(INTERNAL, detail=repr(error))


def origin_host(claim: SourceLease) -> str | None:
    """Who gives a source's picture: storage, where it has been uploaded or looked at."""
    return STORAGE if claim.key else host_of(claim.url)


def required_hosts(claim: SourceLease) -> tuple[str, ...]:
    """Who has to answer for a source to be made."""
    host = origin_host(claim)
    return (STORAGE, host) if host and host != STORAGE else (STORAGE,)


def record_host_failure(
    breaker: HostCircuitBreaker, claim: SourceLease, error: Exception, failure: Failure
) -> None:
    """Count a failure that is not the source's own against whoever did not answer.

    What was looked at is given by storage; where it is there no more, by its host after all.
    """
    if failure.code in STORAGE_CODES:
        breaker.failed(STORAGE, failure.code)
    elif isinstance(error, SourceError) and not failure.permanent and (host := host_of(claim.url)):
        breaker.failed(host, failure.code, failure.retry_after)
