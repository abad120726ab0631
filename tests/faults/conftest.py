"""The site of all tests of faults: each ends with a site that has healed."""

from collections.abc import Iterator

import pytest

from .site import Site, running_site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Started once."""
    with running_site() as site:
        yield site
