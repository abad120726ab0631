"""The relay of every long-lived process: publishes rows that their writers did not publish."""

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine

from moziweb.logs.outage import Outage

from ..events import CacheEvents
from ..protocol.stamps import StampStore
from .outbox import Outbox
from .tag_expansion import TagExpansions

GRACE: Final = 2.0
"""Seconds in which a writer is expected to publish its own row. Publishing twice is harmless."""

RELAY_PERIOD: Final = 1.0
"""Seconds between two runs."""

PRUNE_EVERY: Final = 600
"""Runs between two prunings: ten minutes."""


@dataclass(frozen=True, slots=True)
class OutboxRelay:
    """Publishes and marks the outbox rows that are older than ``grace`` seconds.

    ``expansions`` are those of the writers' declarations; ``now`` returns Unix time.
    """

    engine: Engine
    outbox: Outbox
    stamps: StampStore
    observer: CacheEvents
    grace: float = GRACE
    expansions: TagExpansions = field(default_factory=TagExpansions)
    now: Callable[[], float] = time.time

    def run_once(self) -> int:
        """Publish the due rows and return their number.

        Raises ``PublishError`` if the stamp store is down, and ``SQLAlchemyError`` if the database
        is; then all rows stay for the next run.
        """
        now = self.now()
        with self.engine.connect() as connection:
            rows = self.outbox.unpublished(connection, before=now - self.grace)
        if not rows:
            return 0
        self.publish([row.id for row in rows], {tag for row in rows for tag in row.tags})
        self.observer.relayed(len(rows))
        return len(rows)

    def publish(self, ids: Sequence[int], recorded: Collection[str]) -> None:
        """Publish the ``recorded`` tags of committed rows, then mark the rows.

        Raises as ``run_once`` does.
        """
        tags = self.expansions.expanded_on(self.engine, recorded)
        self.stamps.publish(tags)
        self.observer.published(tags)
        with self.engine.begin() as connection:
            self.outbox.mark(connection, ids, now=self.now())

    def prune(self) -> int:
        """Delete old published rows; see ``Outbox.prune``."""
        with self.engine.begin() as connection:
            return self.outbox.prune(connection, now=self.now())


class RelayThread:
    """Runs a relay in a thread until it is stopped."""

    def __init__(self, relay: OutboxRelay, period: float = RELAY_PERIOD) -> None:
        self._relay = relay
        self._period = period
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache-relay", daemon=True)
        self._outage = Outage("the relay of invalidations")

    def start(self) -> None:
        """Start the thread. Call it after a fork, which threads do not survive."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        runs = random.randrange(PRUNE_EVERY)  # noqa: S311 - spreads the prunings of processes
        while not self._stop.wait(self._period):
            runs += 1
            self._poll(prune=runs % PRUNE_EVERY == 0)

    def _poll(self, *, prune: bool) -> None:
        try:
            self._relay.run_once()
            if prune:
                self._relay.prune()
        except Exception as error:
            # The thread must survive any error: the next run may succeed.
            self._outage.failed(error)
        else:
            self._outage.worked()
