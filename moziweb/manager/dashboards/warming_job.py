"""Cache warming from the dashboard, in a thread of the serving process.

Progress is in the database, so any process can show it. A job whose process died has no heartbeat
and counts as ended. Pages are rendered by this process; regions in process memory are warmed in
this process only.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.services import services_of
from moziweb.site.page_cache.url_inventory import Priority
from moziweb.site.page_cache.warming import cached_urls, in_process_fetcher

from ..audit.log import Actor
from .models import CacheWarmingJob

log = logging.getLogger(__name__)

WARMING_HEARTBEAT_TIMEOUT: Final = timedelta(minutes=2)
"""Time without a heartbeat after which a warming counts as dead."""

HEARTBEAT_INTERVAL: Final = 0.5
"""Seconds between two updates of the progress."""


def latest_warming(session: Session) -> CacheWarmingJob | None:
    """Returns the latest warming. One query."""
    latest = select(CacheWarmingJob).order_by(CacheWarmingJob.id.desc()).limit(1)
    return session.scalars(latest).first()


def is_running(warming: CacheWarmingJob | None, now: datetime) -> bool:
    """Whether a warming has a live worker at ``now``."""
    if warming is None or warming.ended_at is not None:
        return False
    return now - warming.beat_at < WARMING_HEARTBEAT_TIMEOUT


def new_warming(session: Session, through: Priority, by: Actor, now: datetime) -> CacheWarmingJob:
    """Adds and flushes a warming."""
    row = CacheWarmingJob(
        through=through.name.lower(), user_id=by.user_id, user_name=by.name,
        created_at=now, beat_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def stop(session: Session, now: datetime) -> bool:
    """Stops the running warming; returns whether there was one."""
    row = latest_warming(session)
    if row is None or not is_running(row, now):
        return False
    row.ended_at, row.stopped = now, True
    return True


class Warmer:
    """Runs warmings. One per process. ``clock`` returns aware datetimes."""

    def __init__(self, registry: Registry, clock: Callable[[], datetime]) -> None:
        self._registry = registry
        self._database = services_of(registry).database
        self._clock = clock

    def start(self, warming_id: int) -> None:
        """Runs a warming in a new thread."""
        name = f"cache-warming-{warming_id}"
        threading.Thread(target=self.work, args=(warming_id,), name=name, daemon=True).start()

    def work(self, warming_id: int) -> None:
        """Requests the pages one by one, until all are done or the warming is stopped."""
        try:
            self._work(warming_id)
        except Exception:
            log.exception("warming %d", warming_id)
        finally:
            self._note(warming_id, ended_at=self._clock())

    def _work(self, warming_id: int) -> None:
        with self._database.read() as session:
            through = Priority[session.get_one(CacheWarmingJob, warming_id).through.upper()]
        total = sum(1 for _ in cached_urls(self._registry, through))
        self._note(warming_id, total=total)
        ask, outcomes = in_process_fetcher(Router(self._registry)), Counter[str]()
        noted = time.monotonic()
        for address in cached_urls(self._registry, through):
            outcomes[ask(address).outcome] += 1
            if time.monotonic() - noted > HEARTBEAT_INTERVAL:
                if not self._note(warming_id, **outcomes):
                    return
                noted = time.monotonic()
        self._note(warming_id, **outcomes)

    def _note(self, warming_id: int, **values: Any) -> bool:
        """Updates a warming with a heartbeat; returns whether it is still running."""
        with self._database.write() as session:
            noted = session.execute(
                update(CacheWarmingJob)
                .where(CacheWarmingJob.id == warming_id, CacheWarmingJob.ended_at.is_(None))
                .values(beat_at=self._clock(), **values)
                .returning(CacheWarmingJob.id)
            )
            return noted.first() is not None
