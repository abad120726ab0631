"""The deviations from waitress's and Python's defaults, and the ini keys that switch them off."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pyramid.registry import Registry
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from moziweb import server
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.url_index import UrlIndex
from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.server import waitress_tuning as tuning
from moziweb.services import Services, set_services
from tests.posters.decoder.children import is_full
from tests.services.ports import HOST


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


def test_memory_that_was_freed_is_limited_by_the_ini_file(monkeypatch: pytest.MonkeyPatch) -> None:
    arenas: list[int] = []
    monkeypatch.setattr(tuning, "return_freed_memory", arenas.append)

    def start(*_: Any) -> None:
        assert arenas == [3]
        raise InterruptedError

    monkeypatch.setattr(server, "bind", start)
    settings = {"server__drain_seconds": 1.0, "server__shutdown_timeout": 1.0}
    with pytest.raises(InterruptedError):
        server.serve(App(server__memory_arenas=3, **settings), {})


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
