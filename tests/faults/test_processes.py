"""A process is killed: no visitor gets an error, and another one does its work."""

from sqlalchemy import create_engine

from moziweb.posters.generation.procrastinate_queue import PRIORITY_NEW, defer

from .report import Fault
from .site import FAULT_SECONDS, Site, pause_for, wait_for

GENERATING = "SELECT id FROM poster_source WHERE state = 'generating'"

SILENCE = (
    "UPDATE procrastinate.procrastinate_workers"
    " SET last_heartbeat = last_heartbeat - interval '60 s'"
)
LEASED = "SELECT 1 FROM poster_source WHERE lease_until > now() AT TIME ZONE 'UTC'"


def test_web_process_is_killed(site: Site) -> None:
    """The proxy sends a request without an answer to the other process."""
    web = site.webs[0]
    with site.visited(Fault.WEB_KILLED) as visitors:
        web.kill()
        visitors.wait_until_red("web")
        pause_for(FAULT_SECONDS)
        web.start()
    assert visitors.failures == []
    assert visitors.red == {"web"}


def test_worker_is_killed_with_a_poster_in_progress(site: Site) -> None:
    """Visitors get pages with the poster's placeholder; the next worker makes it."""
    with site.visited(Fault.WORKER_KILLED) as visitors:
        with site.s3.paused():
            sources = site.forget_posters()
            engine = create_engine(site.postgres.url(site.database))
            with engine.begin() as connection:
                defer(connection, sources, PRIORITY_NEW)
            engine.dispose()
            wait_for(lambda: site.query(GENERATING) != [])
            site.worker.kill()
        site.query(SILENCE)  # as if 60 seconds had passed
        visitors.wait_until_red("worker")
        assert site.query(GENERATING) != []
        wait_for(lambda: site.query(LEASED) == [])
        site.worker.start()
        wait_for(lambda: site.query("SELECT 1 FROM poster_source WHERE state <> 'ready'") == [])
    assert visitors.failures == []
    assert visitors.red == {"worker"}
    assert site.are_posters_made()
