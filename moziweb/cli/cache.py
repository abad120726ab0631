"""The commands ``moziweb cache``: inspect, purge, statistics, relay, warm and advise."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

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
from moziweb.cache.invalidation.outbox_relay import RELAY_PERIOD
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.services import services_of

from .cache_advise import advise
from .cache_inspect import inspected, inspection_lines, statistics_lines
from .cache_warm import warm
from .context import CommandContext, CommandError, SetupError, page_cache_of, service_errors
from .signals import stop_on_signal


@click.group()
def cache() -> None:
    """Inspect, purge and warm the page cache, and advise on its settings.

    The commands can run beside the site: they share its stamp store. They cannot see entries in
    the memory of web processes (backend moziweb.memory).
    """


cache.add_command(warm)
cache.add_command(advise)


@cache.command()
@click.argument("path")
@click.option("--render", is_flag=True, help="Render the page first, if it is missing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def inspect(context: CommandContext, path: str, render: bool, as_json: bool) -> None:
    """Show the cached entries of the URL PATH, such as /week/2026-W34.

    For each entry: its tags and their stamps, whether it is valid, and when and why it was last
    invalidated.

    Exit status: 0 if there is an entry, 1 if there is none.
    """
    with service_errors(), _store_errors():
        page_cache_of(context.application.registry)
        found = inspected(context.application, _path(path), render=render)
    if found is None:
        raise CommandError(f"{path}: no cached page has this URL")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("\n".join(inspection_lines(found)))
    raise SystemExit(0 if found["entries"][0]["verdict"] != "absent" else 1)


@cache.command()
@click.argument("tags", nargs=-1, metavar="TAG…")
@click.option("--path", metavar="PATH", help="Purge the page with this URL.")
@click.option("--all", "everything", is_flag=True, help="Purge everything: begin a new epoch.")
@click.option("--reason", default="by hand", show_default=True, help="For the outbox.")
@click.pass_obj
def purge(
    context: CommandContext, tags: tuple[str, ...], path: str | None, everything: bool,
    reason: str,
) -> None:  # fmt: skip
    """Purge pages after a change that the site has not seen.

    Use it after a database was restored, or changed by SQL. Purge by TAG (movie:42 week:2026-W34
    model:Movie), by URL, or everything. A tag such as lists:42 is expanded to all lists that the
    movie is in now. The tag of a week, month or year includes its filtered pages that show
    premieres. The output names the tags that no cached page contained.

    Exit status: 0 if the purge is in effect in every process, 1 if the stamp store is down; then
    the purge waits in the outbox, and a running process will publish it within seconds.
    """
    if sum((bool(tags), path is not None, everything)) != 1:
        raise click.UsageError("give tags, --path or --all, and only one of these")
    with service_errors(), _store_errors(), _purge_errors():
        registry = (context.application if path is not None else context).registry
        pages, engine = _shared_cache(registry), services_of(registry).database.engine
        purge = Purge(pages.cache, DECLARATIONS, pages.outbox, engine, reason)
        if path is not None:
            find = partial(entries_of_url, pages, path)
            click.echo(_page_line(purge.page(_path(path), find)))
        elif everything:
            purge.everything()
            click.echo("Purged: everything. Each page is rendered again at its next request.")
        else:
            click.echo(_tags_line(purge.tags(tags)))


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def stats(context: CommandContext, as_json: bool) -> None:
    """Show the regions of the cache, and the state of its stores and its outbox.

    Each web process counts its own hits: see its /metrics.
    """
    with service_errors():
        pages = page_cache_of(context.registry)
        with context.services.database.engine.connect() as connection:
            statistics = statistics_of(pages.cache, OUTBOX, connection)
    click.echo(json.dumps(statistics) if as_json else "\n".join(statistics_lines(statistics)))


@cache.command()
@click.option("--once", is_flag=True, help="Run once, then exit.")
@click.pass_obj
def relay(context: CommandContext, once: bool) -> None:
    """Publish the outbox rows that their writers did not publish, until SIGTERM.

    Web processes, workers and long commands do this too. Run it where none of these runs, or while
    the site is down.

    Exit status: 0; with --once, 1 if the database or the stamp store is down.
    """
    pages = _shared_cache(context.registry)
    outbox_relay = OutboxRelay(
        context.services.database.engine,
        OUTBOX,
        pages.cache.stamps,
        pages.events,
        expansions=DECLARATIONS.expansions,
    )
    if once:
        with service_errors(), _store_errors():
            _log("relayed", rows=outbox_relay.run_once())
        return
    with stop_on_signal() as stop:
        _log("started")
        failing = False
        while not stop.wait(RELAY_PERIOD):
            failing = _run_relay(outbox_relay, failing)
    _log("stopped")


def _run_relay(outbox_relay: OutboxRelay, failing: bool) -> bool:
    """Run once and return whether it failed. Log only the first of consecutive failures."""
    try:
        rows = outbox_relay.run_once()
    except (PublishError, SQLAlchemyError) as error:
        if not failing:
            _log("failing", why=str(error).splitlines()[0])
        return True
    if rows or failing:
        _log("relayed", rows=rows)
    return False


def _log(event: str, **fields: object) -> None:
    click.echo(json.dumps({"event": event, "at": round(time.time(), 3), **fields}))


def _shared_cache(registry: Registry) -> PageCache:
    """Return the page cache. Raises ``SetupError`` unless processes share the stamp store."""
    pages = page_cache_of(registry)
    if not pages.cache.is_shared:
        raise SetupError(
            f"cache.stamps.url = {pages.cache.stamps_url}: each process has its own stamps, "
            "so no command can invalidate pages; use sqlite:///path or memcached://host:port"
        )
    return pages


@contextmanager
def _store_errors() -> Iterator[None]:
    """Translate errors of the stores into ``CommandError``."""
    try:
        yield
    except (StoreError, PublishError) as error:
        raise CommandError(f"the cache: {error}") from None


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise click.UsageError(f"a path begins with a slash: /{path}")
    return path


@contextmanager
def _purge_errors() -> Iterator[None]:
    try:
        yield
    except NoCachedPage as error:
        raise CommandError(str(error)) from None
    except RegionNotShared as error:
        raise SetupError(
            f"cache.{error.region}.backend: its entries are in the memory of each web process, "
            "where no command can purge them; purge by tag, or use --all"
        ) from None
    except PurgeRefused as error:
        raise click.UsageError(str(error)) from None
    except PurgeDeferred as error:
        raise CommandError(
            f"the stamps: {error}; the purge waits in the outbox, and the relay of a running "
            "process will publish it"
        ) from None


def _tags_line(purged: PurgedTags) -> str:
    unseen = ""
    if purged.unseen == purged.tags:
        unseen = " No cached page contained any of them."
    elif purged.unseen:
        unseen = f" No cached page contained {_or(purged.unseen)}."
    return f"Purged: every page with {_or(purged.tags)}.{unseen}"


def _page_line(purged: PurgedPage) -> str:
    count = purged.other_entries
    others = f" and {count} more {'entry' if count == 1 else 'entries'} of it" if count else ""
    cdn = {
        None: "",
        True: " The CDN was asked to purge it by its tags.",
        False: " Its tags are not known any more; to purge it at the CDN, purge by tag.",
    }[purged.at_cdn]
    return f"Purged: the page at {purged.path}{others}.{cdn}"


def _or(tags: Iterable[str]) -> str:
    return " or ".join(sorted(tags))
