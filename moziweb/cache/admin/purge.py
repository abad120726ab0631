"""Purges by tag, by URL or of everything, and records each purge in the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ..errors import PublishError, StoreError, TagError
from ..http.routes import EntryLocation
from ..invalidation.declarations import Declarations
from ..invalidation.outbox import PURGE, Outbox
from ..protocol.tags import MODEL, check_all, kind_of, model_tag
from ..regions.region import TaggedRegion

if TYPE_CHECKING:
    from ..regions.config import Cache


class PurgeRefused(Exception):
    """The purge is invalid and nothing was done. The text is one line in English."""


class InvalidTag(PurgeRefused):
    """``tag`` is not a tag, or its expansion failed."""

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(why)
        self.tag = tag


class UnknownTag(PurgeRefused):
    """No declaration uses the kind or model of ``tag``; ``known`` are those that exist."""

    def __init__(self, tag: str, known: Iterable[str]) -> None:
        self.tag, self.known = tag, tuple(sorted(known))
        what = "model" if kind_of(tag) == MODEL else "kind of tag"
        super().__init__(f"{tag}: no such {what}. There are {', '.join(self.known)}")


class NoCachedPage(PurgeRefused):
    """No cached route matches this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: no cached page has this URL")


class RegionNotShared(PurgeRefused):
    """The entries of ``region`` are in the memory of each web process."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class PurgeDeferred(Exception):
    """The stamp store is down. The purge is in the outbox, and a relay will publish it."""


@dataclass(frozen=True, slots=True)
class PurgedTags:
    """The tags that were asked for, expanded, and those of them that no cached page contained.

    Without the tags that a purge by hand adds (``Declarations.purge_with``): the user did not type
    them. A tag of which a cached page contained only such an addition is not in ``unseen``.
    """

    tags: frozenset[str]
    unseen: frozenset[str]


@dataclass(frozen=True, slots=True)
class PurgedPage:
    """The path of a purged page and the number of its other entries.

    ``at_cdn`` says whether the CDN was asked to drop the page: None without a CDN, False if the
    tags of the page are not known any more.
    """

    path: str
    other_entries: int
    at_cdn: bool | None


@dataclass(frozen=True, slots=True)
class Purge:
    """One purge, recorded in the outbox with ``reason``.

    Tags are written to the outbox first, as by any write: if the stamp store is down, a relay
    publishes them. A relay cannot do the other purges; they are recorded afterwards, as done.
    """

    cache: Cache
    declarations: Declarations
    outbox: Outbox
    engine: Engine
    reason: str

    def tags(self, names: Iterable[str]) -> PurgedTags:
        """Purge every page that carries one of the tags ``names``, or of what they include.

        Tags are expanded first, so that no invalid tag is written to the outbox. Raises
        ``InvalidTag``, ``UnknownTag``, ``PurgeDeferred``, and ``PublishError`` if neither the
        stamps nor the outbox can be written.
        """
        typed = self._checked(names)
        tags = self.declarations.purged(typed)
        expanded = self._expanded(tags)
        carried = self._carried(expanded)
        row = self._recorded(tags, self.reason)
        try:
            self.cache.stamps.publish(expanded)
        except PublishError as error:
            if row is None:
                raise
            raise PurgeDeferred(str(error)) from error
        self._mark(row, published=expanded - tags and expanded)
        shown = expanded - (tags - typed)
        unseen = (tag for tag in shown if carried.isdisjoint(self.declarations.purged([tag])))
        return PurgedTags(shown, frozenset(unseen))

    def everything(self) -> None:
        """Purge all entries: start a new epoch of the clock."""
        self.cache.stamps.new_epoch()
        self._mark(self._recorded((), f"{self.reason} (everything)"))

    def page(
        self,
        path: str,
        find: Callable[[], Sequence[EntryLocation]],
        *,
        allow_private: bool = False,
    ) -> PurgedPage:
        """Purge the page at ``path``; ``find`` returns the entries of it (``entries_of_url``).

        Does not publish the tags of the page: other pages that carry them are still valid. A CDN
        can only drop a page by its tags; it fetches the other pages with these tags again.

        Raises ``NoCachedPage`` without entries, and the errors of the stores. Raises
        ``RegionNotShared`` if entries are in the memory of each web process; with
        ``allow_private``, purges those of this process.
        """
        entries = find()
        if not entries:
            raise NoCachedPage(path)
        private = {entry.region.name for entry in entries} & self.cache.private_regions
        if private and not allow_private:
            raise RegionNotShared(min(private))
        page, tags, others = entries[0], frozenset[str](), list[EntryLocation]()

        def find_others() -> Sequence[EntryLocation]:
            nonlocal tags
            others[:] = find()[1:]
            tags = self._tags_of([page, *others])
            return others

        forget_entries(page, find_others)
        self._mark(self._recorded((), f"{self.reason} ({path})"))
        return PurgedPage(path, len(others), self._purged_at_cdn(tags))

    def _checked(self, names: Iterable[str]) -> frozenset[str]:
        try:
            tags = check_all(names)
        except TagError as error:
            raise InvalidTag(" ".join(names), str(error)) from None
        kinds = self.declarations.kinds()
        models = self._model_tags()
        for tag in sorted(tags):
            if kind_of(tag) not in kinds:
                raise UnknownTag(tag, kinds)
            if kind_of(tag) == MODEL and tag not in models:
                raise UnknownTag(tag, models)
        return tags

    def _model_tags(self) -> frozenset[str]:
        return frozenset(map(model_tag, self.declarations.models()))

    def _expanded(self, tags: frozenset[str]) -> frozenset[str]:
        try:
            return self.declarations.expansions.expanded_on(self.engine, tags)
        except (ValueError, OverflowError) as error:
            text = " or ".join(sorted(tags))
            raise InvalidTag(text, f"{text}: {error}") from None

    def _carried(self, tags: Iterable[str]) -> frozenset[str]:
        """The tags with a stamp, which the first render of a page with them has written.

        An entry may outlive the stamp in memcached, so a tag can be missing here. Returns all of
        ``tags`` if the stamp store is down.
        """
        try:
            return frozenset(self.cache.stamps.get_multi(tags))
        except StoreError:
            return frozenset(tags)

    def _tags_of(self, locations: Iterable[EntryLocation]) -> frozenset[str]:
        """The tags of stored entries without the models' tags, which every page carries."""
        keys: dict[TaggedRegion, list[str]] = {}
        for location in locations:
            keys.setdefault(location.region, []).append(location.key)
        entries = [each for region in keys for each in region.stored(keys[region]).values()]
        return frozenset(tag for entry in entries for tag in entry.tags) - self._model_tags()

    def _purged_at_cdn(self, tags: frozenset[str]) -> bool | None:
        if self.cache.purger is None:
            return None
        if tags:
            self.cache.purger.purge(tags)
        return bool(tags)

    def _recorded(self, tags: Iterable[str], reason: str) -> int | None:
        """Add a row to the outbox and return its id; None if the database is down."""
        try:
            with self.engine.begin() as connection:
                return self.outbox.add(connection, tags, now=time.time(), reason=f"{PURGE}{reason}")
        except SQLAlchemyError:
            return None

    def _mark(self, row: int | None, published: Iterable[str] = ()) -> None:
        if row is None:
            return
        try:
            with self.engine.begin() as connection:
                self.outbox.mark(connection, [row], now=time.time(), published=published)
        except SQLAlchemyError:
            return  # A relay publishes the row again, which is harmless.


def forget_entries(page: EntryLocation, find_others: Callable[[], Sequence[EntryLocation]]) -> None:
    """Remove the entries of ``entries_of_url``. Raises ``StoreError`` or ``PublishError``.

    Renders of the page are locked out and its own entry goes last; otherwise the page would be
    assembled again from fragments that are about to be removed. ``find_others`` is called after
    that: a render that was running has just stored a template, fragments or a negative entry. A
    fragment that another page is rendering right now is stored after the purge: no tag is
    published, so it counts as valid.
    """
    with page.region.lock_renders(page.key):
        for other in reversed(find_others()):
            with other.region.lock_renders(other.key):
                other.region.delete(other.key)
        page.region.delete(page.key)
