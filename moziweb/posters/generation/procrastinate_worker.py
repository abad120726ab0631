"""Background worker: takes jobs from the Procrastinate queue and makes posters."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import procrastinate
import psycopg
from procrastinate.jobs import Status
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from moziweb.logs.outage import Outage

from .procrastinate_queue import QUEUE, SCHEMA, TASK, ProcrastinateQueue

if TYPE_CHECKING:
    from .service import PosterService

log = logging.getLogger(__name__)

EVERY_MINUTE: Final = "* * * * *"

MIN_RECONNECT_SECONDS: Final = 1.0
MAX_RECONNECT_SECONDS: Final = 30.0
"""Seconds between attempts to connect to a database that is down."""

_UNREACHABLE = (psycopg.Error, procrastinate.exceptions.ConnectorException)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Other work that one of all workers does at the times of a cron line (UTC).

    ``work`` gets a function that returns whether the worker is stopping, to call between its steps.
    """

    name: str
    cron: str
    work: Callable[[Callable[[], bool]], None]


@dataclass(eq=False)
class PosterWorker:
    """Works on the queue until it is stopped.

    ``url`` is the database's, ``jobs`` the number of sources it works on at once; ``clock`` returns
    aware datetimes; ``parameters`` are those of its PostgreSQL sessions. Every minute one of all
    workers sweeps for due sources without a job.
    """

    url: URL
    service: PosterService
    queue: ProcrastinateQueue
    clock: Callable[[], datetime]
    jobs: int
    periodic_tasks: Sequence[PeriodicTask] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._outage = Outage("the queue of posters", recovery_seconds=0.0)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish the running jobs.

        While the database is down, reconnect: it holds the jobs and the states.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.stop)
        pause = MIN_RECONNECT_SECONDS
        while not self._stopping.is_set():
            started = loop.time()
            await self._work()
            pause = (
                MIN_RECONNECT_SECONDS
                if loop.time() - started > MAX_RECONNECT_SECONDS
                else pause * 2
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(pause, MAX_RECONNECT_SECONDS))

    def stop(self) -> None:
        """Take no more jobs; ``run`` returns when the running ones are finished."""
        self._stopping.set()
        if self._running is not None:
            self._running.cancel()

    async def _work(self) -> None:
        """Work until the database is down or the worker stops."""
        app = self._app()
        try:
            async with app.open_async():
                await self._sweep(app)
                self._outage.worked()
                self._running = asyncio.create_task(
                    app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self.jobs,
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
        except (*_UNREACHABLE, SQLAlchemyError) as error:
            self._outage.failed(error)

    def _app(self) -> procrastinate.App:
        parameters = {**self.parameters, "search_path": SCHEMA}
        connector = procrastinate.PsycopgConnector(
            conninfo=self.url.set(drivername="postgresql").render_as_string(hide_password=False),
            kwargs={"options": " ".join(f"-c {each}={parameters[each]}" for each in parameters)},
            min_size=1,
            max_size=self.jobs + 4,
            timeout=10,
        )
        app = procrastinate.App(connector=connector)

        @app.task(name=TASK, queue=QUEUE)
        def make(source_id: int) -> str:
            return self.service.ensure_variants(source_id).status

        @app.periodic(cron=EVERY_MINUTE)
        @app.task(name="posters.sweep", queue=QUEUE, queueing_lock="posters.sweep")
        async def sweep(timestamp: int) -> None:
            await self._sweep(app)

        for task in self.periodic_tasks:
            self._add(app, task)
        return app

    def _add(self, app: procrastinate.App, task: PeriodicTask) -> None:
        @app.periodic(cron=task.cron)
        @app.task(name=task.name, queue=QUEUE, queueing_lock=task.name, lock=task.name)
        async def work(timestamp: int) -> None:
            await asyncio.to_thread(task.work, self._stopping.is_set)

    async def _sweep(self, app: procrastinate.App) -> None:
        # The job of a killed worker would stay for ever. The sweep finds its source by its state,
        # so the job can be deleted.
        for job in await app.job_manager.get_stalled_jobs(queue=QUEUE):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        count = await asyncio.to_thread(self.queue.sweep, self.clock())
        if count:
            log.info("%d sources were due and had no job", count)
