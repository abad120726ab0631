"""``moziweb cache``: looking into the page cache, purging it, publishing what was left behind."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click
from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError

from moziweb.cache import OutboxRelay, PublishError, StoreError
from moziweb.cache.admin.inspection import entries_of_url
from moziweb.cache.admin.purge import (
    NoCachedPage,
    Purge,
    PurgeDeferred,
    PurgedPage,
    PurgedTags,
    PurgeRefused,
    RegionNotShared,
)
from moziweb.cache.admin.statistics import statistics_of
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.invalidation.outbox_relay import PERIOD
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.services import services_of

from .cache_inspect import described, inspection_lines, statistics_lines
from .cache_warm import warm
from .context import CommandContext, CommandError, SetupError, service_errors
from .signals import stopping


@click.group()
def cache() -> None:
    """Look into the page cache, purge it, warm it.

    The commands work beside a running site and agree with it through its stamps. Entries that lie
    in the memory of web processes (backend moziweb.memory) cannot be seen from here.
    """


cache.add_command(warm)


@cache.command()
@click.argument("path")
@click.option("--render", is_flag=True, help="Have the page rendered here first, if it is missing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def inspect(installation: CommandContext, path: str, render: bool, as_json: bool) -> None:
    """Tell what is cached for the address PATH, such as /week/2026-W34.

    Its entries, their tags with their stamps, whether they are true now, and why and when anything
    of it was last invalidated.

    Exit status: 0 when there is an entry, 1 when there is none.
    """
    with service_errors(), stores_in_one_line():
        registry = installation.application.registry
        enabled(registry)
        found = described(installation.application, _path(path), render=render)
    if found is None:
        raise CommandError(f"{path}: no cached page has this URL")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("\n".join(inspection_lines(found)))
    raise SystemExit(0 if found["pieces"][0]["verdict"] != "absent" else 1)


@cache.command()
@click.argument("tags", nargs=-1, metavar="TAG…")
@click.option("--path", metavar="PATH", help="The page at one address.")
@click.option("--all", "everything", is_flag=True, help="Everything: a new epoch of the clock.")
@click.option("--reason", default="purged by hand", show_default=True, help="For the outbox.")
@click.pass_obj
def purge(
    installation: CommandContext, tags: tuple[str, ...], path: str | None, everything: bool,
    reason: str,
) -> None:  # fmt: skip
    """Make pages stale that a change past the site has made untrue.

    By TAG (movie:42 week:2026-W34 model:Movie), by address, or everything: after a database was
    restored, or changed with SQL by hand. A tag such as lists:42 stands for every list that the
    film is in now, as when a write concerns it. What no cached page has shown is told.

    Exit status: 0 when it is in effect in every process, 1 when the stamps cannot be reached; then
    it waits in the outbox and any running process will see to it within seconds.
    """
    if sum((bool(tags), path is not None, everything)) != 1:
        raise click.UsageError("name tags, or --path, or --all: one of the three")
    with service_errors(), stores_in_one_line():
        whole = installation.application if path is not None else installation
        pages, engine = shared(whole.registry), services_of(whole.registry).database.engine
        purging = Purge(pages.cache, DECLARATIONS, pages.outbox, engine, reason)
        with purging_in_one_line():
            if path is not None:
                click.echo(page_line(purging.page(_path(path), entries_of_url(pages, path))))
            elif everything:
                purging.everything()
                click.echo(everything_line())
            else:
                click.echo(tags_line(purging.tags(tags)))


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def stats(installation: CommandContext, as_json: bool) -> None:
    """Tell what the cache is made of, and the state of its stores and its outbox.

    How often pages were hits is counted by each web process: ask its /metrics.
    """
    with service_errors():
        registry = installation.registry
        cache = enabled(registry)
        with services_of(registry).database.engine.connect() as connection:
            told = statistics_of(cache.cache, OUTBOX, connection)
    click.echo(json.dumps(told) if as_json else "\n".join(statistics_lines(told)))


@cache.command()
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.pass_obj
def relay(installation: CommandContext, once: bool) -> None:
    """Publish what writers that died have left in the outbox, until SIGTERM.

    Every web process does this, too, and so do workers and commands that run for long. Run it where
    there is none of these, or while the site is down.

    Exit status: 0; with --once, 1 when the database or the stamps could not be reached.
    """
    registry = installation.registry
    pages = shared(registry)
    relaying = OutboxRelay(
        services_of(registry).database.engine,
        OUTBOX,
        pages.cache.stamps,
        pages.events,
        expansions=DECLARATIONS.expansions,
    )
    if once:
        with service_errors(), stores_in_one_line():
            _tell("relayed", rows=relaying.run_once())
        return
    with stopping() as stop:
        _tell("started")
        failing = False
        while not stop.wait(PERIOD):
            failing = _look(relaying, failing)
    _tell("stopped")


def _look(relaying: OutboxRelay, failing: bool) -> bool:
    """One look; whether it failed. A failure is told once, and so is its end."""
    try:
        rows = relaying.run_once()
    except (PublishError, SQLAlchemyError) as error:
        if not failing:
            _tell("failing", why=str(error).splitlines()[0])
        return True
    if rows or failing:
        _tell("relayed", rows=rows)
    return False


def _tell(event: str, **facts: object) -> None:
    click.echo(json.dumps({"event": event, "at": round(time.time(), 3), **facts}))


def enabled(registry: Registry) -> PageCache:
    """The page cache; a usage error if the site has none."""
    pages = services_of(registry).page_cache
    if pages is None:
        raise SetupError("cache.regions is empty: this site has no cache")
    return pages


def shared(registry: Registry) -> PageCache:
    """The page cache, if its web processes see what a command does."""
    pages = enabled(registry)
    if not pages.cache.is_shared:
        raise SetupError(
            f"cache.stamps.url = {pages.cache.stamps_url}: each process has stamps of its own, and "
            "no command can reach the site; use sqlite:///path or memcached://host:port"
        )
    return pages


@contextmanager
def stores_in_one_line() -> Iterator[None]:
    """Tell of stamps or entries that cannot be reached in one line."""
    try:
        yield
    except (StoreError, PublishError) as error:
        raise CommandError(f"the cache: {error}") from None


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise click.UsageError(f"an address begins with a slash: /{path}")
    return path


@contextmanager
def purging_in_one_line() -> Iterator[None]:
    """Tell why a purge could not be done in one line."""
    try:
        yield
    except NoCachedPage as error:
        raise CommandError(str(error)) from None
    except RegionNotShared as error:
        raise SetupError(
            f"cache.{error.region}.backend: its entries lie in the memory of each web process, "
            "where no command reaches them; purge by tag, or --all"
        ) from None
    except PurgeRefused as error:
        raise click.UsageError(str(error)) from None
    except PurgeDeferred as error:
        raise CommandError(
            f"the stamps: {error}; it waits in the outbox, and the relay of any running process "
            "will publish it"
        ) from None


def tags_line(purged: PurgedTags) -> str:
    """Which tags were published, and which of them were on no page."""
    left_over = ""
    if purged.unseen == purged.tags:
        left_over = " No page that is cached showed any of it."
    elif purged.unseen:
        left_over = f" No page that is cached showed {_or(purged.unseen)}."
    return f"Purged: every page that shows {_or(purged.tags)}.{left_over}"


def page_line(purged: PurgedPage) -> str:
    """Which page, of how many pieces, and what a CDN was told."""
    pieces = f" and {purged.other_entries} pieces of it" if purged.other_entries else ""
    cdn = {
        None: "",
        True: " A CDN is asked to drop it by its tags.",
        False: " Its tags are not known any more: purge by tag what a CDN may keep of it.",
    }[purged.at_cdn]
    return f"Purged: the page at {purged.path}{pieces}.{cdn}"


def everything_line() -> str:
    """What it means."""
    return "Purged: everything. Each page is rendered anew at its next request."


def _or(tags: Iterable[str]) -> str:
    return " or ".join(sorted(tags))
