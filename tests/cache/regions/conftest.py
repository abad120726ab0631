"""Fixtures of the tests of regions."""

import pytest

from tests.cache.regions.bench import Bench


@pytest.fixture
def bench() -> Bench:
    """A region in soft mode."""
    return Bench()
