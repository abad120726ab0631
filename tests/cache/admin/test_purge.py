"""Purges by URL beside a render of the page that is running."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from pyramid.response import Response
from sqlalchemy import NullPool, create_engine

from moziweb.cache import Declarations, RenderContext
from moziweb.cache.admin.inspection import entries_of_url
from moziweb.cache.admin.purge import Purge, PurgedPage
from moziweb.cache.http.fragments import slots_of
from moziweb.cache.regions.region import TaggedRegion
from tests.cache.http.cached_site import Site


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a purge begins to wait for renders."""
    begun = threading.Event()
    original = TaggedRegion.lock_renders

    def lock_renders(self: TaggedRegion, key: str) -> AbstractContextManager[None]:
        begun.set()
        return original(self, key)

    monkeypatch.setattr(TaggedRegion, "lock_renders", lock_renders)
    return begun


class ByHand:
    """Data that an operator changes and purges while a page is rendered from the old data."""

    def __init__(self, waits: threading.Event) -> None:
        self._waits = waits
        self.shown = "old"
        self.site: Site
        self._purge: threading.Thread | None = None
        self.purged: list[PurgedPage] = []

    def read(self) -> str:
        """Return the data; at the first time, it is changed and purged before the page is done."""
        shown = self.shown
        if self._purge is None:
            self.shown = "new"
            self._purge = threading.Thread(target=self._purge_page)
            self._purge.start()
            assert self._waits.wait(10)
        return shown

    def wait(self) -> None:
        """Wait for the end of the purge."""
        assert self._purge is not None
        self._purge.join(20)
        assert len(self.purged) == 1

    def _purge_page(self) -> None:
        pages = self.site.pages
        engine = create_engine("sqlite://", poolclass=NullPool)
        purge = Purge(pages.cache, Declarations(), pages.outbox, engine, "test")
        find = partial(entries_of_url, pages, "/page/a")
        self.purged.append(purge.page("/page/a", find, allow_private=True))


WITH_FRAGMENTS = {"cache.regions": "pages fragments", "cache.fragments.expiration_time": "60"}


def plain(data: ByHand) -> Site:
    site = Site()
    site.look = lambda request: data.read()
    return site


def negative(data: ByHand) -> Site:
    site = Site()
    site.look = lambda request: Response(data.read(), status=404)
    return site


def of_fragments(data: ByHand) -> Site:
    def cards(request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        return {key: _card(context) for key, context in contexts.items()}

    def _card(context: RenderContext) -> bytes:
        context.depend("card:7")
        return data.read().encode()

    site = Site(WITH_FRAGMENTS, cache_fragments=cards)
    site.look = lambda request: f"<{slots_of(request).take('7')}>"
    return site


def of_a_template(data: ByHand) -> Site:
    def cards(request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        return dict.fromkeys(contexts, b"card")

    site = Site(WITH_FRAGMENTS, cache_fragments=cards)
    site.look = lambda request: f"{data.read()} <{slots_of(request).take('7')}>"
    return site


@pytest.fixture(params=[plain, negative, of_fragments, of_a_template])
def data(request: pytest.FixtureRequest, waits: threading.Event) -> Iterator[ByHand]:
    """Data behind a page, a negative entry, or a page of fragments."""
    made = ByHand(waits)
    open_site: Callable[[ByHand], Site] = request.param
    made.site = open_site(made)
    yield made
    made.wait()


def test_purge_removes_all_that_a_running_render_stores(data: ByHand) -> None:
    """The render began before the change, and nothing was stored when the purge began."""
    first = data.site.app.get("/page/a", status="*")
    assert "old" in first.text
    data.wait()
    for _ in range(2):
        assert "new" in data.site.app.get("/page/a", status="*").text
