"""``moziweb cache`` while the site runs: command and site share only the stamps.

Most commands run in the process of the test, with stores that they open themselves. Two tests start
a process.
"""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from pyramid.paster import get_appsettings
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp
from webtest.http import StopableWSGIServer

import moziweb
from moziweb.cache import kind_of
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.manager.audit.models import AuditEntry
from moziweb.movies.calendar import month_of, year_of
from moziweb.movies.tags import period_tag
from moziweb.services import services_of, set_services
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl
from moziweb.site.page_cache.warming import in_process_fetcher
from tests.cache.stores.test_cdn import Cdn
from tests.conftest import close_services
from tests.registry import page_cache_of
from tests.services.memcached import MemcachedServer
from tests.services.ports import free_port
from tests.services.process import child
from tests.site.cached import Movies, fill, pages, week_here

from .conftest import COMMAND, Run, Site, events, invoke_in

STAMPS = "cache.stamps.url = sqlite:///%(here)s/var/stamps.sqlite\n"
MEMORY = "cache.regions = pages fragments\ncache.default.backend = moziweb.memory\n"


@pytest.fixture
def command(site: Site) -> Run:
    """Runs ``moziweb -c site.ini cache …`` in this process."""
    return partial(invoke_in, site.folder, "cache")


@pytest.fixture
def movies(site: Site) -> Movies:
    with Session(site.database.engine, expire_on_commit=False) as session:
        return fill(session)


def configure(site: Site, lines: str) -> None:
    """Add keys to the site's ``[app:main]``."""
    text = site.ini.read_text()
    site.ini.write_text(text.replace("storage.backend", f"{lines}storage.backend", 1))


def on_memcached(site: Site, server: MemcachedServer) -> None:
    server.flush()
    configure(
        site,
        "cache.regions = pages fragments\n"
        "cache.default.backend = dogpile.cache.pylibmc\n"
        f"cache.default.arguments.url = {server.address}\n"
        f"cache.stamps.url = memcached://{server.address}\n",
    )


@contextmanager
def running(site: Site) -> Iterator[TestApp]:
    """The site of the ini file, at the real time."""
    wsgi = moziweb.main({}, **get_appsettings(str(site.ini)))
    set_services(
        wsgi.registry, replace(services_of(wsgi.registry), clock=lambda: datetime.now(UTC))
    )
    try:
        yield TestApp(wsgi)
    finally:
        close_services(wsgi.registry)


def state(app: TestApp, path: str) -> str:
    """How a page is served now."""
    found: str = app.get(path).headers["X-Cache"]
    return found


def test_a_purge_is_in_effect_in_a_running_site(site: Site, command: Run, movies: Movies) -> None:
    configure(site, MEMORY + STAMPS)
    here, other = pages(movies)["movie"], pages(movies)["other"]
    with running(site) as app:
        for path in (here, other):
            app.get(path)
        ended = command("purge", f"movie:{movies.here}", "--reason", "by hand")
        assert ended.returncode == 0, ended.stderr
        assert (state(app, here), state(app, other)) == ("miss", "hit")
        assert command("purge", "--all").returncode == 0
        assert (state(app, here), state(app, other)) == ("miss", "miss")
    with site.database.engine.connect() as connection:
        everything, by_tag = OUTBOX.latest(connection, limit=2)
    assert (by_tag.tags, by_tag.reason) == ((f"movie:{movies.here}",), "purge: by hand")
    assert "everything" in everything.reason
    assert by_tag.published is not None
    assert everything.published is not None


def test_inspect_names_private_regions(site: Site, command: Run, movies: Movies) -> None:
    configure(site, MEMORY + STAMPS)
    path = pages(movies)["week"]
    with running(site) as app:
        app.get(path)
        ended = command("inspect", path)
        assert ended.returncode == 1
        assert "memory of each web process" in ended.stdout
        assert "nothing is stored" in ended.stdout
        ended = command("inspect", path, "--render", "--json")
    assert ended.returncode == 0, ended.stderr
    output = json.loads(ended.stdout)
    assert output["private"] == ["fragments", "pages"]
    page, template, *fragments = (entry["kind"] for entry in output["entries"])
    assert (page, template, set(fragments)) == ("page", "template", {"fragment"})
    assert {entry["verdict"] for entry in output["entries"]} == {"valid"}


