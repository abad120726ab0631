"""The command ``moziweb cache warm``: renders pages before visitors request them."""

import time
from collections import Counter
from dataclasses import asdict
from typing import Final

import click
import urllib3
from pyramid.router import Router

from moziweb.bounded_map import bounded_map
from moziweb.cache.http.page_cache import PageCache
from moziweb.services import services_of
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl
from moziweb.site.page_cache.warming import Fetcher, WarmedUrl, cached_urls, in_process_fetcher

from .context import CommandContext, CommandError, SetupError, running_relay, service_errors
from .progress import Report, reporting
from .signals import stopping

SECONDS: Final = 60.0
"""The timeout of one page over HTTP."""


@click.command()
@click.option(
    "--through",
    "through",
    type=click.Choice([each.name.lower() for each in Priority]),
    default=Priority.SHOWN.name.lower(),
    show_default=True,
    help="How far to go: index, this week and the next, their films, months and genres, the "
    "calendar, every film.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many pages to render at once.",
)  # fmt: skip
@click.option("--url", metavar="URL", help="Request the pages of a running site: http://host:port")
@click.pass_obj
def warm(installation: CommandContext, through: str, jobs: int, url: str | None) -> None:
    """Render and store the most important pages, in both languages.

    Pages are rendered in this process and stored in the shared cache. The keys of pages change with
    the code, so run it after a new version is installed and before its first web process starts.
    The memory of web processes can only be warmed with --url, once for each process.

    Exit status: 0 if every page is stored, 1 if any is not, 128 + the signal if it was stopped.
    """
    with service_errors():
        app = installation.application
        _check(services_of(app.registry).page_cache, url)
        fetch = _through_http(url, jobs) if url else in_process_fetcher(app)
        raise SystemExit(_run(app, Priority[through.upper()], fetch, jobs))


def _check(pages: PageCache | None, url: str | None) -> None:
    if pages is None:
        raise SetupError("cache.regions is empty: this site has no cache")
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise click.UsageError(f"--url {url}: expected a URL such as http://127.0.0.1:6543")
        return
    if pages.cache.private_regions:
        region = min(pages.cache.private_regions)
        raise SetupError(
            f"cache.{region}.backend: its entries are in the memory of each web process; "
            "warm a running one with --url http://host:port"
        )


def _run(app: Router, through: Priority, fetch: Fetcher, jobs: int) -> int:
    registry = app.registry
    total = sum(1 for _ in cached_urls(registry, through))
    summary = WarmingSummary()
    with running_relay(registry), stopping() as stop, reporting("Pages", total) as report:
        for warmed in bounded_map(fetch, cached_urls(registry, through), jobs, stop):
            summary.add(warmed, report)
        summary.end(report, stopped=stop.is_set())
    return stop.exit_status(otherwise=int(summary.has_cold))


class WarmingSummary:
    """The number of pages by outcome."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._began = time.monotonic()

    @property
    def has_cold(self) -> bool:
        """Whether any page is not stored."""
        return bool(self._outcomes["failed"] or self._outcomes["unstored"])

    def add(self, warmed: WarmedUrl, report: Report) -> None:
        """Count a page and report it."""
        outcome = warmed.outcome
        self._outcomes[outcome] += 1
        cold = outcome in {"failed", "unstored"}
        report.step(
            {"event": "page", **asdict(warmed), "outcome": outcome},
            f"{warmed.path}: {outcome} ({warmed.status} {warmed.cache})" if cold else None,
        )

    def end(self, report: Report, *, stopped: bool) -> None:
        """Report the summary."""
        seconds = time.monotonic() - self._began
        outcomes = ", ".join(
            f"{count} {outcome}" for outcome, count in sorted(self._outcomes.items())
        )
        report.end(
            {
                "event": "summary",
                **self._outcomes,
                "seconds": round(seconds, 3),
                "stopped": stopped,
            },
            f"{'Stopped: ' if stopped else ''}{outcomes or 'no page to warm'}; {seconds:.1f} s.",
        )


def _through_http(url: str, jobs: int) -> Fetcher:
    base = url.rstrip("/")
    pool = urllib3.PoolManager(
        maxsize=jobs, retries=False, timeout=SECONDS, headers={"User-Agent": "moziweb cache warm"}
    )
    try:
        pool.request("GET", f"{base}/__lbheartbeat__")
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise CommandError(f"--url {url}: no answer ({type(error).__name__})") from None

    def fetch(page: SiteUrl) -> WarmedUrl:
        began = time.perf_counter()
        try:
            response = pool.request("GET", base + page.path, redirect=False)
        except urllib3.exceptions.HTTPError:
            return WarmedUrl(page.path, 0, "", round(time.perf_counter() - began, 4))
        seconds = round(time.perf_counter() - began, 4)
        return WarmedUrl(page.path, response.status, response.headers.get("X-Cache", ""), seconds)

    return fetch
