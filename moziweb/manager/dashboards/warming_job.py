"""Warming the cache from the console: in a thread of the serving process, told in the database.

The row is what everybody sees, whichever process answers them, and ends with its worker: one whose
process has died stops giving signs of life. Pages are rendered by this process and stored where all
find them; what lies in processes' own memory is warmed in this one alone.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pyramid.router import Router
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.site.page_cache.url_inventory import Priority
from moziweb.site.page_cache.warming import cached_urls, in_process_fetcher

from ..audit.log import Actor
from .models import CacheWarmingJob

log = logging.getLogger(__name__)

SILENCE: Final = timedelta(minutes=2)
"""Without a sign of life for so long, a warming counts as dead."""

EVERY: Final = 0.5
"""Seconds between two notes of how far it has come."""


def latest_warming(session: Session) -> CacheWarmingJob | None:
    """The latest one. One query."""
    return session.scalars(
        select(CacheWarmingJob).order_by(CacheWarmingJob.id.desc()).limit(1)
    ).first()


def is_at_work(warming: CacheWarmingJob | None, now: datetime) -> bool:
    """Whether somebody works on it at ``now``."""
    return warming is not None and warming.ended_at is None and now - warming.beat_at < SILENCE


def new_warming(session: Session, through: Priority, by: Actor, now: datetime) -> CacheWarmingJob:
    """A row for one that is about to begin, flushed."""
    row = CacheWarmingJob(
        through=through.name.lower(), user_id=by.user_id, user_name=by.name,
        created_at=now, beat_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def stop(session: Session, now: datetime) -> bool:
    """Tell whoever is at work to stop; whether there was anybody."""
    row = latest_warming(session)
    if row is None or not is_at_work(row, now):
        return False
    row.ended_at, row.stopped = now, True
    return True


class Warmer:
    """One per process. ``clock`` gives aware moments."""

    def __init__(self, registry: Any, clock: Callable[[], datetime]) -> None:
        self._registry = registry
        self._clock = clock
        self._threads: list[threading.Thread] = []

    def start(self, warming_id: int) -> None:
        """Begin in a thread of its own."""
        thread = threading.Thread(
            target=self.work, args=(warming_id,), name="cache-warming", daemon=True
        )
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def wait(self) -> None:
        """Wait for all that was started."""
        for thread in self._threads:
            thread.join()

    def work(self, warming_id: int) -> None:
        """Ask for page after page, until all are done or somebody says stop."""
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
            if time.monotonic() - noted > EVERY:
                if not self._note(warming_id, **outcomes):
                    return
                noted = time.monotonic()
        self._note(warming_id, **outcomes)

    @property
    def _database(self) -> Database:
        database: Database = self._registry["database"]
        return database

    def _note(self, warming_id: int, **values: Any) -> bool:
        """Write it down, with a sign of life; whether it has not been ended meanwhile."""
        with self._database.write() as session:
            noted = session.execute(
                update(CacheWarmingJob)
                .where(CacheWarmingJob.id == warming_id, CacheWarmingJob.ended_at.is_(None))
                .values(beat_at=self._clock(), **values)
                .returning(CacheWarmingJob.id)
            )
            return noted.first() is not None
