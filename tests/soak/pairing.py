"""Pairs every answer with its request: hits and misses, mixed, on kept connections.

``python -m tests.soak.pairing --requests 100000 [--seed 1]``, or ``make soak``. Each page has a
body of its own, and the application repeats the target. Some pages become stale all the time, so
the loop passes a part of the known pages to the threads. Some threads pause between a response and
their look at the next request of the connection, so that the loop often reads it in between.
"""

import argparse
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moziweb import server
from moziweb.cache.http.fast_path import FastPathMiddleware
from tests.cache.http.test_fast_path import Site, open_site
from tests.services.ports import HOST
from tests.services.raw_http import Client, connected, running

CONNECTIONS = 8
PAGES = 10
PAUSES = 0.05
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"


@dataclass
class Pairs:
    """The result of a run."""

    answers: int = 0
    hits: int = 0
    wrong: list[str] = field(default_factory=list)


class RepeatingApp:
    """Answers with the target."""

    registry: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["REQUEST_URI"].encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


class PausingList(list[Any]):
    """A channel's requests; a thread that has removed one may pause."""

    def pop(self, *index: Any) -> Any:
        """Remove a request."""
        removed = super().pop(*index)
        if random.random() < PAUSES:
            time.sleep(0.002)
        return removed


class PairingClient:
    """A client with one connection, in a thread."""

    def __init__(self, port: int, requests: int, number: int, seed: int) -> None:
        self.pairs = Pairs()
        self._port = port
        self._requests = requests
        self._number = number
        self._chance = random.Random(f"{seed} {number}")

    def run(self) -> None:
        """Send requests until all are answered; an exception counts as a wrong answer."""
        try:
            with connected(self._port) as client:
                sent = 0
                while sent < self._requests:
                    sent += self._ask_some(client, sent)
                client.send(LAST)
                self._check(client, b"/last")
                if not client.is_closed():
                    self.pairs.wrong.append("an answer after the last one")
        except (AssertionError, OSError) as error:
            self.pairs.wrong.append(f"no answer: {error!r}")

    def _ask_some(self, client: Client, number: int) -> int:
        """Send one request, or some at once, perhaps in two pieces; read as many answers."""
        count = self._chance.choice((1, 1, 1, 1, 2, 5))
        targets = [self._target(number + each) for each in range(count)]
        data = b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target for target in targets)
        cut = self._chance.randrange(len(data)) if self._chance.random() < 0.1 else 0
        for piece in filter(None, (data[:cut], data[cut:])):
            client.send(piece)
        for target in targets:
            self._check(client, target)
        return count

    def _target(self, number: int) -> bytes:
        kind = "page" if self._chance.random() < 0.5 else "other"
        return f"/{kind}-{self._chance.randrange(PAGES)}?{self._number}.{number}".encode()

    def _check(self, client: Client, target: bytes) -> None:
        status, headers, body = client.answer()
        hit = "x-cache" in headers
        self.pairs.answers += 1
        self.pairs.hits += hit
        if status != 200 or body != (target.partition(b"?")[0] if hit else target):
            self.pairs.wrong.append(f"{status} {body[:80]!r} for {target!r}")


def run(requests: int, seed: int = 1, threads: int = 4) -> Pairs:
    """Send about this many requests to a server of this process."""
    site, chance = open_site(), random.Random(seed)
    fast = FastPathMiddleware(RepeatingApp(), site.urls)
    for number in range(PAGES):
        store(site, number)
    bound: Any = server.bind(fast, {"listen": f"{HOST}:0", "threads": str(threads)})

    class PausingChannel(bound.channel_class):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.requests = PausingList()

    bound.channel_class = PausingChannel
    port, each = int(bound.effective_port), -(-requests // CONNECTIONS)
    clients = [PairingClient(port, each, number, seed) for number in range(CONNECTIONS)]
    with running(bound, bound._map):
        workers = [threading.Thread(target=client.run) for client in clients]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            number = chance.randrange(PAGES)
            site.cache.stamps.publish([f"page:page-{number}"])
            time.sleep(0.01)
            store(site, number)
    found = [client.pairs for client in clients]
    return Pairs(
        sum(pairs.answers for pairs in found),
        sum(pairs.hits for pairs in found),
        [wrong for pairs in found for wrong in pairs.wrong],
    )


def store(site: Site, number: int) -> None:
    """Render a page; the next request copies it to the memory of the process."""
    path = f"/page-{number}"
    site.store(path, path.encode())


def main() -> int:
    """Return 1 after a wrong or missing answer."""
    parser = argparse.ArgumentParser(description="Pairs answers with requests.")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2), "big"))
    asked = parser.parse_args()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sys.stdout.write(f"seed {asked.seed}\n")
    began = time.monotonic()
    pairs = run(asked.requests, asked.seed)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{pairs.answers} answers in {took:.1f} s, {pairs.hits} hits, {len(pairs.wrong)} wrong\n"
    )
    sys.stdout.writelines(f"  {each}\n" for each in pairs.wrong[:10])
    return 1 if pairs.wrong or pairs.answers < asked.requests else 0


if __name__ == "__main__":
    sys.exit(main())
