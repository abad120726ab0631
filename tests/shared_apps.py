"""Applications without a cache that tests use one after the other.

A start and the first page take 90 ms of processor time. An application is used again with the same
settings, so its database and its objects are always at the same place, which is emptied before
each test.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from pyramid.router import Router
from webtest import TestApp

from moziweb import main
from moziweb.manager import wiring
from moziweb.services import Services, services_of, set_services

from .conftest import NOW, close_services
from .measured import measured_once

KEPT: Final = 4
"""Applications to keep: those of two kinds of tests on both databases."""


class SharedApps:
    """The applications of a process, the one that was used last at the end."""

    def __init__(self) -> None:
        self._kept: dict[frozenset[tuple[str, str]], tuple[Router, Services, dict[str, Any]]] = {}

    @contextmanager
    def running(self, settings: Mapping[str, str]) -> Iterator[TestApp]:
        """An application at ``NOW``, as if it had just started."""
        key = frozenset(settings.items())
        if key not in self._kept:
            self._kept[key] = self._start(settings)
        app, services, values = self._kept.pop(key)
        registry = app.registry
        registry.settings.clear()
        registry.settings.update(values)
        set_services(registry, replace(services, clock=lambda: NOW))
        wiring._add_services(registry)
        Path(settings["storage.disk.path"]).mkdir(exist_ok=True)
        try:
            yield TestApp(app)
        finally:
            close_services(registry)
            self._kept[key] = app, services, values
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]

    def _start(self, settings: Mapping[str, str]) -> tuple[Router, Services, dict[str, Any]]:
        with measured_once(settings):
            app = main({}, **settings)
        assert isinstance(app, Router)  # pages in a cache would be those of an earlier test
        return app, services_of(app.registry), dict(app.registry.settings)


@pytest.fixture(scope="session")
def shared_apps() -> SharedApps:
    """The applications of this process."""
    return SharedApps()


@pytest.fixture(scope="session")
def _shared_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def shared_place(_shared_place: Path) -> Path:
    """An empty folder at the same place as that of the last test."""
    shutil.rmtree(_shared_place)
    _shared_place.mkdir()
    return _shared_place
