"""The option ``cache`` of a view, and what a view may call during a render."""

import logging
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from moziweb.cache.http.view_deriver import cached_view, cap, depend, mark_negative
from tests.cache.http.cached_site import Site


def show(context: object, request: object) -> str:
    return "page"


view: Any = show


def info(**options: Any) -> SimpleNamespace:
    return SimpleNamespace(options=options, original_view=view)


def test_view_without_the_option_is_returned_unchanged(site: Site) -> None:
    assert cached_view(view, info(), site.pages) is view


def test_view_of_an_unknown_region_is_not_cached(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        found = cached_view(view, info(cache="feeds", route_name="page"), site.pages)
    assert found is view
    assert "no region feeds in the ini file" in caplog.text


def test_without_a_page_cache_slots_are_filled_at_each_request() -> None:
    def cards(request: Any, contexts: Mapping[str, Any]) -> Mapping[str, bytes]:
        return dict.fromkeys(contexts, b"card")

    assert cached_view(view, info(cache="pages"), None) is view
    filled = cached_view(view, info(cache="pages", cache_fragments=cards), None)
    assert filled is not view


def test_outside_of_a_cached_view_nothing_is_recorded() -> None:
    request = SimpleNamespace(environ={})
    depend(request, "page:a")
    mark_negative(request)
    cap(request, 0.0)
    assert request.environ == {}


def test_capped_page_is_rendered_again_after_its_end(site: Site) -> None:
    def look(request: Any) -> str:
        cap(request, 1.0)
        return "page"

    site.look = look
    assert [site.get().headers["X-Cache"] for _ in range(2)] == ["bypass"] * 2
    assert site.renders == 2


@pytest.mark.parametrize(("params", "is_known"), [(None, True), ((), False), (("x",), False)])
def test_url_with_a_query_is_known_only_if_the_view_ignores_it(
    params: tuple[str, ...] | None, is_known: bool
) -> None:
    site = Site(cache_params=params)
    site.get()
    now = time.time()
    assert site.pages.urls.find("/page/a", "", now) is not None
    assert (site.pages.urls.find("/page/a", "x=1", now) is not None) is is_known
