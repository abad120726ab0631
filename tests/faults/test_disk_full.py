"""No file of a web process can grow: pages go on; a large form is refused, and works later."""

import resource

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for

LARGE_FORM = b"a=" + b"x" * 200_000
"""Above ``inbuf_overflow``, so waitress writes it to a temporary file."""


def test_disk_is_full(site: Site) -> None:
    """The limit of the size of files fails writes, as a full disk does."""
    with site.visited(Fault.DISK_FULL) as visitors:
        limits = {web: resource.prlimit(web.pid, resource.RLIMIT_FSIZE) for web in site.webs}
        for web, (_, hard) in limits.items():
            resource.prlimit(web.pid, resource.RLIMIT_FSIZE, (0, hard))
        statuses = {site.send_form(web, "/soak/1", LARGE_FORM) for web in site.webs}
        pause_for(FAULT_SECONDS)
        for web, limit in limits.items():
            resource.prlimit(web.pid, resource.RLIMIT_FSIZE, limit)
    assert visitors.failures == []
    assert visitors.red == set()
    assert statuses <= {0, 500, 503}
    assert {site.send_form(web, "/soak/1", LARGE_FORM) for web in site.webs} == {200}
