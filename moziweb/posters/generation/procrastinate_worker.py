"""A worker: takes jobs from the queue and makes posters, beside any number of others."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import procrastinate
import psycopg
from procrastinate.jobs import Status
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from .procrastinate_queue import QUEUE, SCHEMA, TASK, ProcrastinateQueue
from .service import PosterService

log = logging.getLogger(__name__)

EVERY_MINUTE: Final = "* * * * *"

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds between attempts to reach a database that is away."""

_AWAY = (psycopg.Error, procrastinate.exceptions.ConnectorException)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Something else that one of all workers does at the times of a cron line (UTC).

    ``work`` is given what tells whether the worker is to stop, and asks it between its steps.
    """

    name: str
    cron: str
    work: Callable[[Callable[[], bool]], None]


class PosterWorker:
    """Works on the queue until it is told to stop.

    ``url`` is the database's, ``jobs`` how many sources it works on at once; ``clock`` gives aware
    moments. Every minute one of all workers sweeps for what is due and has no job; ``chores`` are
    done beside that.
    """

    def __init__(
        self,
        url: URL,
        service: PosterService,
        queue: ProcrastinateQueue,
        clock: Callable[[], datetime],
        jobs: int,
        chores: Sequence[PeriodicTask] = (),
    ) -> None:
        self._url = url
        self._service = service
        self._queue = queue
        self._clock = clock
        self._jobs = jobs
        self._chores = chores
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish what is begun.

        A database that is away is waited for: jobs and states are kept there.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.stop)
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            begun = loop.time()
            await self._work()
            pause = FIRST_PAUSE if loop.time() - begun > LONGEST_PAUSE else pause * 2
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(pause, LONGEST_PAUSE))

    def stop(self) -> None:
        """Take no more jobs; ``run`` ends when those that are begun are finished."""
        self._stopping.set()
        if self._running is not None:
            self._running.cancel()

    async def _work(self) -> None:
        """Work as long as the database answers."""
        app = self._app()
        try:
            async with app.open_async():
                await self._sweep(app)
                self._running = asyncio.create_task(
                    app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self._jobs,
                        delete_jobs="always",
                        install_signal_handlers=False,
                    )
                )
                if self._stopping.is_set():
                    self._running.cancel()
                await self._running
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        except (*_AWAY, SQLAlchemyError) as error:
            log.warning("the queue cannot be reached, trying again: %s", error)

    def _app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            kwargs={"options": f"-c search_path={SCHEMA}"},
            min_size=1,
            max_size=self._jobs + 4,
            timeout=10,
        )
        app = procrastinate.App(connector=connector)

        @app.task(name=TASK, queue=QUEUE)
        def make(source_id: int) -> str:
            return self._service.ensure_variants(source_id).status

        @app.periodic(cron=EVERY_MINUTE)
        @app.task(name="posters.sweep", queue=QUEUE, queueing_lock="posters.sweep")
        async def sweep(timestamp: int) -> None:
            await self._sweep(app)

        for chore in self._chores:
            self._add(app, chore)
        return app

    def _add(self, app: procrastinate.App, chore: PeriodicTask) -> None:
        @app.periodic(cron=chore.cron)
        @app.task(name=chore.name, queue=QUEUE, queueing_lock=chore.name, lock=chore.name)
        async def work(timestamp: int) -> None:
            await asyncio.to_thread(chore.work, self._stopping.is_set)

    async def _sweep(self, app: procrastinate.App) -> None:
        # A job whose worker was killed would stand there for ever. Its source is found by its
        # state, so the job itself can go.
        for job in await app.job_manager.get_stalled_jobs(queue=QUEUE):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        found = await asyncio.to_thread(self._queue.sweep, self._clock())
        if found:
            log.info("%d sources were due and had no job", found)
