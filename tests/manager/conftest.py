"""The application with an editor and an administrator, and WebTest browsers of theirs."""

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
from moziweb.manager.auth.cookies import PRE_LOGIN, SESSION
from moziweb.manager.auth.models import Role
from moziweb.manager.movies import affected_pages
from moziweb.services import services_of, set_services
from tests.audit_law import audit_law
from tests.conftest import NOW, raw_settings, running_app
from tests.services.postgres import PostgresServer
from tests.shared_apps import SharedApps
from tests.site.cached import CACHED, Movies, fill, now, warm

PASSWORD = "a long enough password"  # of these tests only
NAMES = {Role.EDITOR: "szerkesztő", Role.ADMIN: "gazda"}

Browser = Callable[..., TestApp]


class Clock:
    """A settable clock for the application."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Advances the clock: ``minutes=5``."""
        self.now += timedelta(**time)


@pytest.fixture(autouse=True)
def _audit_law() -> Iterator[None]:
    """Every change by the application has an audit entry."""
    with audit_law():
        yield


@pytest.fixture(autouse=True)
def _light_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the cheapest argon2id parameters."""
    monkeypatch.setattr(
        passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )


@pytest.fixture
def clock() -> Clock:
    """The clock of ``site``."""
    return Clock()


BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
"""For tests of writes: on both kinds of database."""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database of ``site``: SQLite, unless a test uses ``BOTH``."""
    found: str = getattr(request, "param", "sqlite")
    return found


@pytest.fixture
def place(shared_place: Path) -> Path:
    """The folder of the database and of the objects of a test."""
    return shared_place


@pytest.fixture
def local(kind: str, request: pytest.FixtureRequest, place: Path) -> Iterator[dict[str, str]]:
    """The ini keys of a site without HTTPS."""
    if kind == "sqlite":
        copy = place / "site.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), copy)
        yield ini_over(f"sqlite:///{copy}", place)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.reusable(request.getfixturevalue("migrated_postgres")) as url:
            yield ini_over(url, place)


def ini_over(url: str, folder: Path) -> dict[str, str]:
    """The ini keys with a database."""
    return {**raw_settings(url, folder), "site.base_url": "http://localhost"}


@pytest.fixture
def site(local: dict[str, str], clock: Clock, shared_apps: SharedApps) -> Iterator[TestApp]:
    """The application with two users."""
    with shared_apps.running(local) as app:
        set_services(app.app.registry, replace(services_of(app.app.registry), clock=clock))
        with services_of(app.app.registry).database.write() as session:
            for role, name in NAMES.items():
                add_user(session, name, PASSWORD, role, by=COMMAND, now=NOW)
        yield app


@pytest.fixture
def anonymous(site: TestApp) -> TestApp:
    """A browser without a session."""
    return TestApp(site.app)


@pytest.fixture
def editor(site: TestApp) -> TestApp:
    """A browser with a session of the editor."""
    return signed_in(site, Role.EDITOR)


@pytest.fixture
def admin(site: TestApp) -> TestApp:
    """A browser with a session of the administrator."""
    return signed_in(site, Role.ADMIN)


@pytest.fixture
def cached(local: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestApp]:
    """A site with cached pages, in real time.

    The search for affected pages has no time limit.
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
    """Three movies, with all their pages cached."""
    with services_of(cached.app.registry).database.write() as session:
        found = fill(session)
    warm(cached, found)
    warm(cached, found)
    return found


def signed_in(site: TestApp, role: Role) -> TestApp:
    """A new browser with a session of a user. It sends the sign-in form without its page."""
    browser, token = TestApp(site.app), "of-a-new-browser"
    fields = {"csrf_token": token, "name": NAMES[role], "password": PASSWORD}
    headers = {"Cookie": f"{PRE_LOGIN.name}={token}"}
    browser.post("/manager/sign-in", fields, headers, status=303)
    return browser


def sign_in(browser: TestApp, name: str, password: str = PASSWORD, **options: Any) -> Any:
    """Submits the sign-in form."""
    form = browser.get("/manager/sign-in").form
    form["name"], form["password"] = name, password
    return form.submit(**{"status": "*", **options})


def confirm(browser: TestApp, password: str = PASSWORD) -> Any:
    """Enters the password again."""
    form = browser.get("/manager/account/confirm").forms[1]
    form["password"] = password
    return form.submit(status="*")


def csrf_of(browser: TestApp) -> str:
    """The CSRF token of a browser's session."""
    services = services_of(browser.app.registry)
    session = services.sessions.find(browser.cookies[SESSION.name])
    assert session is not None
    return session.csrf_token
