"""The relay: publishes what writers left in the outbox, in every process that lasts."""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine

from ..events import CacheEvents
from ..protocol.stamps import StampStore
from .outbox import Outbox
from .tag_expansion import TagExpansions

log = logging.getLogger(__name__)

GRACE: Final = 10.0
"""Seconds that a writer has for publishing its own row."""

PERIOD: Final = 1.0
"""Seconds between two looks."""

PRUNE_EVERY: Final = 600
"""Looks between two prunings: ten minutes."""


class OutboxRelay:
    """Publishes rows of the outbox that nobody has published in time, then marks them."""

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        stamps: StampStore,
        observer: CacheEvents,
        *,
        grace: float = GRACE,
        expansions: TagExpansions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now`` is Unix time, the same that writers put into their rows.

        ``expansions`` are those of the writers' declarations.
        """
        self._expansions = expansions or TagExpansions()
        self._engine = engine
        self._outbox = outbox
        self._stamps = stamps
        self._observer = observer
        self._grace = grace
        self._now = now

    def run_once(self) -> int:
        """Publish what is due, and return how many rows that were.

        Raises ``PublishError`` when the stamps, and ``SQLAlchemyError`` when the database cannot be
        reached; every row stays for the next time then.
        """
        now = self._now()
        with self._engine.connect() as connection:
            rows = self._outbox.unpublished(connection, before=now - self._grace)
        if not rows:
            return 0
        tags = self._expanded(frozenset(tag for row in rows for tag in row.tags))
        self._stamps.publish(tags)
        self._observer.published(tags)
        with self._engine.begin() as connection:
            self._outbox.mark(connection, [row.id for row in rows], now=self._now())
        self._observer.relayed(len(rows))
        return len(rows)

    def _expanded(self, tags: frozenset[str]) -> frozenset[str]:
        if not self._expansions.needed(tags):
            return tags
        with self._engine.connect() as connection:
            return self._expansions.expanded(connection, tags)

    def prune(self) -> int:
        """Remove what the outbox need not keep any longer."""
        with self._engine.begin() as connection:
            return self._outbox.prune(connection, now=self._now())


class RelayThread:
    """Runs a relay in the background until it is stopped; failures are logged once each."""

    def __init__(self, relay: OutboxRelay, period: float = PERIOD) -> None:
        self._relay = relay
        self._period = period
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache-relay", daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin; call it after forking, for a thread does not cross one."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        looks = random.randrange(PRUNE_EVERY)  # noqa: S311 - so that processes prune at odds
        while not self._stop.wait(self._period):
            looks += 1
            self._poll(prune=looks % PRUNE_EVERY == 0)

    def _poll(self, *, prune: bool) -> None:
        try:
            self._relay.run_once()
            if prune:
                self._relay.prune()
        except Exception as error:
            # Whatever it is, the next look may go well, and without this thread none would.
            if not self._failing:
                log.warning("cache relay: %s", error)
            self._failing = True
        else:
            self._failing = False
