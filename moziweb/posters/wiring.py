"""How the poster service is wired into an application: ``config.include("moziweb.posters")``."""

import os
from collections.abc import Mapping
from typing import Any

from pyramid.config import Configurator

from moziweb.clock import utc_now

from .decoder import MEBIBYTE, DecoderPool, ResourceLimits
from .editorial import PosterEditor
from .fetching.fetcher import Fetcher, FetchPolicy
from .generation.admission import AdmissionControl
from .generation.procrastinate_queue import ProcrastinateQueue
from .generation.readers import SourceReader, UploadReader, UrlReader
from .generation.service import poster_service
from .generation.thread_pool import ThreadPool
from .generation.triggers import BackgroundGenerator, SourceChangeListener
from .models import SourceKind
from .web.resources import Root


def add_poster_source(config: Configurator, kind: SourceKind, reader: SourceReader) -> None:
    """``config.add_poster_source(kind, reader)``: have sources of ``kind`` read by ``reader``."""
    readers = config.registry["poster_readers"]
    config.action(("poster source", kind), readers.__setitem__, args=(kind, reader))


def includeme(config: Configurator) -> None:
    """Put the service at ``registry["posters"]`` and its tree at the root, with their readers.

    Rests on ``moziweb.db`` and ``moziweb.storage``.
    """
    registry, settings = config.registry, config.registry.settings
    registry["poster_readers"] = {}
    registry["poster_workshop"] = workshop_from(settings)
    registry["posters"] = service = poster_service(registry)
    registry["poster_gate"] = AdmissionControl(
        service, settings["posters.inline_slots"], settings["posters.wait_seconds"]
    )
    policy = FetchPolicy(
        max_bytes=service.limits.bytes,
        deadline_seconds=settings["posters.fetch_seconds"],
        user_agent=f"moziweb (+{settings['site.base_url']})",
    )
    config.add_directive("add_poster_source", add_poster_source)
    config.add_poster_source(SourceKind.UPLOAD, UploadReader(registry["storage"]))
    config.add_poster_source(SourceKind.URL, UrlReader(Fetcher(policy), registry["storage"]))
    config.include("moziweb.security")
    config.set_root_factory(Root)
    include_background(config)
    config.scan(".web.views")


def workshop_from(settings: Mapping[str, Any]) -> DecoderPool:
    """The workshop that the typed ``posters.decoder.*`` settings describe."""
    resource_limits = ResourceLimits(
        memory_bytes=settings["posters.decoder.memory_mb"] * MEBIBYTE,
        wall_seconds=settings["posters.decoder.seconds"],
        cpu_seconds=settings["posters.decoder.cpu_seconds"],
        niceness=settings["posters.decoder.niceness"],
    )
    return DecoderPool(
        children=settings["posters.decoder.children"] or len(os.sched_getaffinity(0)),
        budget_bytes=settings["posters.decoder.budget_mb"] * MEBIBYTE,
        resource_limits=resource_limits,
        jobs_per_child=settings["posters.decoder.jobs_per_child"],
    )


def include_background(config: Configurator) -> None:
    """Watch the sessions for sources, and put the operator's desk at ``registry["poster_desk"]``.

    A pool stands at ``registry["poster_pool"]``; whoever serves starts it. The queue, if there is
    one, stands at ``registry["poster_queue"]``.
    """
    registry, settings = config.registry, config.registry.settings
    database, service = registry["database"], registry["posters"]
    background: BackgroundGenerator | None = None
    if settings["posters.background"] == "procrastinate":
        background = registry["poster_queue"] = ProcrastinateQueue(database)
    elif settings["posters.background"] == "pool":
        background = registry["poster_pool"] = ThreadPool(
            database,
            service,
            utc_now,
            settings["posters.background_jobs"],
            settings["posters.sweep_seconds"],
        )
    listener = SourceChangeListener(background)
    database.watch(listener.listen)
    registry["poster_desk"] = PosterEditor(
        registry["storage"], registry["poster_readers"], service, listener.schedule
    )
