"""What saving will do to the site: which of its stored pages will be rendered anew.

The change is rehearsed: written and flushed in a transaction that is thrown away. The tags that
this gathers are those that the real one will publish, and the entries of the site's addresses that
bear any of them are the pages that will be made anew. Afterwards the outbox tells how long it took
until all of them were.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.cache import kind_of, pending_tags
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.i18n import LOCALES
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl, UrlInventory, pages_showing
from moziweb.site.urls import segment_of

SECONDS: Final = 1.0
"""How long addresses are looked through at most, the ones that matter first."""

_OF_LISTS: Final = frozenset({"movie", "week", "month", "list", "premiere", "variant"})
"""Kinds of tags that stand on lists and on the film's own pages, and on no other film's."""


@dataclass(frozen=True, slots=True)
class AffectedPages:
    """The paths of the pages; not ``complete`` when there was no time to look through all."""

    pages: tuple[str, ...]
    complete: bool = True


def affected_pages(
    registry: Any,
    session: Session,
    movie_id: int,
    slug: str,
    now: Callable[[], float] = time.monotonic,
    *,
    later: Iterable[str] = (),
) -> AffectedPages | None:
    """What the open transaction of ``session`` will refresh. None where nothing is cached.

    ``later`` are tags of what will follow from it in another transaction.
    """
    if registry.get("cache") is None:
        return None
    # Some tags stand for others that only the database knows: as it is in this transaction.
    gathered = pending_tags(session).union(later)
    tags = DECLARATIONS.expansions.expanded(session.connection(), gathered)
    if not tags:
        return AffectedPages(())
    addresses = UrlInventory.of(registry)
    elsewhere = any(kind_of(tag) not in _OF_LISTS for tag in tags)
    last = Priority.ARCHIVE if elsewhere else Priority.CALENDAR
    deadline = now() + SECONDS
    late: list[bool] = []

    def in_time(_address: SiteUrl) -> bool:
        if now() >= deadline:
            late.append(True)
        return not late

    candidates = chain(
        _own(addresses, movie_id, slug), _periods(addresses, tags), addresses.through(last)
    )
    found = pages_showing(registry, tags, takewhile(in_time, candidates))
    pages = tuple(dict.fromkeys(address.path for address in found))
    return AffectedPages(pages, complete=not late)


def seconds_until_fresh(session: Session, reason: str) -> float | None:
    """From the commit's outbox row to the end of its publishing; None where it is not known."""
    table = OUTBOX.table
    row = session.execute(
        select(table.c.created, table.c.published).where(
            table.c.reason == reason, table.c.published.is_not(None)
        )
    ).first()
    return None if row is None else max(0.0, row.published - row.created)


def _periods(addresses: UrlInventory, tags: Iterable[str]) -> Iterator[SiteUrl]:
    """The weeks and months that the change names: one that is empty now is in no list of pages."""
    for tag in sorted(tags):
        kind, _mark, name = tag.partition(":")
        for locale in LOCALES if kind in {"week", "month"} else ():
            path = addresses.urls.in_locale(locale, kind, **{kind: name})
            yield SiteUrl(path, Priority.FRONT)


def _own(addresses: UrlInventory, movie_id: int, slug: str) -> Iterator[SiteUrl]:
    paths = addresses.urls
    for locale in LOCALES:
        movie = segment_of(movie_id, slug)
        yield SiteUrl(paths.in_locale(locale, "movie", movie=movie), Priority.FRONT)
    yield SiteUrl(paths.path("api_movie", movie=movie_id), Priority.FRONT)
