"""How all posters stand: states, failures by code and host, and trying again what has failed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_pages

from ..generation.due import BACKGROUND_ONLY
from ..generation.host_breaker import STORAGE, host_of
from ..models import PosterHost, PosterSource, PosterVariant, SourceState

_FAILING: Final = (SourceState.RETRY_WAIT, SourceState.FAILED)
_WAITING: Final = (SourceState.PENDING, SourceState.GENERATING, SourceState.RETRY_WAIT)
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class HostView:
    """A host that failed lately; ``open_until`` is until when it is left alone."""

    name: str
    failures: int
    error_code: str | None
    open_until: datetime | None


@dataclass(frozen=True, slots=True)
class PosterStatus:
    """Counts of everything. ``failures`` is by code and host; a source without a host has "".

    ``waiting`` are the sources that the background has yet to make, or to try again: drawn ones
    wait for a visitor, and are not among them.
    """

    sources: dict[str, int]
    variants: dict[str, int]
    failures: dict[tuple[str, str], int]
    hosts: tuple[HostView, ...]
    oldest_pending: datetime | None
    waiting: int


def poster_status(database: Database) -> PosterStatus:
    """How everything stands now."""
    with database.read() as session:
        return poster_status_in(session)


def poster_status_in(session: Session) -> PosterStatus:
    """The same in a session of the caller's. Six queries."""
    pending = select(func.min(PosterSource.created_at)).where(
        PosterSource.state == SourceState.PENDING
    )
    waiting = select(func.count(PosterSource.id)).where(
        PosterSource.state.in_(_WAITING), BACKGROUND_ONLY
    )
    hosts = session.scalars(select(PosterHost).order_by(PosterHost.name))
    return PosterStatus(
        sources=_counts(session, PosterSource),
        variants=_counts(session, PosterVariant),
        failures=dict(Counter(_failures(session)).most_common()),
        hosts=tuple(
            HostView(host.name, host.failures, host.error_code, host.open_until) for host in hosts
        ),
        oldest_pending=session.scalar(pending),
        waiting=session.scalar(waiting) or 0,
    )


def _counts(session: Session, model: type[PosterSource] | type[PosterVariant]) -> dict[str, int]:
    rows = session.execute(select(model.state, func.count(model.id)).group_by(model.state))
    return {state.value: count for state, count in sorted(rows)}


def _failures(session: Session) -> Iterator[tuple[str, str]]:
    """The code and the host of each source that has failed."""
    query = select(PosterSource.error_code, PosterSource.url).where(
        PosterSource.state.in_(_FAILING)
    )
    for code, url in session.execute(query.execution_options(yield_per=PAGE)):
        yield code or "", host_of(url) or ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Which failed sources are to be tried again: all, or of one code, host, movie."""

    code: str | None = None
    host: str | None = None
    movie_id: int | None = None


def retry(database: Database, what: Retry) -> int:
    """Have failed sources tried at once, as if they had never failed; tells how many.

    A host that is left alone is asked again, too; so is storage, unless one host is meant.
    """
    retried = 0
    for page in keyset_pages(database.read, _failing(what), PAGE):
        with database.write() as session:
            retried += len(_try_again(session, what, page))
    return retried


def retry_in(session: Session, what: Retry) -> list[int]:
    """The same in a transaction of the caller's; the ids of the sources."""
    pages = keyset_pages(lambda: nullcontext(session), _failing(what), PAGE)
    return [source_id for page in pages for source_id in _try_again(session, what, page)]


def _failing(what: Retry) -> Select[int, str | None]:
    query = select(PosterSource.id, PosterSource.url).where(PosterSource.state.in_(_FAILING))
    if what.code is not None:
        query = query.where(PosterSource.error_code == what.code)
    if what.movie_id is not None:
        query = query.where(PosterSource.movie_id == what.movie_id)
    return query


def _try_again(session: Session, what: Retry, page: Sequence[Row[int, str | None]]) -> list[int]:
    meant = [(source_id, url) for source_id, url in page if what.host in (None, host_of(url))]
    _forget(session, {host_of(url) for _, url in meant}, storage=what.host is None)
    return _reset(session, [source_id for source_id, _ in meant])


def _reset(session: Session, ids: list[int]) -> list[int]:
    reset = (
        update(PosterSource)
        .where(PosterSource.id.in_(ids), PosterSource.state.in_(_FAILING))
        .values(state=SourceState.PENDING, attempts=0, next_attempt_at=None, error_code=None)
        .returning(PosterSource.id)
    )
    options = {"synchronize_session": False, TAGS_OPTION: ()}
    return list(session.scalars(reset, execution_options=options))


def _forget(session: Session, hosts: set[str | None], *, storage: bool) -> None:
    names = (hosts - {None}) | ({STORAGE} if storage else set())
    session.execute(delete(PosterHost).where(PosterHost.name.in_(names)))