def test_inspect_shows_a_shared_entry_and_why_it_is_outdated(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    path = pages(movies)["movie"]
    with running(site) as app:
        app.get(path)
        assert json.loads(command("inspect", path, "--json").stdout)["entries"][0][
            "verdict"
        ] == "valid"  # fmt: skip
        command("purge", f"movie:{movies.here}", "--reason", "a mistake in the title")
        ended = command("inspect", path)
    assert ended.returncode == 0, ended.stderr
    assert "outdated" in ended.stdout
    assert re.search(rf"✗ movie:{movies.here} .*stamp tombstone", ended.stdout)
    assert re.search(r"last invalidated .*, published [\d,]+ ms later, .*: a mistake", ended.stdout)


def test_purge_expands_tags(site: Site, command: Run, movies: Movies) -> None:
    configure(site, MEMORY + STAMPS)
    week, ahead = pages(movies)["week"], pages(movies)["ahead"]
    with running(site) as app:
        for path in (week, ahead):
            app.get(path)
        ended = command("purge", f"lists:{movies.here}", "movie:9999")
        assert (state(app, week), state(app, ahead)) == ("miss", "hit")
    assert ended.returncode == 0, ended.stderr
    purged, rest = ended.stdout.split(". ")
    assert f"week:{week_here().name}" in purged
    assert "lists:" not in purged
    assert "movie:9999" in rest
    assert f"week:{week_here().name}" not in rest
    with site.database.engine.connect() as connection:
        (row,) = OUTBOX.latest(connection, limit=1)
    assert f"week:{week_here().name}" in row.tags
    assert f"place:{movies.here}:{week_here().name}" in row.tags
    assert "No cached page contained any of them" in command("purge", "movie:9999").stdout


def test_purge_of_a_period_includes_its_filtered_pages(
    site: Site, command: Run, movies: Movies
) -> None:
    configure(site, MEMORY + STAMPS)
    day = week_here().thursday
    periods = [period_tag(each) for each in (week_here(), month_of(day), year_of(day))]
    ahead = f"{pages(movies)['ahead']}?kind=cinema"
    with running(site) as app:
        for purged in periods:
            paths = [f"/{each.replace(':', '/')}?kind=cinema" for each in periods]
            for path in (*paths, ahead):
                app.get(path)
            assert {state(app, path) for path in (*paths, ahead)} <= {"hit", "l1"}
            ended = command("purge", purged)
            assert ended.returncode == 0, ended.stderr
            assert ended.stdout == f"Purged: every page with {purged}.\n"
            assert [state(app, path) == "miss" for path in paths] == [
                each == purged for each in periods
            ]
            assert state(app, ahead) in {"hit", "l1"}
            with site.database.engine.connect() as connection:
                (row,) = OUTBOX.latest(connection, limit=1)
            assert row.tags == (purged, f"{purged}:filtered"), "a relay would purge both"


@pytest.mark.parametrize(
    ("tag", "line"),
    [
        ("movei:1", "no such kind of tag. There are beside, beside-place, dated, "),
        ("model:Movei", "model:Movei: no such model. There are model:Credit"),
        ("lists:x", "lists:x: "),
    ],
)
def test_unknown_tag_is_refused(site: Site, command: Run, tag: str, line: str) -> None:
    configure(site, MEMORY + STAMPS)
    ended = command("purge", tag)
    assert ended.returncode == 2
    assert line in ended.stderr
    with site.database.engine.connect() as connection:
        assert OUTBOX.latest(connection) == [], "a relay could not expand it"


def test_purge_by_url_removes_all_entries_of_the_page(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    week, movie = pages(movies)["week"], pages(movies)["movie"]
    with running(site) as app:
        for path in (week, movie):
            app.get(path)
        ended = command("purge", "--path", week)
        assert re.fullmatch(
            rf"Purged: the page at {week} and \d more entries of it\.\n", ended.stdout
        )
        assert (state(app, week), state(app, movie)) == ("miss", "hit")


CDN = """\
cache.default.s_maxage = 600
cache.default.surrogate_header = xkey
cache.cdn.purge_method = PURGE
cache.cdn.purge_header = xkey-purge
cache.cdn.purge_url = {url}
"""


def test_purge_by_url_purges_the_cdn_and_invalidates_no_other_page(
    site: Site, run_process: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    """The process asks the CDN before it ends."""
    cdn = Cdn()
    try:
        on_memcached(site, memcached_server)
        configure(site, CDN.format(url=cdn.url))
        movie, other, index = (pages(movies)[name] for name in ("movie", "other", "index"))
        with running(site) as app:
            for path in (movie, other, index):
                cdn.objects[path] = set(app.get(path).headers["xkey"].split())
            cdn.objects["of no film"] = {"everything", *page_cache_of(app.app.registry).base_tags}
            ended = run_process("cache", "purge", "--path", movie, "--reason", "a wrong date")
            assert ended.stdout == (
                f"Purged: the page at {movie} and 1 more entry of it. "
                "The CDN was asked to purge it by its tags.\n"
            )
            assert movie not in cdn.objects
            assert "of no film" in cdn.objects, "it carries only what every page does"
            assert {state(app, other), state(app, index)} <= {"hit", "l1"}
            assert state(app, movie) == "miss"
        assert len(cdn.requests) == 2, "once more after what was on its way"
    finally:
        cdn.stop()
    with site.database.engine.connect() as connection:
        (row,) = OUTBOX.latest(connection, limit=1)
    assert (row.tags, row.reason) == ((), f"purge: a wrong date ({movie})")
    assert row.published is not None


def test_page_with_unknown_tags_is_not_purged_at_the_cdn(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    configure(site, CDN.format(url=f"http://127.0.0.1:{free_port()}/"))
    ended = command("purge", "--path", pages(movies)["movie"])
    assert "Its tags are not known any more" in ended.stdout


def test_purge_by_url_removes_negative_entries(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    moved, missing = f"/movie/{movies.here}", "/movie/9999"

    def cache_states(app: TestApp) -> list[str]:
        answers = [app.get(moved, status=301), app.get(missing, status=404)]
        return [answer.headers["X-Cache"] for answer in answers]

    with running(site) as app:
        assert cache_states(app) == ["miss", "miss"]
        assert set(cache_states(app)) <= {"hit", "l1"}
        assert command("purge", "--path", missing).returncode == 0
        first, second = cache_states(app)
        assert (first in {"hit", "l1"}, second) == (True, "miss")
        assert command("purge", "--path", moved).returncode == 0
        assert cache_states(app)[0] == "miss"


def test_warm_stores_pages_for_a_site(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    ended = command("warm")
    assert ended.returncode == 0, ended.stderr
    *warmed, summary = events(ended.stdout)
    paths = [event["path"] for event in warmed]
    assert {"/", "/en/", f"/week/{week_here().name}", pages(movies)["movie"]} <= set(paths)
    assert pages(movies)["other"] not in paths
    assert {event["outcome"] for event in warmed} == {"rendered"}
    assert summary["rendered"] == len(paths)
    with running(site) as app:
        assert {state(app, path) for path in paths} == {"hit"}
        *warmed, again = events(command("warm", "--through", "archive").stdout)
        assert again["warm"] == len(paths)
        assert again["rendered"] > 0
        every = [event["path"] for event in warmed]
        entries = page_cache_of(app.app.registry).routes.stored(every)
        kinds = {kind_of(tag) for entry in entries.values() for tag in entry.tags}
        assert kinds <= DECLARATIONS.kinds(), "a purge by hand would refuse them"


def test_warm_requests_pages_of_a_running_site(site: Site, command: Run, movies: Movies) -> None:
    configure(site, MEMORY + STAMPS)
    with running(site) as app:
        server = StopableWSGIServer.create(app.app)
        try:
            ended = command("warm", "--url", server.application_url)
        finally:
            server.shutdown()
        assert ended.returncode == 0, ended.stderr
        assert events(ended.stdout)[-1]["rendered"] > 4
        assert {state(app, pages(movies)[name]) for name in ("index", "week", "movie")} <= {
            "hit",
            "l1",
        }


def test_stats_show_stores_and_outbox(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    command("purge", "movie:1", "week:2026-W34")
    with site.database.engine.begin() as connection:
        OUTBOX.add(connection, ["movie:1"], now=time.time() - 30)
    output = json.loads(command("stats", "--json").stdout)
    assert output["stamps"]["clock"] is not None
    assert output["outbox"]["unpublished"] == 1
    assert 30 <= output["outbox"]["age"] < 300
    assert output["outbox"]["kinds"] == {"movie": 2, "week": 2}, "its filtered pages, too"
    (server,) = output["regions"]["pages"]["servers"].values()
    assert server["limit_maxbytes"] == memcached_server.megabytes << 20
    assert output["log"]["records"] == 2
    shown = command("stats").stdout
    assert f"log       2 records, {output['log']['bytes'] / 1e3:.1f} kB" in shown
    assert "1 unpublished" in shown
    assert f"{memcached_server.address}: " in shown


def test_relay_publishes_old_rows_and_ends_on_sigterm(
    site: Site, command: Run, movies: Movies
) -> None:
    configure(site, MEMORY + STAMPS)
    path = pages(movies)["movie"]
    with running(site) as app:
        app.get(path)
        with site.database.engine.begin() as connection:
            OUTBOX.add(connection, [f"movie:{movies.here}"], now=time.time() - 60)
        arguments = [*COMMAND, "-c", str(site.ini), "cache", "relay"]
        with child(arguments, stdout=subprocess.PIPE) as process:
            assert process.stdout
            output = [json.loads(process.stdout.readline()) for _ in range(2)]
            process.send_signal(signal.SIGTERM)
            rest = events(process.stdout.read())
            assert process.wait() == 0
        assert [event["event"] for event in (*output, *rest)] == ["started", "relayed", "stopped"]
        assert output[1]["rows"] == 1
        assert state(app, path) == "miss"
    assert events(command("relay", "--once").stdout)[0]["rows"] == 0


def test_relay_expands_tags(site: Site, command: Run, movies: Movies) -> None:
    """The tag ``lists:`` is expanded by a query to every list that the movie is in."""
    configure(site, MEMORY + STAMPS)
    path = pages(movies)["week"]
    with running(site) as app:
        app.get(path)
        with site.database.engine.begin() as connection:
            OUTBOX.add(connection, [f"lists:{movies.here}"], now=time.time() - 60)
        assert events(command("relay", "--once").stdout)[0]["rows"] == 1
        assert state(app, path) == "miss"


@pytest.mark.parametrize(
    ("lines", "arguments", "status", "line"),
    [
        ("", ("stats",), 2, "cache.regions is empty"),
        (MEMORY, ("purge", "movie:1"), 2, "cache.stamps.url = memory://"),
        (MEMORY + STAMPS, ("warm",), 2, "with --url"),
        (MEMORY + STAMPS, ("purge", "--path", "/"), 2, "purge by tag"),
        (MEMORY + STAMPS, ("inspect", "/nowhere"), 1, "no cached page has this URL"),
        (MEMORY + STAMPS, ("purge",), 2, "only one of these"),
        (MEMORY + STAMPS, ("purge", "Movie 1"), 2, "not a tag"),
        (MEMORY + STAMPS, ("warm", "--url", "http://127.0.0.1:1"), 1, "no response"),
    ],
)
def test_failure_is_one_line(
    site: Site, command: Run, lines: str, arguments: tuple[str, ...], status: int, line: str
) -> None:
    configure(site, lines)
    ended = command(*arguments)
    assert ended.returncode == status
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr


def test_purge_without_the_stamp_store_waits_in_the_outbox(site: Site, command: Run) -> None:
    configure(site, f"{MEMORY}cache.stamps.url = memcached://127.0.0.1:{free_port()}\n")
    ended = command("purge", "movie:1")
    assert ended.returncode == 1
    assert "waits in the outbox" in ended.stderr
    with site.database.engine.connect() as connection:
        assert OUTBOX.backlog(connection) == 1


def test_pages_are_warmed_in_brotli() -> None:
    asked = []

    def app(environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        asked.append(environ["HTTP_ACCEPT_ENCODING"])
        start_response("200 OK", [("X-Cache", "miss")])
        return [b""]

    assert in_process_fetcher(app)(SiteUrl("/", next(iter(Priority)))).outcome == "rendered"
    assert asked == ["br"]


def test_import_names_the_pages_that_it_refreshes(
    site: Site, command: Run, movies: Movies, memcached_server: MemcachedServer
) -> None:
    on_memcached(site, memcached_server)
    assert command("warm").returncode == 0
    day, listed = week_here().thursday, site.folder / "list.csv"
    listed.write_text(f"external_id;title;release_date\n1;Dűne;{day}\n")
    ended = invoke_in(site.folder, "import", "csv", str(listed), "--publish")
    assert ended.returncode == 0, ended.stderr
    with site.database.read() as session:
        (entry,) = session.scalars(select(AuditEntry))
    assert (entry.action, entry.user_name) == ("film.import", "moziweb")
    assert {"/", "/en/", f"/week/{week_here().name}"} <= set(entry.pages)
    assert f"/week/{week_here().shifted(5).name}" not in entry.pages
