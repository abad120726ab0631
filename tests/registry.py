"""Services of the application under test."""

from pyramid.registry import Registry

from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.http.routes import EntryLocation
from moziweb.services import services_of


def page_cache_of(registry: Registry) -> PageCache:
    """The page cache of a site that has one."""
    pages = services_of(registry).page_cache
    assert pages is not None
    return pages


def location_of(registry: Registry, path: str) -> EntryLocation:
    """Where the entry of the cached page at ``path`` is."""
    found = page_cache_of(registry).routes.location_of(path)
    assert found is not None
    return found
