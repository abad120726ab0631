"""The poster service: sources, variants, recipes and the resource tree that serves them."""

from pyramid.config import Configurator

from .fetch import Fetcher, FetchPolicy
from .gate import Gate
from .models import SourceKind
from .resources import Root
from .service import poster_service
from .sources import SourceReader, UploadReader, UrlReader

__all__ = ["add_poster_source", "includeme"]


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
    registry["posters"] = service = poster_service(registry)
    registry["poster_gate"] = Gate(
        service, settings["posters.inline_slots"], settings["posters.wait_seconds"]
    )
    policy = FetchPolicy(
        max_bytes=service.limits.bytes,
        deadline_seconds=settings["posters.fetch_seconds"],
        user_agent=f"moziweb (+{settings['site.base_url']})",
    )
    config.add_directive("add_poster_source", add_poster_source)
    config.add_poster_source(SourceKind.UPLOAD, UploadReader(registry["storage"]))
    config.add_poster_source(SourceKind.URL, UrlReader(Fetcher(policy)))
    config.include("moziweb.security")
    config.set_root_factory(Root)
    config.include(".background")
    config.scan(".views")
