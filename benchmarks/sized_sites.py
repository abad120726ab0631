"""The site over databases of several sizes, without a cache: for benchmarks that compare sizes."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from webtest import TestApp

from moziweb import main as make_app
from moziweb.db import create_engine, migrations
from tests.services.postgres import PostgresServer

DATABASES: Final = ("SQLite", "PostgreSQL")

USER, PASSWORD = "anna", "a long enough password"
"""The account that ``sign_in`` expects."""


@contextmanager
def urls(kind: str, sizes: Sequence[int]) -> Iterator[list[tuple[str, Path]]]:
    """For each size, the URL of an empty database and a folder for the objects of its site."""
    with ExitStack() as opened:
        server = opened.enter_context(PostgresServer()) if kind == "PostgreSQL" else None
        found = []
        for _size in sizes:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder}/site.sqlite"
            if server is not None:
                url = opened.enter_context(server.database())
            found.append((url, folder))
        yield found


def migrate(url: str) -> None:
    """Create the schema in an empty database."""
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
    migrations.upgrade(engine)
    engine.dispose()


def settings_of(url: str, folder: Path) -> dict[str, str]:
    """The ini keys of a site that caches nothing."""
    return {
        "site.base_url": "http://localhost",
        "sqlalchemy.url": url,
        "storage.backend": "disk",
        "storage.disk.path": str(folder / "objects"),
    }


def application(url: str, folder: Path, **keys: str) -> Any:
    """The application over a migrated database, with more ini keys."""
    return make_app({}, **settings_of(url, folder), **keys)


def tidy(engine: Engine) -> None:
    """Collect the statistics of a filled database, which it does later by itself."""
    command = "ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(command)


def clock_of(url: str) -> Callable[[], float]:
    """Processor time for SQLite, which runs in this process, wall time for PostgreSQL."""
    return time.process_time if url.startswith("sqlite") else time.perf_counter


def sign_in(browser: TestApp) -> None:
    """Sign in to the manager."""
    form = browser.get("/manager/sign-in").form
    form["name"], form["password"] = USER, PASSWORD
    form.submit(status=303)
