"""What ``cache inspect`` and ``cache stats`` tell, as data and as text."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pyramid.router import Router

from moziweb.cache.admin.inspection import (
    MEANINGS,
    Inspected,
    Verdict,
    clock_text,
    inspect_url,
    span_text,
)
from moziweb.movies.calendar import BUDAPEST
from moziweb.request import Request
from moziweb.services import services_of


def described(app: Router, path: str, *, render: bool) -> dict[str, Any] | None:
    """Everything about the entries of an address; None where no cached page has it."""
    pages = services_of(app.registry).page_cache
    if pages is None:
        return None
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
        "pieces": [_piece(each) for each in found],
    }


def _piece(found: Inspected) -> dict[str, Any]:
    piece: dict[str, Any] = {"region": found.region, "key": found.key, "verdict": found.verdict}
    entry, cause = found.entry, found.cause
    if entry is not None:
        piece |= {
            "kind": entry.kind.name.lower(),
            "bytes": len(entry.payload),
            "encodings": {name: len(data) for name, data in entry.encodings.items()},
            "created": entry.created,
            "expires": entry.expires,
            "tags": [
                {
                    "tag": tag.name,
                    "started": tag.started,
                    "stamp": tag.number if tag.number is not None else tag.stamp,
                    "holds": tag.holds,
                }
                for tag in found.tags
            ],
        }
    if cause is not None:
        piece["invalidated"] = {
            "at": cause.created,
            "published": cause.published,
            "reason": cause.reason,
            "tags": list(cause.tags),
        }
    return piece


def inspection_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The same for reading."""
    yield f"{found['path']}   clock {clock_text(found['clock'])}"
    if found["private"]:
        names = ", ".join(found["private"])
        yield (
            f"The entries of {names} lie in the memory of each web process, which no command can "
            "see; what follows is this command's own. /__cache__ of a running site shows its."
        )
    for piece in found["pieces"]:
        yield ""
        yield from _piece_lines(piece, found["clock"])


def _piece_lines(piece: Mapping[str, Any], clock: int | None) -> Iterator[str]:
    verdict = Verdict(piece["verdict"])
    yield f"{piece.get('kind', 'entry')} in {piece['region']}   {piece['key']}"
    yield f"  {MEANINGS[verdict]}"
    if verdict is Verdict.ABSENT:
        return
    forms = "".join(f", {name} {size:,}" for name, size in piece["encodings"].items())
    yield f"  {piece['bytes']:,} bytes{forms}"
    now = time.time()
    left = piece["expires"] - now
    ends = f"expires in {span_text(left)}" if left > 0 else "expired"
    yield f"  rendered {span_text(now - piece['created'])} ago, {ends}"
    yield f"  {len(piece['tags'])} tags"
    width = max((len(tag["tag"]) for tag in piece["tags"]), default=0)
    for tag in piece["tags"]:
        mark = " " if tag["holds"] else "✗"
        stamp = tag["stamp"] if isinstance(tag["stamp"], str) else clock_text(tag["stamp"])
        yield f"  {mark} {tag['tag']:<{width}}  started {clock_text(tag['started'])}  stamp {stamp}"
    if "invalidated" in piece:
        yield f"  last invalidated {_cause(piece)}"


def _cause(piece: Mapping[str, Any]) -> str:
    cause = piece["invalidated"]
    shown = {tag["tag"] for tag in piece["tags"]}
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


def statistics_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The same for reading."""
    stamps, outbox = told["stamps"], told["outbox"]
    yield f"stamps    {stamps['url']}   clock {clock_text(stamps['clock'])}"
    waiting = f"{outbox['unpublished']} unpublished"
    if outbox["unpublished"]:
        waiting += f", the oldest for {span_text(outbox['age'])}"
    yield f"outbox    {waiting}; {outbox['last_hour']} invalidations in the last hour"
    if outbox["kinds"]:
        counted = "  ".join(f"{kind} {count}" for kind, count in outbox["kinds"].items())
        yield f"          by kind: {counted}"
    for name, region in told["regions"].items():
        yield from _region_lines(name, region)


def _region_lines(name: str, region: Mapping[str, Any]) -> Iterator[str]:
    state = "answers" if region["answers"] else "does NOT answer"
    longest = span_text(region["expiration_time"])
    yield f"{name:<9} {region['backend']}, {region['mode']}, {longest} at most; {state}"
    if region["private"]:
        yield "          in the memory of each web process: see its /metrics"
    for server, stats in region.get("servers", {}).items():
        yield f"          {server}: {_server_line(stats)}"


def _server_line(stats: Mapping[str, int] | None) -> str:
    if stats is None:
        return "away"
    asked = stats["get_hits"] + stats["get_misses"]
    ratio = f"{100 * stats['get_hits'] / asked:.1f} % found" if asked else "never asked"
    return (
        f"{stats['curr_items']:,} items, {stats['bytes'] / 1e6:,.1f} of "
        f"{stats['limit_maxbytes'] / 1e6:,.0f} MB, {stats['evictions']:,} evicted; {ratio}"
    )
