"""Purging: by tag, by address, everything; and the journal told of it."""

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache import Cache, Journal, PublishError
from moziweb.cache.pieces import pieces_of
from moziweb.db import Database

from .installation import CommandError, InstallationError


class Purge:
    """One purge. Each method returns a line for the operator, or raises.

    It is journaled first, as any write is: if the stamps cannot be reached, a relay finds it, and
    who asks later why a page was invalidated finds the reason.
    """

    def __init__(self, cache: Cache, registry: Any, reason: str) -> None:
        self._cache = cache
        self._registry = registry
        self._reason = reason

    def tags(self, tags: frozenset[str]) -> str:
        """Every page that shows what these tags name."""
        row = self._journaled(tags)
        try:
            self._cache.stamps.publish(tags)
        except PublishError as error:
            if row is None:
                raise
            raise CommandError(
                f"the stamps: {error}; it waits in the journal, and the relay of any running "
                "process will publish it"
            ) from None
        self._mark(row)
        return f"Purged: every page that shows {' or '.join(sorted(tags))}."

    def everything(self) -> str:
        """A new epoch. It needs no tag, so there is nothing that a relay could do for it."""
        self._cache.stamps.new_epoch()
        self._mark(self._journaled((), f"{self._reason} (everything)"))
        return "Purged: everything. Each page is rendered anew at its next request."

    def page(self, path: str) -> str:
        """The page at an address, with the pieces that it is put together from."""
        places = pieces_of(self._registry, path)
        if not places:
            raise CommandError(f"{path}: no cached page has this address")
        for name in sorted({place.region.name for place in places} & self._cache.private):
            raise InstallationError(
                f"cache.{name}.backend: its entries lie in the memory of each web process, where "
                "no command reaches them; purge by tag, or --all"
            )
        for place in places:
            place.region.forget(place.key)
        pieces = f" and {len(places) - 1} pieces of it" if len(places) > 1 else ""
        return f"Purged: the page at {path}{pieces}."

    def _journaled(self, tags: Iterable[str], reason: str = "") -> int | None:
        """The row's id; None where the database is away, which is no reason not to purge."""
        journal: Journal = self._registry["cache_journal"]
        database: Database = self._registry["database"]
        try:
            with database.engine.begin() as connection:
                return journal.add(connection, tags, now=time.time(), reason=reason or self._reason)
        except SQLAlchemyError:
            return None

    def _mark(self, row: int | None) -> None:
        if row is None:
            return
        database: Database = self._registry["database"]
        journal: Journal = self._registry["cache_journal"]
        try:
            with database.engine.begin() as connection:
                journal.mark(connection, [row], now=time.time())
        except SQLAlchemyError:
            return  # It is published; a relay publishes it again, which does no harm.
