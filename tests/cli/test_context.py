"""The settings of a command, and ``running_relay``, which relays the outbox during it."""

import threading
import time

import pytest

from moziweb.caching import OUTBOX
from moziweb.cli.context import CommandContext, SetupError, running_relay
from moziweb.services import services_of
from tests.cli.conftest import Site
from tests.cli.test_cache import MEMORY, STAMPS, configure
from tests.registry import page_cache_of

PATIENCE = 30.0


def add_old_row(site: Site) -> None:
    """Add the outbox row of a writer that was killed a minute ago."""
    with site.database.engine.begin() as connection:
        OUTBOX.add(connection, ["movie:1"], now=time.time() - 60)


def backlog(site: Site) -> int:
    with site.database.engine.connect() as connection:
        return OUTBOX.backlog(connection)


def relays() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "cache-relay"]


@pytest.fixture
def context(site: Site, monkeypatch: pytest.MonkeyPatch) -> CommandContext:
    """A context that does not change the logging of the tests."""
    monkeypatch.setattr(CommandContext, "_set_up_logging", lambda self: None)
    return CommandContext(str(site.ini))


def test_relay_publishes_old_rows_during_the_block(site: Site, context: CommandContext) -> None:
    configure(site, MEMORY + STAMPS)
    add_old_row(site)
    with running_relay(context.registry):
        until = time.monotonic() + PATIENCE
        while backlog(site):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert page_cache_of(context.registry).cache.stamps.read_raw(["movie:1"]) == {"movie:1": None}
    assert relays() == []
    services_of(context.registry).database.engine.dispose()


@pytest.mark.parametrize("lines", ["", MEMORY])
def test_relay_does_not_run_with_stamps_of_one_process(
    site: Site, context: CommandContext, lines: str
) -> None:
    configure(site, lines)
    add_old_row(site)
    with running_relay(context.registry):
        assert relays() == []
    assert backlog(site) == 1
    services_of(context.registry).database.engine.dispose()


@pytest.mark.parametrize(("process", "limit"), [("command", None), ("worker", 60)])
def test_queries_have_the_limits_of_the_process(
    context: CommandContext, process: str, limit: float | None
) -> None:
    context.process = process
    assert context.settings["sqlalchemy.statement_timeout"] == 10
    assert context.registry.settings["sqlalchemy.statement_timeout"] == limit
    services_of(context.registry).database.engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:se%40cret@host/db",
        "postgresql://user:se%(x)scret@host/db",
        "postgresql://user:se%(xcret@host/db",
        "postgresql://user:se/cret@host:port/db",
        "mysql://user:se/cret@host/db",
    ],
)
def test_error_of_the_ini_file_has_no_password(
    site: Site, context: CommandContext, url: str
) -> None:
    lines = site.ini.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("sqlalchemy.url")]
    place = kept.index("[app:main]") + 1
    site.ini.write_text("\n".join([*kept[:place], f"sqlalchemy.url = {url}", *kept[place:]]))
    with pytest.raises(SetupError, match=r"sqlalchemy\.url") as caught:
        _ = context.settings
    assert "cret" not in str(caught.value)
