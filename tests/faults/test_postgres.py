"""PostgreSQL hangs, is restarted or locked: pages from the caches go on, others wait or are 503."""

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for

DATABASE_PARTS = {"database", "outbox", "posters", "worker", "queue"}


def test_database_hangs(site: Site) -> None:
    """Requests that need it wait, and are answered when it goes on."""
    with site.visited(Fault.DATABASE_FROZEN) as visitors, site.postgres.paused():
        visitors.wait_until_red("database")
    assert visitors.failures == []
    assert visitors.red == DATABASE_PARTS


def test_database_is_killed_and_restarted(site: Site) -> None:
    with site.visited(Fault.DATABASE_RESTARTED) as visitors:
        site.postgres.kill()
        visitors.wait_until_red("database")
        site.postgres.start()
    assert visitors.errors == 0
    assert set(visitors.failures) <= {"503 for an uncached page"}


def test_table_is_locked(site: Site) -> None:
    """A statement that waits for a lock is cancelled; the threads stay free for other pages."""
    with (
        site.visited(Fault.TABLE_LOCKED) as visitors,
        site.postgres.connect(site.database) as connection,
        connection.transaction(),
    ):
        connection.execute("LOCK TABLE movie IN ACCESS EXCLUSIVE MODE")
        pause_for(2 * FAULT_SECONDS)
        assert all(site.ask(web, "/__lbheartbeat__")[0] == 200 for web in site.webs)
    assert visitors.errors == 0
    assert set(visitors.failures) <= {"503 for an uncached page"}
    assert visitors.red == set()
