"""Purging: by tag, by address, everything; and the journal told of it."""

import time
from collections.abc import Iterable
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache import Cache, Journal, PublishError, StoreError, kind_of, model_tag
from moziweb.cache.pieces import pieces_of
from moziweb.cache.places import Place
from moziweb.cache.region import TaggedRegion
from moziweb.cache.tags import MODEL
from moziweb.db import Database
from moziweb.freshness import DECLARATIONS

from .installation import CommandError, InstallationError


class Purge:
    """One purge. Each method returns a line for the operator, or raises.

    Tags are journaled first, as any write is: if the stamps cannot be reached, a relay finds them.
    The rest a relay could not do; it is journaled too, so that who asks later finds the reason.
    """

    def __init__(self, cache: Cache, registry: Any, reason: str) -> None:
        self._cache = cache
        self._registry = registry
        self._reason = reason

    def tags(self, tags: frozenset[str]) -> str:
        """Every page that shows what these tags name, or the tags that they stand for.

        What a tag stands for is asked first: what makes no sense must not lie in the journal, where
        every relay would stumble over it.
        """
        _check_kinds(tags)
        told = self._expanded(tags)
        carried = self._carried(told)
        row = self._journaled(tags)
        try:
            self._cache.stamps.publish(told)
        except PublishError as error:
            if row is None:
                raise
            raise CommandError(
                f"the stamps: {error}; it waits in the journal, and the relay of any running "
                "process will publish it"
            ) from None
        self._mark(row, told=told - tags and told)
        return f"Purged: every page that shows {_or(told)}.{_left_over(told, carried)}"

    def _expanded(self, tags: frozenset[str]) -> frozenset[str]:
        """What ``tags`` stand for now, as for any write."""
        if not DECLARATIONS.expansions.needed(tags):
            return tags
        database: Database = self._registry["database"]
        try:
            with database.engine.connect() as connection:
                return DECLARATIONS.expansions.expanded(connection, tags)
        except ValueError as error:
            raise click.UsageError(f"{_or(tags)}: {error}") from None

    def _carried(self, tags: Iterable[str]) -> frozenset[str]:
        """Those of ``tags`` that some true entry may carry: to be true, it needs their stamps.

        All of them, where the stamps cannot be asked.
        """
        try:
            stamps = self._cache.stamps.get_multi(tags)
        except StoreError:
            return frozenset(tags)
        return frozenset(stamps)

    def everything(self) -> str:
        """A new epoch. It needs no tag, so there is nothing that a relay could do for it."""
        self._cache.stamps.new_epoch()
        self._mark(self._journaled((), f"{self._reason} (everything)"))
        return "Purged: everything. Each page is rendered anew at its next request."

    def page(self, path: str) -> str:
        """The page at an address, what is answered instead of it, and the pieces it is made of.

        Its tags are not published: other pages that carry them are as true as before. A CDN knows a
        page by nothing else, so that is asked to drop it by them, and fetches the others again.
        """
        places = pieces_of(self._registry, path)
        if not places:
            raise CommandError(f"{path}: no cached page has this address")
        for name in sorted({place.region.name for place in places} & self._cache.private):
            raise InstallationError(
                f"cache.{name}.backend: its entries lie in the memory of each web process, where "
                "no command reaches them; purge by tag, or --all"
            )
        tags = self._tags_of(places)
        for place in places:
            place.region.forget(place.key)
        self._mark(self._journaled((), f"{self._reason} ({path})"))
        pieces = f" and {len(places) - 1} pieces of it" if len(places) > 1 else ""
        return f"Purged: the page at {path}{pieces}.{self._purged_at_cdn(tags)}"

    def _tags_of(self, places: Iterable[Place]) -> frozenset[str]:
        """What a CDN may know the address by, without the tags that every page carries."""
        keys: dict[TaggedRegion, list[str]] = {}
        for place in places:
            keys.setdefault(place.region, []).append(place.key)
        entries = [each for region in keys for each in region.stored(keys[region]).values()]
        tags = frozenset(tag for entry in entries for tag in entry.tags)
        return tags - frozenset(self._registry["cache_always"])

    def _purged_at_cdn(self, tags: frozenset[str]) -> str:
        """Ask a CDN, where there is one; what the operator is to know of that."""
        if self._cache.purger is None:
            return ""
        if not tags:
            return " Its tags are not known any more: purge by tag what a CDN may keep of it."
        self._cache.purger.purge(tags)
        return " A CDN is asked to drop it by its tags."

    def _journaled(self, tags: Iterable[str], reason: str = "") -> int | None:
        """The row's id; None where the database is away, which is no reason not to purge."""
        journal: Journal = self._registry["cache_journal"]
        database: Database = self._registry["database"]
        try:
            with database.engine.begin() as connection:
                return journal.add(connection, tags, now=time.time(), reason=reason or self._reason)
        except SQLAlchemyError:
            return None

    def _mark(self, row: int | None, told: Iterable[str] = ()) -> None:
        if row is None:
            return
        database: Database = self._registry["database"]
        journal: Journal = self._registry["cache_journal"]
        try:
            with database.engine.begin() as connection:
                journal.mark(connection, [row], now=time.time(), told=told)
        except SQLAlchemyError:
            return  # It is published; a relay publishes it again, which does no harm.


def _check_kinds(tags: Iterable[str]) -> None:
    """``click.UsageError`` for a tag that no page can carry, and that no write concerns."""
    kinds = DECLARATIONS.kinds()
    models = frozenset(map(model_tag, DECLARATIONS.models()))
    for tag in sorted(tags):
        if kind_of(tag) not in kinds:
            raise click.UsageError(f"{tag}: no such kind of tag. There are {_and(kinds)}")
        if kind_of(tag) == MODEL and tag not in models:
            raise click.UsageError(f"{tag}: no such model. There are {_and(models)}")


def _left_over(told: frozenset[str], carried: frozenset[str]) -> str:
    """What is to be said of tags that were on no page."""
    if not carried:
        return " No page that is cached showed any of it."
    rest = told - carried
    return f" No page that is cached showed {_or(rest)}." if rest else ""


def _or(tags: Iterable[str]) -> str:
    return " or ".join(sorted(tags))


def _and(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
