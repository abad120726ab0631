"""Fixtures of the tests of cached views."""

import pytest

from tests.cache.http.cached_site import Site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def paged() -> Site:
    return Site(cache_params=("page", "sort"))
