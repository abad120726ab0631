"""The clock of the web processes jumps: no visitor gets an error, and no page is stuck."""

import pytest

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "fault"), [(DAY, Fault.CLOCK_FORWARD), (-DAY, Fault.CLOCK_BACK)]
)
def test_clock_jumps(site: Site, seconds: int, fault: Fault) -> None:
    def shift(by: int) -> None:
        for web in site.webs:
            assert site.ask(web, f"/faults/clock/{by}", "POST")[0] == 200

    with site.visited(fault) as visitors:
        shift(seconds)
        pause_for(FAULT_SECONDS)
        shift(0)
    assert visitors.failures == []
