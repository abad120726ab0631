"""``/__cache__``: the cache entries of a URL and their state. For development.

The page is read-only. It shows the cache as this process sees it: a region in memory belongs to
this process alone; memcached is shared.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.registry import Registry

from moziweb.cache import OutboxRow
from moziweb.cache.admin import inspection
from moziweb.cache.admin.inspection import clock_text, span_text
from moziweb.movies.calendar import BUDAPEST
from moziweb.request import Request

from .url_inventory import Priority, UrlInventory

LATEST_INVALIDATIONS: Final = 12
EXAMPLES: Final = 12
MAX_PATH_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class TagView:
    """A tag of a cache entry, formatted."""

    name: str
    snapshot_clock: str
    stamp: str
    is_valid: bool
    cause: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """A cache entry, formatted."""

    title: str
    region: str
    key: str
    verdict: str
    meaning: str
    facts: tuple[tuple[str, str], ...]
    tags: tuple[TagView, ...]
    cause: str
    copy: str


@dataclass(frozen=True, slots=True)
class InvalidationView:
    """A row of the outbox, formatted."""

    at: str
    published: str
    reason: str
    tags: tuple[str, ...]


def cache_page(request: Request) -> dict[str, Any]:
    """The page about ``?path=``. The response is ``no-store``."""
    services = request.services
    path = request.GET.get("path", "/").strip()[:MAX_PATH_LENGTH]
    pages = services.page_cache
    request.response.cache_control.no_store = True
    request.response.headers["X-Robots-Tag"] = "noindex"
    if pages is None:
        return {"path": path, "clock": None, "entries": (), "latest": (), "examples": ()}
    outbox = pages.outbox
    with services.database.engine.connect() as connection:
        found = inspection.inspect_url(pages, path, partial(outbox.concerning, connection))
        latest = outbox.latest(connection, limit=LATEST_INVALIDATIONS)
    return {
        "path": path,
        "clock": clock_text(pages.cache.stamps.clock()),
        "entries": [_entry(each) for each in found],
        "latest": [_invalidation(row) for row in latest],
        "examples": _examples(request.registry),
    }


def _examples(registry: Registry) -> list[str]:
    urls = UrlInventory.of(registry).through(Priority.SHOWN)
    return [url.path for url in islice(urls, EXAMPLES)]


def _entry(found: inspection.Inspected) -> EntryView:
    entry, cause = found.entry, found.cause
    return EntryView(
        title="entry" if entry is None else entry.kind.name.lower(),
        region=found.region,
        key=found.key,
        verdict=found.verdict,
        meaning=inspection.VERDICT_MEANINGS[found.verdict],
        facts=_facts(found),
        tags=tuple(
            TagView(
                name=tag.name,
                snapshot_clock=clock_text(tag.snapshot_clock),
                stamp=clock_text(tag.number) if tag.number is not None else tag.stamp.upper(),
                is_valid=tag.is_valid,
                cause=_cause(tag.cause) if tag.cause else "",
            )
            for tag in sorted(found.tags, key=lambda tag: tag.is_valid)
        ),
        cause=_cause(cause) if cause and found.verdict is not inspection.Verdict.ABSENT else "",
        copy=inspection.copy_text(found.copy, found.clock, found.now) if found.copy else "",
    )


def _facts(found: inspection.Inspected) -> tuple[tuple[str, str], ...]:
    entry = found.entry
    if entry is None:
        return ()
    sizes = [f"{len(entry.payload):,} bytes"]
    sizes += [f"{name} {len(data):,}" for name, data in entry.encodings.items()]
    left = entry.expires - found.now
    clocks = ", ".join(clock_text(group.snapshot_clock) for group in entry.dependencies)
    return (
        ("size", ", ".join(sizes)),
        ("rendered", f"{span_text(max(0.0, found.now - entry.created))} ago"),
        ("expires", f"in {span_text(left)}" if left > 0 else f"{span_text(-left)} ago"),
        ("snapshot clock", clocks),
    )


def _cause(row: OutboxRow) -> str:
    reason = f": {row.reason}" if row.reason else ""
    return f"{_time(row.created)}, {_published(row)}{reason}"


def _published(row: OutboxRow) -> str:
    if row.published is None:
        return f"waiting for {span_text(max(0.0, time.time() - row.created))}"
    return f"published {max(0.0, row.published - row.created) * 1000:,.0f} ms later"


def _invalidation(row: OutboxRow) -> InvalidationView:
    return InvalidationView(_time(row.created), _published(row), row.reason, row.tags)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, BUDAPEST):%Y-%m-%d %H:%M:%S}"


def includeme(config: Configurator) -> None:
    """Add the page if ``debug.cache_page`` is true."""
    if not config.registry.settings["debug.cache_page"]:
        return
    config.add_route("cache_page", "/__cache__")
    config.add_view(
        cache_page, route_name="cache_page", renderer="cache_page.jinja2", request_method="GET"
    )
