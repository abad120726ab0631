"""``moziweb worker``: posters made in the background, by as many of these as there is need for."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Final

import click

from moziweb.clock import utc_now
from moziweb.posters.generation.procrastinate_worker import PeriodicTask, PosterWorker
from moziweb.services import services_of
from moziweb.storage import StorageUnavailable

from .context import CommandContext, SetupError, running_relay, service_errors
from .imports import refresh_quietly

REFRESH: Final = "imports.refresh"
AT_NIGHT: Final = "17 3 * * *"
"""When films are fetched from TMDB again, by the clock of UTC: before anybody is up in Hungary."""


@click.command()
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many sources to work on at once.",
)  # fmt: skip
@click.pass_obj
def worker(installation: CommandContext, jobs: int) -> None:
    """Make the posters of new and changed sources, until SIGTERM or Ctrl-C.

    For posters.background = procrastinate. Any number of workers may run, on any number of
    machines; one that is killed loses nothing, what it worked on is taken over. A stop finishes
    the posters that are being made. Every night one of them does what "moziweb import refresh"
    does, if there is a token for TMDB. Exit status: 0 when stopped.
    """
    if installation.settings["posters.background"] != "procrastinate":
        raise SetupError(
            "posters.background: a worker needs procrastinate; with pool, the site's own process "
            "makes posters in the background"
        )
    with service_errors():
        registry = installation.registry
        with suppress(StorageUnavailable):  # that may pass; a bucket that refuses us will not
            services_of(registry).storage.check()
        # A line for each job is worth something only to who looks for a fault in the queue.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        click.echo(f"A worker with {jobs} jobs; Ctrl-C ends it.", err=True)
        with running_relay(registry):
            asyncio.run(_run(installation, jobs))
    services_of(registry).database.engine.dispose()


async def _run(installation: CommandContext, jobs: int) -> None:
    services = installation.services
    queue = services.poster_queue
    if queue is None:
        raise SetupError("posters.background: a worker needs procrastinate")
    periodic_tasks = []
    if installation.settings["tmdb.token"] is not None:
        periodic_tasks.append(
            PeriodicTask(REFRESH, AT_NIGHT, partial(refresh_quietly, installation))
        )
    await PosterWorker(
        services.database.engine.url,
        services.posters,
        queue,
        utc_now,
        jobs,
        periodic_tasks,
    ).run()
