"""The deviations from waitress's and Python's defaults, and the ini keys that switch them off."""

import gc
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pyramid.registry import Registry
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.url_index import UrlIndex
from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.server import waitress_tuning as tuning
from moziweb.services import Services, set_services
from tests.posters.decoder.children import is_full
from tests.services.ports import HOST
from tests.services.process import run


class App:
    """An application with these settings."""

    def __init__(self, **settings: Any) -> None:
        self.registry = Registry()
        self.registry.settings = {name.replace("__", "."): each for name, each in settings.items()}

    def __call__(self, *_: Any) -> Iterable[bytes]:
        raise NotImplementedError


@pytest.fixture
def sockets() -> Iterator[dict[int, Any]]:
    opened: dict[int, Any] = {}
    server = create_server(App(), map=opened, host=HOST, port=0, threads=1)
    yield opened
    server.task_dispatcher.shutdown()
    for each in list(opened.values()):
        each.close()


ARENAS = """
import ctypes, sys, threading
from pyramid.registry import Registry
from moziweb.server.waitress_tuning import limit_memory_arenas

class App:
    registry = Registry()

App.registry.settings = {"server.memory_arenas": int(sys.argv[1])}
limit_memory_arenas(App)
barrier = threading.Barrier(6)

def allocate():
    kept = [bytes(2000) for _ in range(100)]
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(6)]
for each in threads:
    each.start()
for each in threads:
    each.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.parametrize(("limit", "arenas"), [(1, 1), (2, 2), (0, 7)])
def test_threads_share_the_arenas_of_the_ini_file(limit: int, arenas: int) -> None:
    """``malloc_stats`` lists the arenas; without a limit every thread has its own."""
    # `make test` sets a limit of its own.
    environ = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-W", "ignore", "-c", ARENAS, str(limit)]
    done = run(command, env=environ, check=True)
    assert len(re.findall("^Arena", done.stderr, re.MULTILINE)) == arenas


@pytest.mark.parametrize("frozen", [True, False])
def test_objects_of_the_start_are_frozen_unless_the_key_is_off(
    monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    tuning.freeze_startup_objects(App(server__freeze_objects=frozen))
    assert calls == ["freeze"] * frozen


@pytest.mark.parametrize("in_loop", [True, False])
def test_hits_are_answered_in_the_loop_unless_the_key_is_off(
    sockets: dict[int, Any], in_loop: bool
) -> None:
    fast = FastPathMiddleware(App(server__answer_in_loop=in_loop), UrlIndex())
    tuning.answer_in_loop(fast, sockets)
    (server,) = (each for each in sockets.values() if isinstance(each, BaseWSGIServer))
    assert (server.channel_class is not HTTPChannel) is in_loop


@pytest.mark.parametrize(("children", "running"), [(None, 1), (2, 2)])
def test_one_core_is_reserved_unless_the_ini_file_sets_the_children(
    children: int | None, running: int
) -> None:
    app = App(posters__decoder__children=children)
    pool = DecoderPool(2, MEBIBYTE, ResourceLimits())
    set_services(app.registry, Services(decoder_pool=pool))
    tuning.reserve_core(app)
    with ExitStack() as held:
        for _ in range(running):
            assert not is_full(pool)
            held.enter_context(pool._slot(pytest.fail))
        assert is_full(pool)
