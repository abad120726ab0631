"""The output of ``cache inspect`` and ``cache stats``, as data and as text."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pyramid.router import Router

from moziweb.cache.admin.inspection import (
    VERDICT_MEANINGS,
    Inspected,
    Verdict,
    clock_text,
    inspect_url,
    span_text,
)
from moziweb.cache.admin.statistics import LATEST_ROWS
from moziweb.movies.calendar import BUDAPEST
from moziweb.request import Request
from moziweb.services import services_of

from .context import page_cache_of


def inspected(app: Router, path: str, *, render: bool) -> dict[str, Any] | None:
    """Return the data of all entries of a URL; None if no cached page has it.

    With ``render``, the page is requested first.
    """
    pages = page_cache_of(app.registry)
    if render:
        Request.blank(path).get_response(app)
    with services_of(app.registry).database.engine.connect() as connection:
        found = inspect_url(pages, path, lambda tags: pages.outbox.concerning(connection, tags))
    if not found:
        return None
    private = sorted({each.region for each in found} & pages.cache.private_regions)
    return {
        "path": path,
        "clock": found[0].clock,
        "private": private,
        "entries": [_entry(each) for each in found],
    }


def _entry(found: Inspected) -> dict[str, Any]:
    data: dict[str, Any] = {"region": found.region, "key": found.key, "verdict": found.verdict}
    entry, cause = found.entry, found.cause
    if entry is not None:
        data |= {
            "kind": entry.kind.name.lower(),
            "bytes": len(entry.payload),
            "encodings": {name: len(data) for name, data in entry.encodings.items()},
            "created": entry.created,
            "expires": entry.expires,
            "tags": [
                {
                    "tag": tag.name,
                    "snapshot_clock": tag.snapshot_clock,
                    "stamp": tag.number if tag.number is not None else tag.stamp,
                    "valid": tag.is_valid,
                }
                for tag in found.tags
            ],
        }
    if cause is not None:
        data["invalidated"] = {
            "at": cause.created,
            "published": cause.published,
            "reason": cause.reason,
            "tags": list(cause.tags),
        }
    return data


def inspection_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the data of ``inspected`` as lines of text."""
    yield f"{found['path']}   clock {clock_text(found['clock'])}"
    if found["private"]:
        names = ", ".join(found["private"])
        yield (
            f"The entries of {names} are in the memory of each web process, where no command can "
            "see them; those below are of this command. /__cache__ shows those of a web process."
        )
    for entry in found["entries"]:
        yield ""
        yield from _entry_lines(entry)


def _entry_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    verdict = Verdict(entry["verdict"])
    yield f"{entry.get('kind', 'entry')} in {entry['region']}   {entry['key']}"
    yield f"  {VERDICT_MEANINGS[verdict]}"
    if verdict is Verdict.ABSENT:
        return
    encodings = "".join(f", {name} {size:,}" for name, size in entry["encodings"].items())
    yield f"  {entry['bytes']:,} bytes{encodings}"
    now = time.time()
    left = entry["expires"] - now
    ends = f"expires in {span_text(left)}" if left > 0 else "expired"
    yield f"  rendered {span_text(now - entry['created'])} ago, {ends}"
    yield f"  {len(entry['tags'])} tags"
    width = max((len(tag["tag"]) for tag in entry["tags"]), default=0)
    for tag in entry["tags"]:
        mark = " " if tag["valid"] else "✗"
        stamp = tag["stamp"] if isinstance(tag["stamp"], str) else clock_text(tag["stamp"])
        snapshot = clock_text(tag["snapshot_clock"])
        yield f"  {mark} {tag['tag']:<{width}}  snapshot {snapshot}  stamp {stamp}"
    if "invalidated" in entry:
        yield f"  last invalidated {_cause(entry)}"


def _cause(entry: Mapping[str, Any]) -> str:
    cause = entry["invalidated"]
    shown = {tag["tag"] for tag in entry["tags"]}
    tags = " ".join(tag for tag in cause["tags"] if tag in shown)
    published = cause["published"]
    after = (
        f"published {max(0.0, published - cause['at']) * 1000:,.0f} ms later"
        if published is not None
        else "not published yet"
    )
    reason = f": {cause['reason']}" if cause["reason"] else ""
    moment = datetime.fromtimestamp(cause["at"], BUDAPEST)
    return f"{moment:%Y-%m-%d %H:%M:%S}, {after}, by {tags}{reason}"


def statistics_lines(statistics: Mapping[str, Any]) -> Iterator[str]:
    """Yield the data of ``statistics_of`` as lines of text."""
    stamps, outbox = statistics["stamps"], statistics["outbox"]
    yield f"stamps    {stamps['url']}   clock {clock_text(stamps['clock'])}"
    log = statistics["log"]
    if log is not None:
        yield f"log       {log['records']:,} records, {log['bytes'] / 1e3:,.1f} kB"
    waiting = f"{outbox['unpublished']} unpublished"
    if outbox["unpublished"]:
        waiting += f", the oldest for {span_text(outbox['age'])}"
    yield f"outbox    {waiting}; {outbox['last_hour']} invalidations in the last hour"
    if outbox["kinds"]:
        counted = "  ".join(f"{kind} {count}" for kind, count in outbox["kinds"].items())
        among = f" (of the latest {LATEST_ROWS:,})" if outbox["last_hour"] > LATEST_ROWS else ""
        yield f"          by kind{among}: {counted}"
    for name, region in statistics["regions"].items():
        yield from _region_lines(name, region)


def _region_lines(name: str, region: Mapping[str, Any]) -> Iterator[str]:
    state = "answers" if region["answers"] else "does NOT answer"
    longest = span_text(region["expiration_time"])
    grace = f" ({region['grace']:g} s)" if region["grace"] else ""
    yield f"{name:<9} {region['backend']}, {region['mode']}{grace}, {longest} at most; {state}"
    if region["private"]:
        yield "          in the memory of each web process: see its /metrics"
    for server, stats in region.get("servers", {}).items():
        yield f"          {server}: {_server_line(stats)}"


def _server_line(stats: Mapping[str, int] | None) -> str:
    if stats is None:
        return "down"
    lookups = stats["get_hits"] + stats["get_misses"]
    ratio = f"{100 * stats['get_hits'] / lookups:.1f} % found" if lookups else "never used"
    return (
        f"{stats['curr_items']:,} items, {stats['bytes'] / 1e6:,.1f} of "
        f"{stats['limit_maxbytes'] / 1e6:,.0f} MB, {stats['evictions']:,} evicted; {ratio}"
    )
