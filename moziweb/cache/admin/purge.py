"""Purging: by tag, by address, everything; and the journal told of it.

For the command and for the manager: what is done stands here once, and how it is said there.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from moziweb.caching import DECLARATIONS
from moziweb.db import Database

from .. import Cache, Outbox, PublishError, StoreError, TagError, kind_of, model_tag
from ..http.routes import EntryLocation
from ..protocol.tags import MODEL, check_all
from ..regions.region import TaggedRegion
from .inspection import entries_of_url, purge


class PurgeRefused(Exception):
    """It makes no sense, and nothing was done; a line in English."""


class InvalidTag(PurgeRefused):
    """No tag at all, or one that stands for nothing; ``tag`` is the text."""

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(why)
        self.tag = tag


class UnknownTag(PurgeRefused):
    """A tag that no page can carry and that no write concerns; ``known`` are kinds, or models."""

    def __init__(self, tag: str, known: Iterable[str]) -> None:
        self.tag, self.known = tag, tuple(sorted(known))
        what = "model" if kind_of(tag) == MODEL else "kind of tag"
        super().__init__(f"{tag}: no such {what}. There are {', '.join(self.known)}")


class NoCachedPage(PurgeRefused):
    """No cached page has this address."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no cached page has this address")


class OutOfReach(PurgeRefused):
    """Entries of ``region`` lie in the memory of each web process."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class PurgeWaits(Exception):
    """The stamps cannot be reached; it stands in the journal, and a relay will publish it."""


@dataclass(frozen=True, slots=True)
class PurgedTags:
    """What was published, and what of it no cached page showed."""

    tags: frozenset[str]
    unseen: frozenset[str]


@dataclass(frozen=True, slots=True)
class PurgedPage:
    """The page at a path, and how many entries beside its own.

    ``at_cdn`` is whether a CDN was asked to drop it: None where there is none, False where its tags
    are not known any more.
    """

    path: str
    pieces: int
    at_cdn: bool | None


class Purge:
    """One purge.

    Tags are journaled first, as any write is: if the stamps cannot be reached, a relay finds them.
    The rest a relay could not do; it is journaled too, so that who asks later finds the reason.
    """

    def __init__(self, cache: Cache, registry: Any, reason: str) -> None:
        self._cache = cache
        self._registry = registry
        self._reason = reason

    def tags(self, names: Iterable[str]) -> PurgedTags:
        """Every page that shows what these tags name, or the tags that they stand for.

        Tags are expanded first, so that no invalid tag is written to the outbox. Raises
        ``InvalidTag``, ``UnknownTag``, ``PurgeWaits``, and ``PublishError`` if neither the stamps
        nor the outbox can be written.
        """
        tags = _checked(names)
        told = self._expanded(tags)
        carried = self._carried(told)
        row = self._journaled(tags)
        try:
            self._cache.stamps.publish(told)
        except PublishError as error:
            if row is None:
                raise
            raise PurgeWaits(str(error)) from error
        self._mark(row, told=told - tags and told)
        return PurgedTags(told, told - carried)

    def _expanded(self, tags: frozenset[str]) -> frozenset[str]:
        """What ``tags`` stand for now, as for any write."""
        if not DECLARATIONS.expansions.needed(tags):
            return tags
        database: Database = self._registry["database"]
        try:
            with database.engine.connect() as connection:
                return DECLARATIONS.expansions.expanded(connection, tags)
        except ValueError as error:
            text = " or ".join(sorted(tags))
            raise InvalidTag(text, f"{text}: {error}") from None

    def _carried(self, tags: Iterable[str]) -> frozenset[str]:
        """Those of ``tags`` that some true entry may carry: to be true, it needs their stamps.

        All of them, where the stamps cannot be asked.
        """
        try:
            stamps = self._cache.stamps.get_multi(tags)
        except StoreError:
            return frozenset(tags)
        return frozenset(stamps)

    def everything(self) -> None:
        """A new epoch. It needs no tag, so there is nothing that a relay could do for it."""
        self._cache.stamps.new_epoch()
        self._mark(self._journaled((), f"{self._reason} (everything)"))

    def page(self, path: str, *, here: bool = False) -> PurgedPage:
        """The page at an address, what is answered instead of it, and the pieces it is made of.

        Its tags are not published: other pages that carry them are as true as before. A CDN knows a
        page by nothing else, so that is asked to drop it by them, and fetches the others again.

        Raises ``NoCachedPage``; ``OutOfReach`` for entries in the memory of web processes, unless
        those of this process alone, ``here``, are meant; and what the stores raise.
        """
        places = entries_of_url(self._registry, path)
        if not places:
            raise NoCachedPage(path)
        private = {place.region.name for place in places} & self._cache.private
        if private and not here:
            raise OutOfReach(min(private))
        tags = self._tags_of(places)
        purge(places)
        self._mark(self._journaled((), f"{self._reason} ({path})"))
        return PurgedPage(path, len(places) - 1, self._purged_at_cdn(tags))

    def _tags_of(self, places: Iterable[EntryLocation]) -> frozenset[str]:
        """What a CDN may know the address by, without the tags that every page carries."""
        keys: dict[TaggedRegion, list[str]] = {}
        for place in places:
            keys.setdefault(place.region, []).append(place.key)
        entries = [each for region in keys for each in region.stored(keys[region]).values()]
        tags = frozenset(tag for entry in entries for tag in entry.tags)
        return tags - frozenset(self._registry["cache_always"])

    def _purged_at_cdn(self, tags: frozenset[str]) -> bool | None:
        """Ask a CDN, where there is one."""
        if self._cache.purger is None:
            return None
        if tags:
            self._cache.purger.purge(tags)
        return bool(tags)

    def _journaled(self, tags: Iterable[str], reason: str = "") -> int | None:
        """The row's id; None where the database is away, which is no reason not to purge."""
        journal: Outbox = self._registry["cache_journal"]
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
        journal: Outbox = self._registry["cache_journal"]
        try:
            with database.engine.begin() as connection:
                journal.mark(connection, [row], now=time.time(), told=told)
        except SQLAlchemyError:
            return  # It is published; a relay publishes it again, which does no harm.


def _checked(names: Iterable[str]) -> frozenset[str]:
    """The names as tags of kinds that there are."""
    try:
        tags = check_all(names)
    except TagError as error:
        raise InvalidTag(" ".join(names), str(error)) from None
    kinds = DECLARATIONS.kinds()
    models = frozenset(map(model_tag, DECLARATIONS.models()))
    for tag in sorted(tags):
        if kind_of(tag) not in kinds:
            raise UnknownTag(tag, kinds)
        if kind_of(tag) == MODEL and tag not in models:
            raise UnknownTag(tag, models)
    return tags
