"""Restarts of both web processes, one after the other, under load: no request is lost."""

import http.client
import itertools
import os
import select
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.services.ports import HOST
from tests.services.web import WebServer, ask
from tests.soak.states import MOVIES, version_in

from .report import Cost, Fault, record
from .site import Site, wait_for

REQUESTS = 2_000
CLIENTS = 4
WRITES = 10
"""Every tenth request is a POST, which writes a movie and makes its page stale."""

CHECK_SECONDS = 0.1
"""Time between two health checks of the balancer."""

TITLES = "SELECT title FROM movie"


class Balancer:
    """Knows which processes take requests: those whose last ``/__lbheartbeat__`` was 200.

    It never sends a request again.
    """

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._healthy = list(ports)
        self._turns = itertools.count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._check)

    def __enter__(self) -> "Balancer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def next_port(self) -> int:
        """The process for the next request."""
        healthy = self._healthy
        return healthy[next(self._turns) % len(healthy)]

    def is_healthy(self, port: int) -> bool:
        return port in self._healthy

    def _check(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            healthy = [port for port in self._ports if _is_up(port)]
            if healthy:
                self._healthy = healthy


def _is_up(port: int) -> bool:
    try:
        return ask(port, "/__lbheartbeat__")[0] == 200
    except OSError:
        return False


@dataclass
class Visitors:
    """Threads that send GETs and POSTs on connections that they keep, until ``finish``."""

    balancer: Balancer
    paths: list[str]
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sent = [0] * CLIENTS
        self._threads = [
            threading.Thread(target=self._visit, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for_requests_in_flight(self) -> None:
        """Wait until each thread has chosen a process again."""
        before = list(self._sent)
        wait_for(lambda: all(now > then for now, then in zip(self._sent, before, strict=True)))

    def finish(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        connections: dict[int, http.client.HTTPConnection] = {}
        for turn in itertools.count(number):
            if self._stopping.is_set():
                break
            port = self.balancer.next_port()
            connection = connections.get(port)
            if connection is not None and _is_closed(connection):
                connection.close()
                connection = None
            if connection is None:
                connection = connections[port] = http.client.HTTPConnection(HOST, port, timeout=30)
            self._send(connection, turn)
            self._sent[number] += 1
        for connection in connections.values():
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, turn: int) -> None:
        method, path = "GET", self.paths[turn % len(self.paths)]
        if turn % WRITES == 0:
            method, path = "POST", f"/soak/{MOVIES[turn % len(MOVIES)]}"
        try:
            connection.request(method, path, headers={"Content-Length": "0"})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.lost.append(f"{method} {path}: {error!r}")
            connection.close()
            return
        with self._lock:
            self.statuses[method, response.status] += 1


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed a kept connection, as any proxy notices it."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def restart(web: WebServer, visitors: Visitors) -> None:
    """Send SIGTERM; when the balancer has seen it, end the draining by another one; start again."""
    is_healthy = visitors.balancer.is_healthy
    os.kill(web.pid, signal.SIGTERM)
    wait_for(lambda: not is_healthy(web.port))
    visitors.wait_for_requests_in_flight()
    os.kill(web.pid, signal.SIGTERM)
    wait_for(lambda: not web.alive)
    web.start()
    wait_for(lambda: is_healthy(web.port))


def written(site: Site) -> int:
    """The number of writes that the titles of the movies show."""
    return sum(version_in(title) for (title,) in site.query(TITLES))


def test_rolling_restart_loses_no_request(site: Site) -> None:
    before = written(site)
    with Balancer([web.port for web in site.webs]) as balancer:
        visitors = Visitors(balancer, [f"/movie/{movie}-soak" for movie in MOVIES])
        try:
            for web in site.webs:
                restart(web, visitors)
            wait_for(lambda: visitors.statuses.total() >= REQUESTS)
        finally:
            visitors.finish()
    assert visitors.lost == []
    assert {status for _, status in visitors.statuses} == {200}
    posts = visitors.statuses["POST", 200]
    assert written(site) - before == posts
    gets = visitors.statuses.total() - posts
    record(Cost(Fault.ROLLING_RESTART, gets, 0, posts, 0, 0.0, None, "the others are forms"))
