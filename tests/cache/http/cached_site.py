"""A minimal application with one cached page."""

from collections.abc import Mapping
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy import MetaData, NullPool, create_engine
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache import (
    CacheEvents,
    Outbox,
    OutboxRelay,
    PublishRetrier,
    RelayThread,
    RenderContext,
    SessionClock,
    from_settings,
)
from moziweb.cache.http.fragments import slots_of
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.http.routes import CachedRoutes
from moziweb.cache.http.view_deriver import add_cached_views, depend
from moziweb.cache.stores.memory import MemoryAtomicStore

SETTINGS = {"cache.regions": "pages", "cache.pages.expiration_time": "60"}


Look = Any


class Site:
    """An application with one cached page at ``/page/{name}``, whose view is ``look``."""

    def __init__(
        self, settings: dict[str, str] | None = None, store: "Site | None" = None, **options: Any
    ) -> None:
        """``store``: another site, whose entries and stamps are used."""
        self.look: Look = lambda request: "page"
        self.renders = 0
        self.stamps: MemoryAtomicStore = store.stamps if store else MemoryAtomicStore()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("moziweb.cache.regions.config.open_atomic_store", lambda *_: self.stamps)
            self.cache = from_settings(SETTINGS | (settings or {}))
        if store is not None:
            mine, theirs = (each.cache.dogpile["pages"].actual_backend for each in (self, store))
            mine._values = theirs._values
        engine = create_engine("sqlite://", poolclass=NullPool)  # no test closes its sessions
        with Configurator(session_factory=SignedCookieSessionFactory("secret")) as config:
            outbox, events = Outbox(MetaData()), CacheEvents()
            relay = OutboxRelay(engine, outbox, self.cache.stamps, events)
            self.pages = PageCache(
                cache=self.cache,
                clock=SessionClock(self.cache.stamps),
                routes=CachedRoutes(config.registry),
                digest="1",
                base_tags=("list:all",),
                base_url="https://site.example",
                events=events,
                outbox=outbox,
                relay=RelayThread(relay),
                retrier=PublishRetrier(relay),
            )
            add_cached_views(config, self.pages)
            config.add_request_method(lambda _: Session(engine), "dbsession", reify=True)
            config.add_route("page", "/page/{name}")
            config.add_view(self.view, route_name="page", cache="pages", **options)
            config.add_notfound_view(lambda request: Response("nothing", status=404))
            self.app = TestApp(config.make_wsgi_app())

    def view(self, request: Any) -> Response:
        """The page."""
        self.renders += 1
        depend(request, f"page:{request.matchdict['name'][:20]}")
        shown = self.look(request)
        return shown if isinstance(shown, Response) else Response(str(shown))

    def get(self, path: str = "/page/a", **headers: str) -> Any:
        """GET with these headers."""
        return self.app.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def listed(**settings: str) -> Site:
    """A site whose page is a template with one fragment."""

    def cards(request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        for key, context in contexts.items():
            context.depend(f"card:{key}")
        return {key: f"card {key}".encode() for key in contexts}

    regions = {"cache.regions": "pages fragments", "cache.fragments.expiration_time": "60"}
    site = Site(regions | settings, cache_fragments=cards)
    site.look = lambda request: f"<{slots_of(request).take('7')}>"
    return site
