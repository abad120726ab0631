"""A web process may open 64 files (``ulimit -n 64``) and has 120 idle connections."""

import resource
import socket
from contextlib import ExitStack

from tests.services.ports import HOST

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for

FILES = 64
CONNECTIONS = 120
MAX_LOG_BYTES = 200_000


def test_few_files(site: Site) -> None:
    web = site.webs[0]
    with site.visited(Fault.FEW_FILES) as visitors:
        logged = web.log.stat().st_size
        _, hard = before = resource.prlimit(web.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, (FILES, hard))
        with ExitStack() as idle:
            for _ in range(CONNECTIONS):
                idle.enter_context(socket.create_connection((HOST, web.port), timeout=5))
            pause_for(FAULT_SECONDS)
            answers = [site.ask(web, path)[0] for path in site.cached_paths()]
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, before)
    assert visitors.failures == []
    assert answers == [200] * len(answers)
    assert web.log.stat().st_size - logged < MAX_LOG_BYTES
