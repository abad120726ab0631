"""Builds the poster services of an application: ``config.include("moziweb.posters")``."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pyramid.config import Configurator

from moziweb.clock import utc_now
from moziweb.services import Services, services_of, set_services

from .decoder import MEBIBYTE, DecoderPool, ResourceLimits
from .editorial import PosterEditor
from .fetching.fetcher import Fetcher, FetchPolicy
from .generation.admission import AdmissionControl
from .generation.leases import SourceLeases
from .generation.procrastinate_queue import ProcrastinateQueue
from .generation.readers import SourceReader, UploadReader, UrlReader
from .generation.service import PosterService
from .generation.thread_pool import ThreadPool
from .generation.triggers import SourceChangeListener
from .imaging.values import Limits
from .metrics import PosterMetrics
from .models import SourceKind
from .sharing import SharePictures
from .web.resources import Root


def add_poster_source(config: Configurator, kind: SourceKind, reader: SourceReader) -> None:
    """``config.add_poster_source(kind, reader)``: ``reader`` reads the sources of ``kind``."""
    readers = services_of(config.registry).poster_readers
    config.action(("poster source", kind), readers.__setitem__, args=(kind, reader))


def includeme(config: Configurator) -> None:
    """Add the poster services, the readers of sources, and the resource tree as the root.

    Needs ``moziweb.db`` and ``moziweb.storage``.
    """
    registry, settings = config.registry, config.registry.settings
    services = services_of(registry)
    decoder_pool, readers = decoder_pool_from(settings), dict[SourceKind, SourceReader]()
    service = service_from(services, settings, decoder_pool, readers)
    services = replace(
        services,
        posters=service,
        poster_readers=readers,
        decoder_pool=decoder_pool,
        share_pictures=SharePictures(
            services.database, services.storage, decoder_pool.draw, utc_now
        ),
        poster_admission=AdmissionControl(
            service, settings["posters.inline_slots"], settings["posters.wait_seconds"]
        ),
    )
    set_services(registry, services)
    policy = fetch_policy_from(settings)
    config.add_directive("add_poster_source", add_poster_source)
    config.add_poster_source(SourceKind.UPLOAD, UploadReader(services.storage))
    config.add_poster_source(SourceKind.URL, UrlReader(Fetcher(policy), services.storage))
    config.include("moziweb.security")
    config.set_root_factory(Root)
    include_background(config)
    if services.metrics is not None:
        services.metrics.registry.register(PosterMetrics(registry))
    config.scan(".web.views")


def fetch_policy_from(settings: Mapping[str, Any]) -> FetchPolicy:
    """Build the policy for external images by the typed settings."""
    host, _colon, port = (settings["posters.test_host"] or "").rpartition(":")
    return FetchPolicy(
        max_bytes=_max_source_bytes(settings),
        deadline_seconds=settings["posters.fetch_seconds"],
        user_agent=f"moziweb (+{settings['site.base_url']})",
        test_host=(host, int(port)) if host else None,
    )


def _max_source_bytes(settings: Mapping[str, Any]) -> int:
    most: int = settings["posters.max_source_mb"] * 1_000_000
    return most


def service_from(
    services: Services,
    settings: Mapping[str, Any],
    decoder_pool: DecoderPool,
    readers: Mapping[SourceKind, SourceReader],
) -> PosterService:
    """Build the poster service by the typed settings."""
    lease = timedelta(seconds=settings["posters.lease_seconds"])
    return PosterService(
        database=services.database,
        storage=services.storage,
        readers=readers,
        leases=SourceLeases(services.database, utc_now, lease, on_chosen=services.poster_chosen),
        limits=Limits(bytes=_max_source_bytes(settings)),
        maker=decoder_pool.make,
        prober=decoder_pool.probe,
        resend=not settings["storage.s3.conditional_put"],
    )


def decoder_pool_from(settings: Mapping[str, Any]) -> DecoderPool:
    """Build the decoder pool by the typed ``posters.decoder.*`` settings."""
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
        image_bytes=settings["posters.decoder.image_mb"] * MEBIBYTE,
        alone_bytes=settings["posters.decoder.alone_mb"] * MEBIBYTE,
    )


def include_background(config: Configurator) -> None:
    """Listen for changed sources; add the editor, and the thread pool or the queue.

    ``moziweb.server`` starts the thread pool; ``moziweb worker`` works on the queue.
    """
    settings, services = config.registry.settings, services_of(config.registry)
    database, service = services.database, services.posters
    threads: ThreadPool | None = None
    queue: ProcrastinateQueue | None = None
    if settings["posters.background"] == "procrastinate":
        queue = ProcrastinateQueue(database)
    elif settings["posters.background"] == "pool":
        jobs, period = settings["posters.background_jobs"], settings["posters.sweep_seconds"]
        threads = ThreadPool(database, service, utc_now, jobs, period)
    listener = SourceChangeListener(queue or threads)
    database.watch(listener.listen)
    editor = PosterEditor(
        services.storage,
        services.poster_readers,
        service,
        listener.schedule,
        fetch_policy_from(settings),
    )
    services = replace(services, poster_editor=editor, poster_threads=threads, poster_queue=queue)
    set_services(config.registry, services)
