"""pytest plugin: the engines of a process share their compiled statements.

Most tests create an application, and each has an engine of its own. SQLAlchemy compiles a statement
once per dialect object, which took a quarter of the time of a test that asks for a few pages.
"""

from typing import Any, Final

import sqlalchemy
from sqlalchemy import Dialect, Engine

from moziweb.db.query_timings import MEASURED

_create_engine = sqlalchemy.create_engine

_connected: Final[dict[str, tuple[Dialect, Any]]] = {}
"""By driver: the dialect of an engine that was once connected, and its compiled statements."""

_created: Final[dict[str, tuple[Dialect, Any]]] = {}
"""By driver: those of the last engine. A dialect asks the server for its version as it connects."""


def create_engine(*args: Any, **options: Any) -> Engine:
    """As SQLAlchemy's, with the dialect and the compiled statements of an earlier engine."""
    engine = _create_engine(*args, **options)
    driver = f"{engine.name}+{engine.driver}"
    last = _created.get(driver)
    if last is not None and last[0].server_version_info is not None:
        _connected.setdefault(driver, last)
    if driver in _connected:
        engine.dialect, engine._compiled_cache = _connected[driver]
        for name in MEASURED:  # the next engine measures them again
            vars(engine.dialect).pop(name, None)
    else:
        _created[driver] = (engine.dialect, engine._compiled_cache)
    return engine


def pytest_configure() -> None:
    """Let all engines of this process be created by ``create_engine``."""
    sqlalchemy.create_engine = create_engine
