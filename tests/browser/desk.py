"""A site with its pages cached and an operator, for a browser: at the real time, with few films."""

import contextlib
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from moziweb import main
from moziweb.manager.accounts import add_user
from moziweb.manager.audit import COMMAND
from moziweb.manager.models import Role
from tests.conftest import raw_settings
from tests.services.ports import HOST, free_port
from tests.site.cached import CACHED, Films, fill, now, pages

from .site import served

NAME = "anna"
PASSWORD = "a long enough password"  # of nobody but these tests


@dataclass(frozen=True)
class Desk:
    """The running site and its three films."""

    url: str
    films: Films
    registry: Any

    def sign_in(self, page: Page) -> None:
        """Come in, by the keyboard."""
        page.goto(f"{self.url}/manager/sign-in")
        page.get_by_label("Név").fill(NAME)
        page.get_by_label("Jelszó").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.url}/manager", wait_until="networkidle")

    def states(self) -> dict[str, str]:
        """How a visitor is served each page now."""
        return {name: self._state(path) for name, path in pages(self.films).items()}

    def warm(self) -> None:
        """Have every page cached, and see that it is."""
        self.states()
        assert set(self.states().values()) <= {"hit", "l1"}

    def _state(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return str(answer.headers["X-Cache"])


@contextlib.contextmanager
def running_desk(migrated: Path, folder: Path) -> Iterator[Desk]:
    """The site over a copy of an empty, migrated database."""
    port = free_port()
    copy = folder / "desk.sqlite"
    shutil.copyfile(migrated, copy)
    url = f"http://{HOST}:{port}"
    settings = {**raw_settings(f"sqlite:///{copy}", folder), **CACHED, "site.base_url": url}
    wsgi = main({}, **settings)
    wsgi.registry["clock"] = now
    with wsgi.registry["database"].write() as session:
        add_user(session, NAME, PASSWORD, Role.ADMIN, by=COMMAND, now=now())
        add_user(session, "béla", PASSWORD, Role.EDITOR, by=COMMAND, now=now())
    with wsgi.registry["database"].write() as session:
        films = fill(session)
    with served(wsgi, port):
        yield Desk(url, films, wsgi.registry)
    wsgi.registry["database"].engine.dispose()
