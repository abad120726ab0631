"""``moziweb cache warm``: renders and stores pages before visitors request them."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from typing import Final

import click
import urllib3
from pyramid.registry import Registry
from pyramid.router import Router

from moziweb.bounded_map import bounded_map
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl
from moziweb.site.page_cache.warming import Fetcher, WarmedUrl, cached_urls, in_process_fetcher

from .context import (
    CommandContext,
    CommandError,
    SetupError,
    page_cache_of,
    running_relay,
    service_errors,
)
from .progress import Report, progress_report
from .signals import stop_on_signal

TIMEOUT: Final = 60.0
"""Seconds for one page through HTTP."""


@click.command()
@click.option(
    "--through",
    "through",
    type=click.Choice([each.name.lower() for each in Priority]),
    default=Priority.SHOWN.name.lower(),
    show_default=True,
    help="The last group of pages to warm: the front page; this week and the next; their movies; "
    "months, genres and feeds; the calendar; every movie.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many pages to render at once.",
)  # fmt: skip
@click.option(
    "--url", metavar="URL", help="Request the pages from a running site: http://host:port"
)
@click.pass_obj
def warm(context: CommandContext, through: str, jobs: int, url: str | None) -> None:
    """Render and store the most important pages, in both languages.

    Pages are rendered in this process and stored in the cache that the site's processes share. Run
    it for a new release, before its first web process starts: the keys of pages change with the
    code. Entries in the memory of web processes can only be warmed by requests to each process:
    use --url.

    Exit status: 0 if every page is stored, 1 if some are not, 128 + the signal when stopped.
    """
    with service_errors():
        app = context.application
        _check(app.registry, url)
        fetch = _http_fetcher(url, jobs) if url else in_process_fetcher(app)
        raise SystemExit(_run(app, Priority[through.upper()], fetch, jobs))


def _check(registry: Registry, url: str | None) -> None:
    private_regions = page_cache_of(registry).cache.private_regions
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise click.UsageError(f"--url {url}: expected a URL such as http://127.0.0.1:6543")
    elif private_regions:
        region = min(private_regions)
        raise SetupError(
            f"cache.{region}.backend: its entries are in the memory of each web process; "
            "warm a running one with --url http://host:port"
        )


def _run(app: Router, through: Priority, fetch: Fetcher, jobs: int) -> int:
    registry = app.registry
    total = sum(1 for _ in cached_urls(registry, through))
    summary = WarmingSummary()
    with (
        running_relay(registry),
        stop_on_signal() as stop,
        progress_report("Pages", total) as report,
    ):
        for warmed in bounded_map(fetch, cached_urls(registry, through), jobs, stop):
            summary.add(warmed, report)
        summary.end(report, stopped=stop.is_set())
    return stop.exit_status(otherwise=int(summary.has_cold))


class WarmingSummary:
    """Counts warmed pages by outcome."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._started = time.monotonic()

    @property
    def has_cold(self) -> bool:
        """Whether any page is not stored."""
        return bool(self._outcomes["failed"] or self._outcomes["unstored"])

    def add(self, warmed: WarmedUrl, report: Report) -> None:
        """Count and report a page."""
        outcome = warmed.outcome
        self._outcomes[outcome] += 1
        cold = outcome in {"failed", "unstored"}
        report.step(
            {"event": "page", **asdict(warmed), "outcome": outcome},
            f"{warmed.path}: {outcome} ({warmed.status} {warmed.cache})" if cold else None,
        )

    def end(self, report: Report, *, stopped: bool) -> None:
        """Report the totals."""
        seconds = time.monotonic() - self._started
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self._outcomes.items()))
        event = {"event": "summary", **self._outcomes, "seconds": round(seconds, 3)}
        report.end(
            event | {"stopped": stopped},
            f"{'Stopped: ' if stopped else ''}{counts or 'no page to warm'}; {seconds:.1f} s.",
        )


def _http_fetcher(url: str, jobs: int) -> Fetcher:
    base = url.rstrip("/")
    pool = urllib3.PoolManager(
        maxsize=jobs, retries=False, timeout=TIMEOUT, headers={"User-Agent": "moziweb cache warm"}
    )
    try:
        pool.request("GET", f"{base}/__lbheartbeat__")
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise CommandError(f"--url {url}: no response ({type(error).__name__})") from None

    def fetch(url: SiteUrl) -> WarmedUrl:
        started = time.perf_counter()
        status, state = 0, ""
        with suppress(urllib3.exceptions.HTTPError):
            response = pool.request("GET", base + url.path, redirect=False)
            status, state = response.status, response.headers.get("X-Cache", "")
        return WarmedUrl(url.path, status, state, round(time.perf_counter() - started, 4))

    return fetch
