"""A memcached server hangs or is killed: no visitor gets an error, and the heartbeat says so."""

import pytest

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for


@pytest.mark.parametrize(
    ("server", "how", "fault"),
    [
        ("entries", "frozen", Fault.ENTRIES_FROZEN),
        ("entries", "killed", Fault.ENTRIES_KILLED),
        ("stamps", "frozen", Fault.STAMPS_FROZEN),
        ("stamps", "killed", Fault.STAMPS_KILLED),
    ],
)
def test_memcached(site: Site, server: str, how: str, fault: Fault) -> None:
    memcached = getattr(site, server)
    with site.visited(fault) as visitors:
        memcached.pause() if how == "frozen" else memcached.kill()
        visitors.wait_until_red(server)
        pause_for(FAULT_SECONDS)
        memcached.resume() if how == "frozen" else memcached.start()
    assert visitors.failures == []
    assert visitors.red == {server}
