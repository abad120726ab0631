"""``moziweb worker``: makes posters in the background, from the Procrastinate queue."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import click

from moziweb.allocator import return_freed_memory
from moziweb.clock import utc_now
from moziweb.db import session_parameters
from moziweb.manager.bin.expiry import ExpiredItems, empty_in_worker
from moziweb.posters.generation.procrastinate_worker import PeriodicTask, PosterWorker
from moziweb.storage import StorageUnavailable

from .context import CommandContext, SetupError, running_relay, service_errors
from .metrics_server import serving_metrics

REFRESH_TASK: Final = "imports.refresh"
REFRESH_CRON: Final = "17 3 * * *"
"""When movies are fetched from TMDB again, in UTC: at night in Hungary."""

EMPTY_TASK: Final = "bin.empty"
EMPTY_CRON: Final = "47 2 * * *"
"""When the bin is emptied of what has been in it for 30 days, in UTC."""


class _Address(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:9102", param, context)
        return host.strip("[]"), int(port)


ADDRESS: Final = _Address()


@click.command()
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many sources to work on at once.",
)  # fmt: skip
@click.option(
    "--metrics", "metrics", type=ADDRESS, metavar="HOST:PORT",
    help="Serve /__heartbeat__, /__lbheartbeat__ and, if the ini file allows it, /metrics there.",
)  # fmt: skip
@click.pass_obj
def worker(context: CommandContext, jobs: int, metrics: tuple[str, int] | None) -> None:
    """Make the posters of new and changed sources, until SIGTERM or Ctrl-C.

    For posters.background = procrastinate. Any number of workers can run, on any number of
    machines. If a worker is killed, another one takes over its jobs. A signal stops a worker after
    the posters in progress. Every night one of the workers runs "moziweb bin empty" and, if the
    site has a TMDB token, "moziweb import refresh". Exit status: 0 when stopped.
    """
    context.process = "worker"
    if context.settings["posters.background"] != "procrastinate":
        raise SetupError(
            "posters.background: a worker needs procrastinate; with pool, the site's own process "
            "makes posters in the background"
        )
    return_freed_memory(context.settings["server.memory_arenas"])
    with service_errors():
        with suppress(StorageUnavailable):  # temporary, unlike a misconfigured bucket
            context.services.storage.check()
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # INFO: a line for each job
        click.echo(f"A worker with {jobs} jobs; Ctrl-C ends it.", err=True)
        with running_relay(context.registry), serving_metrics(context.registry, metrics):
            asyncio.run(_run(context, jobs))
    context.services.database.engine.dispose()


async def _run(context: CommandContext, jobs: int) -> None:
    services = context.services
    queue, url = services.poster_queue, services.database.engine.url
    if queue is None:
        raise SetupError("posters.background: a worker needs procrastinate")
    tasks = [PeriodicTask(EMPTY_TASK, EMPTY_CRON, partial(_empty_bin, context))]
    if context.settings["tmdb.token"] is not None:
        from .imports import refresh_in_worker  # 5 MiB, only with a token

        tasks.append(PeriodicTask(REFRESH_TASK, REFRESH_CRON, partial(refresh_in_worker, context)))
    parameters = dict(session_parameters(context.registry.settings))
    worker = PosterWorker(url, services.posters, queue, utc_now, jobs, tasks, parameters)
    await worker.run()


def _empty_bin(context: CommandContext, is_stopping: Callable[[], bool]) -> None:
    empty_in_worker(ExpiredItems(context.services.database, utc_now), is_stopping)
