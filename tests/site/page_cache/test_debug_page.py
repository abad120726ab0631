"""The debug page ``/__cache__``: when it is enabled, and what it shows."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

import moziweb
from moziweb.cache import REASON
from moziweb.movies.models import Movie
from tests.site.cached import CACHED, Movies, pages, site, write

ON = {"debug.cache_page": "true", "site.base_url": "http://127.0.0.1:6543"}


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED | ON) as app:
        yield app


def debug_text(app: TestApp, path: str) -> str:
    """The text of the debug page about ``path``, with whitespace collapsed."""
    return " ".join(app.get("/__cache__", {"path": path}).html.main.text.split())


def test_debug_page_is_off_by_default(app: TestApp) -> None:
    app.get("/__cache__", status=404)


@pytest.mark.parametrize(
    "url", ["https://moziweb.test", "http://10.0.0.1", "http://localhost.evil"]
)
def test_public_site_does_not_start_with_debug_page(settings: dict[str, str], url: str) -> None:
    with pytest.raises(SystemExit, match=r"debug\.cache_page = true: only for development"):
        moziweb.main({}, **(settings | ON | {"site.base_url": url}))


def test_entry_goes_from_absent_to_valid_to_outdated(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    assert "nothing is stored" in debug_text(cached, path)
    cached.get(path)
    assert "valid: it would be served" in debug_text(cached, path)
    assert "TOMBSTONE" not in debug_text(cached, path)

    def rename(session: Session) -> None:
        session.info[REASON] = "the title was wrong"
        session.get_one(Movie, movies.here).title = "Más"

    write(cached, rename)
    text = debug_text(cached, path)
    assert "outdated: something that it shows has changed" in text
    assert "ms later: the title was wrong" in text
    assert "TOMBSTONE" in text
    cached.get(path)
    assert "valid: it would be served" in debug_text(cached, path)


def test_copy_in_memory_is_shown_with_its_confirmation(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    for _ in range(2):
        cached.get(path)
    text = debug_text(cached, path)
    assert "In the memory of this process: confirmed by " in text
    assert "; the clock has not moved since then; last hit 0 s ago" in text

    def rename(session: Session) -> None:
        session.get_one(Movie, movies.undated).title = "Más"

    write(cached, rename)
    assert "; the clock has moved by 2 since then; " in debug_text(cached, path)
    cached.get(path)
    text = debug_text(cached, path)
    assert "confirmed by the invalidation log at " in text
    assert "; the clock has not moved since then; " in text


def test_page_with_slots_shows_template_and_cards(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    cached.get(path)
    html = cached.get("/__cache__", {"path": path}).html
    titles = [" ".join(each.text.split()) for each in html.main.find_all("h2")]
    assert titles[:2] == ["valid page in pages", "valid template in fragments"]
    assert len(html.select(".cards li.entry-valid")) >= 2


def test_debug_page_renders_and_stores_nothing(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    for _ in range(2):
        response = cached.get("/__cache__", {"path": path})
        assert response.cache_control.no_store
        assert "X-Cache" not in response.headers
    assert cached.get(path).headers["X-Cache"] == "miss"


@pytest.mark.parametrize(
    "path", ["/about", "/nowhere", "//evil.example/", "javascript:alert(1)", "<b>", "", "/%FF"]
)
def test_other_paths_have_no_entry(cached: TestApp, path: str) -> None:
    response = cached.get("/__cache__", {"path": path})
    assert "No cached page" in response.text or path == ""
    assert "<b>" not in response.text
    href = response.html.h1.a["href"]
    assert href.startswith("/")
    assert not href.startswith("//")


@pytest.mark.parametrize("query", ["path=%FF", "path=/&x=%c3%28", "%ed%a0%80=/"])
def test_query_that_is_not_utf_8_is_a_bad_request(cached: TestApp, query: str) -> None:
    assert 'class="masthead"' in cached.get(f"/__cache__?{query}", status=400).text


def test_debug_page_without_cache(settings: dict[str, str]) -> None:
    with site(settings | ON) as app:
        assert "This site has no cache" in debug_text(app, "/")
