"""Locations of entries by path."""

from dataclasses import replace
from typing import Any

from moziweb.cache.http.routes import EntryLocation
from moziweb.cache.http.url_index import UrlIndex

REGION: Any = None


def location(key: str, until: float = 100.0) -> EntryLocation:
    return EntryLocation(REGION, key, until)


def test_path_is_found_until_its_time_window_ends() -> None:
    urls = UrlIndex()
    urls.remember("/", location("a", until=100.0))
    found = urls.find("/", "", 99.9)
    assert found is not None
    assert found.key == "a"
    assert urls.find("/", "", 100.0) is None
    assert urls.find("/other", "", 0.0) is None


def test_page_with_parameters_is_found_without_a_query_only() -> None:
    urls = UrlIndex()
    urls.remember("/", location("a"))
    urls.remember("/week", replace(location("b"), has_params=True))
    urls_and_queries = [("/", ""), ("/", "x=1"), ("/week", ""), ("/week", "genre=1")]
    found = [urls.find(path, query, 0.0) for path, query in urls_and_queries]
    assert [each and each.key for each in found] == ["a", "a", "b", None]


def test_oldest_path_is_evicted_and_a_repeated_one_is_new() -> None:
    urls = UrlIndex(size=2)
    for path in ("/a", "/b", "/a", "/c"):
        urls.remember(path, location(path))
    assert [urls.find(path, "", 0.0) is not None for path in ("/a", "/b", "/c")] == [
        True,
        False,
        True,
    ]


def test_paths_of_keys() -> None:
    urls = UrlIndex()
    for path in ("/a", "/b"):
        urls.remember(path, location(f"key {path}"))
    assert urls.paths_of(["key /b", "key /none"]) == {"key /b": "/b"}
