"""The relay beside a command's work: there where it helps, and not where it would do harm."""

import threading
import time

import pytest

from moziweb.caching import OUTBOX
from moziweb.cli.context import CommandContext, running_relay
from moziweb.services import services_of
from tests.cli.conftest import Site
from tests.cli.test_cache import MEMORY, STAMPS, configure
from tests.registry import page_cache_of

PATIENCE = 30.0


def leave_a_row(site: Site) -> None:
    """What a writer leaves that was killed a minute ago."""
    with site.database.engine.begin() as connection:
        OUTBOX.add(connection, ["movie:1"], now=time.time() - 60)


def backlog(site: Site) -> int:
    with site.database.engine.connect() as connection:
        return OUTBOX.backlog(connection)


def relays() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "cache-relay"]


@pytest.fixture
def installation(site: Site, monkeypatch: pytest.MonkeyPatch) -> CommandContext:
    """The logging of the tests stays as it is."""
    monkeypatch.setattr(CommandContext, "_set_up_logging", lambda self: None)
    return CommandContext(str(site.ini))


def test_what_was_left_is_published_meanwhile(site: Site, installation: CommandContext) -> None:
    configure(site, MEMORY + STAMPS)
    leave_a_row(site)
    with running_relay(installation.registry):
        until = time.monotonic() + PATIENCE
        while backlog(site):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert page_cache_of(installation.registry).cache.stamps.read_raw(["movie:1"]) == {
        "movie:1": None
    }
    assert relays() == []
    services_of(installation.registry).database.engine.dispose()


@pytest.mark.parametrize("lines", ["", MEMORY])
def test_stamps_of_one_process_are_not_published_from_another(
    site: Site, installation: CommandContext, lines: str
) -> None:
    configure(site, lines)
    leave_a_row(site)
    with running_relay(installation.registry):
        assert relays() == []
    assert backlog(site) == 1
    services_of(installation.registry).database.engine.dispose()
