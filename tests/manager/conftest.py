"""The application with an editor and an administrator, and browsers of theirs under WebTest."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth import passwords
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.manager.movies import affected_pages
from moziweb.services import services_of, set_services
from tests.conftest import NOW, raw_settings, running_app
from tests.services.postgres import PostgresServer
from tests.site.cached import CACHED, Movies, fill, now, warm

PASSWORD = "a long enough password"  # of nobody but these tests
NAMES = {Role.EDITOR: "szerkesztő", Role.ADMIN: "gazda"}

Browser = Callable[..., TestApp]


class Clock:
    """The application's clock, to be moved on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Let some time pass: ``minutes=5``."""
        self.now += timedelta(**time)


@pytest.fixture(autouse=True)
def _light_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same argon2id with next to no work: what it costs is not what these tests are about."""
    monkeypatch.setattr(
        passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )


@pytest.fixture
def clock() -> Clock:
    """The clock of ``site``."""
    return Clock()


BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
"""For tests of what is written: on either kind of database."""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that ``site`` is on: SQLite, unless a test is for ``BOTH``."""
    found: str = getattr(request, "param", "sqlite")
    return found


@pytest.fixture
def local(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The ini keys of a site as in development: reached without HTTPS."""
    if kind == "sqlite":
        copy = tmp_path / "site.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), copy)
        yield ini_over(f"sqlite:///{copy}", tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.reusable(request.getfixturevalue("migrated_postgres")) as url:
            yield ini_over(url, tmp_path)


def ini_over(url: str, folder: Path) -> dict[str, str]:
    """Those keys, over a database."""
    return {**raw_settings(url, folder), "site.base_url": "http://localhost"}


@pytest.fixture
def site(local: dict[str, str], clock: Clock) -> Iterator[TestApp]:
    """The application, whose cookies a WebTest browser takes; two users may sign in."""
    with running_app(local) as app:
        set_services(app.app.registry, replace(services_of(app.app.registry), clock=clock))
        with services_of(app.app.registry).database.write() as session:
            for role, name in NAMES.items():
                add_user(session, name, PASSWORD, role, by=COMMAND, now=NOW)
        yield app


@pytest.fixture
def stranger(site: TestApp) -> TestApp:
    """A browser that is not signed in."""
    return TestApp(site.app)


@pytest.fixture
def editor(site: TestApp) -> TestApp:
    """A browser in which the editor is signed in."""
    return signed_in(site, Role.EDITOR)


@pytest.fixture
def admin(site: TestApp) -> TestApp:
    """A browser in which the administrator is signed in."""
    return signed_in(site, Role.ADMIN)


@pytest.fixture
def cached(local: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestApp]:
    """A site with its pages cached, at the real time.

    What a change refreshes is looked through to the end, however busy the machine is.
    """
    monkeypatch.setattr(affected_pages, "TIME_LIMIT", 60.0)
    with running_app(local | CACHED) as app:
        set_services(app.app.registry, replace(services_of(app.app.registry), clock=now))
        with services_of(app.app.registry).database.write() as session:
            for role, name in NAMES.items():
                add_user(session, name, PASSWORD, role, by=COMMAND, now=now())
        yield app


@pytest.fixture
def movies(cached: TestApp) -> Movies:
    """Three films, and every page of theirs cached."""
    with services_of(cached.app.registry).database.write() as session:
        found = fill(session)
    warm(cached, found)
    warm(cached, found)
    return found


def signed_in(site: TestApp, role: Role) -> TestApp:
    """Another browser of somebody's, signed in."""
    browser = TestApp(site.app)
    assert sign_in(browser, NAMES[role]).status_int == 303
    return browser


def sign_in(browser: TestApp, name: str, password: str = PASSWORD, **options: Any) -> Any:
    """Fill in the page to sign in and send it."""
    form = browser.get("/manager/sign-in").form
    form["name"], form["password"] = name, password
    return form.submit(**{"status": "*", **options})


def csrf_of(browser: TestApp) -> str:
    """The token that the forms of a signed-in browser carry."""
    token: str = browser.get("/manager/account").forms[0]["csrf_token"].value
    return token
