"""The cache dashboard: display, purging, warming and permissions."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select
from webtest import TestApp

from moziweb.cache.admin.statistics import LATEST_ROWS
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.manager.dashboards.models import CacheWarmingJob
from moziweb.services import services_of, set_services
from tests.conftest import QueryCounter, running_app
from tests.manager.conftest import NAMES, PASSWORD, csrf_of, signed_in
from tests.services.memcached import MemcachedServer
from tests.site.cached import (
    CACHED,
    Movies,
    cache_misses,
    cache_states,
    fill,
    now,
    pages,
    week_here,
)
from tests.threads import join_threads

PATH = "/manager/cache"


def send(browser: TestApp, action: str, **fields: str) -> Any:
    return browser.post(f"{PATH}/{action}", {"csrf_token": csrf_of(browser), **fields}, status="*")


def entries(app: TestApp) -> list[AuditEntry]:
    with services_of(app.app.registry).database.read() as session:
        query = select(AuditEntry).where(AuditEntry.subject == "cache").order_by(AuditEntry.id)
        return list(session.scalars(query))


def test_dashboard_and_purges(cached: TestApp, movies: Movies) -> None:
    admin = signed_in(cached, Role.ADMIN)
    before = cache_states(cached, movies)
    assert set(before.values()) <= {"hit", "l1"}
    page = admin.get(PATH).html
    region = page.select_one("#regions tbody tr")
    assert region.th.get_text() == "pages"
    assert f"miss {len(pages(movies))}" in region.get_text()
    assert "soft, 1 óra, türelmi idő 5 mp" in region.get_text()
    assert page.select("#slowest tbody a[href='/']")
    assert page.select("#most tbody tr")
    assert page.select("#outbox tbody tr")

    # By tag: exactly the pages with the tag; the result is shown.
    week = f"week:{week_here().name}"
    done = send(admin, "purge", do="tags", tags=f" {week}  week:1999-W01 ")
    message = done.follow().html.select_one("[role=status]").get_text(" ", strip=True)
    assert "Kiürítve." in message
    assert "Egyetlen tárolt oldalon sincs week:1999-W01" in message
    assert ":filtered" not in message
    rendered = cache_misses(cached, movies)
    assert {"index", "english", "week"} <= rendered
    assert "movie" not in rendered  # its page has tags of its neighbours alone
    assert not rendered & {"ahead", "other", "undated"}

    # By path, as typed or as a URL: only that page.
    cache_states(cached, movies)
    site = cached.app.registry.settings["site.base_url"]
    assert send(admin, "purge", do="path", path=site + pages(movies)["movie"]).status_int == 303
    assert cache_misses(cached, movies) == {"movie"}

    # Invalid input is explained and kept in the form.
    for fields, words in (
        ({"do": "tags", "tags": "wek:2026-W34"}, "nincs ilyen fajta címke. A fajták: beside,"),
        ({"do": "tags", "tags": "model:Nothing"}, "nincs ilyen nevű tábla. A táblák: model:"),
        ({"do": "tags", "tags": "<b>"}, "Ez nem címke."),
        ({"do": "tags", "tags": "lists:abc"}, "Ez nem címke."),
        ({"do": "tags", "tags": ""}, "Előbb írjon be egy címkét."),
        ({"do": "path", "path": "/nothing/here"}, "Ezen a címen nincs tárolható oldal."),
        ({"do": "path", "path": "week"}, "perjellel"),
    ):
        refused = send(admin, "purge", **fields)
        assert refused.status_int == 422
        assert words in refused.html.select_one("[role=alert]").get_text()
        typed = refused.html.select_one(f"#{fields['do']}")["value"]
        assert typed == fields[fields["do"]]
    assert send(admin, "purge", do="nothing").status_int == 400
    assert cache_misses(cached, movies) == set()

    assert send(admin, "purge", do="all").status_int == 303
    assert cache_misses(cached, movies) == set(pages(movies))
    assert [(each.action, each.subject_name, each.user_name) for each in entries(cached)] == [
        ("cache.purge", f"{week} week:1999-W01", "gazda"),
        ("cache.purge", pages(movies)["movie"], "gazda"),
        ("cache.purge", "", "gazda"),
    ]


def test_dashboard_shows_the_invalidation_log(cached: TestApp, movies: Movies) -> None:
    admin = signed_in(cached, Role.ADMIN)
    cache_states(cached, movies)

    def shown() -> dict[str, str]:
        log = admin.get(PATH).html.select_one("#log")
        hint = log.select_one(".hint").get_text()
        assert re.search(r"\d+ rekord, [\d.]+ (kB|Bytes?), minden folyamatnak", hint)
        return {row.th.get_text(): row.td.get_text() for row in log.select("tbody tr")}

    before = shown()
    assert set(before) == {
        "a napló szerint érvényes",
        "bélyegekkel ellenőrizve: egy címkéjét érvénytelenítették",
        "bélyegekkel ellenőrizve: régebbi, mint az ismert rekordok",
        "bélyegekkel ellenőrizve: a legújabb rekordok még nem ismertek",
    }
    send(admin, "purge", do="tags", tags=f"movie:{movies.here}")
    cache_states(cached, movies)
    after = shown()
    confirmed, published = list(before)[:2]
    assert int(after[confirmed]) > int(before[confirmed])
    assert int(after[published]) > int(before[published])
    send(admin, "purge", do="all")
    cache_states(cached, movies)
    assert shown()["újrakezdve: az óra új korszakot kezdett"] == "1"


@pytest.fixture
def pair(local: dict[str, str], memcached_server: MemcachedServer) -> Iterator[list[TestApp]]:
    """Two applications that share a memcached, as two processes would."""
    settings = {
        **local,
        **CACHED,
        "cache.prefix": secrets.token_hex(4),
        "cache.stamps.url": f"memcached://{memcached_server.address}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": memcached_server.address,
    }
    with running_app(settings) as one, running_app(settings) as other:
        for app in (one, other):
            set_services(app.app.registry, replace(services_of(app.app.registry), clock=now))
        with services_of(one.app.registry).database.write() as session:
            for role, name in NAMES.items():
                add_user(session, name, PASSWORD, role, by=COMMAND, now=now())
        yield [one, other]


def test_purges_and_warming_apply_to_other_processes(
    pair: list[TestApp], memcached_server: MemcachedServer, query_counter: QueryCounter
) -> None:
    one, other = pair
    with services_of(one.app.registry).database.write() as session:
        movies = fill(session)
    editor, admin = signed_in(one, Role.EDITOR), signed_in(one, Role.ADMIN)
    cache_states(one, movies)
    assert set(cache_states(other, movies).values()) <= {"hit", "l1"}
    with query_counter(services_of(one.app.registry).database.engine) as statements:
        page = editor.get(PATH)
    assert len(statements) <= 8, statements
    assert f"{memcached_server.address}: " in page.html.select_one("#regions").get_text()

    # An editor may only look.
    assert "Kiürítés címke szerint" not in page.text
    assert send(editor, "purge", do="all").status_int == 403
    assert send(editor, "warm", do="start", through="weeks").status_int == 403
    assert cache_misses(other, movies) == set()

    # A page purged in one process is rendered again in the other; other pages stay.
    send(admin, "purge", do="path", path=pages(movies)["movie"])
    assert cache_misses(other, movies) == {"movie"}

    # Pages warmed in one process are hits in the other.
    send(admin, "purge", do="all")
    assert send(admin, "warm", do="start", through="everything").status_int == 400
    assert send(admin, "warm", do="start", through="shown").status_int == 303
    join_threads("cache-warming")
    with services_of(one.app.registry).database.read() as session:
        row = session.scalars(select(CacheWarmingJob)).one()
    assert row.ended_at is not None
    assert (row.done, row.failed, row.stopped) == (row.total, 0, False)
    assert row.rendered >= 8
    assert not cache_misses(other, movies) & {"index", "english", "week", "movie"}
    seen = signed_in(other, Role.ADMIN).get(PATH).html
    assert "kész" in seen.select_one("#warming [role=status]").get_text()
    actions = [each.action for each in entries(one)]
    assert actions == ["cache.purge", "cache.purge", "cache.warm"]


def test_only_one_warming_runs_and_can_be_stopped(cached: TestApp, movies: Movies) -> None:
    admin = signed_in(cached, Role.ADMIN)
    now = services_of(cached.app.registry).clock()
    with services_of(cached.app.registry).database.write() as session:
        session.add(CacheWarmingJob(through="shown", total=9, created_at=now, beat_at=now))
    page = admin.get(PATH).html
    assert page.select_one("#warming progress")["max"] == "9"
    again = send(admin, "warm", do="start", through="weeks")
    assert again.status_int == 422
    assert "már folyamatban van" in again.text
    assert send(admin, "warm", do="stop").status_int == 303
    # The worker sees at its next heartbeat that it was stopped, and writes no more.
    services_of(cached.app.registry).cache_warmer.work(1)
    with services_of(cached.app.registry).database.read() as session:
        row = session.get_one(CacheWarmingJob, 1)
    assert (row.stopped, row.done) == (True, 0)


def test_tile_counts_every_invalidation_of_the_last_hour(cached: TestApp) -> None:
    admin, outbox = signed_in(cached, Role.ADMIN), services_of(cached.app.registry).page_cache
    assert outbox is not None
    table, moment = outbox.outbox.table, time.time()
    rows = [
        {"created": moment - age, "tags": "[]", "reason": "", "published": moment}
        for age in [60.0] * (LATEST_ROWS + 500) + [7200.0] * 3
    ]
    with services_of(cached.app.registry).database.write() as session:
        session.connection().execute(insert(table), rows)
    tile = admin.get(PATH).html.select_one("#outbox-state strong").get_text()
    assert int("".join(filter(str.isdigit, tile))) >= LATEST_ROWS + 500
