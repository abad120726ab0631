"""The posters dashboard: failures, throughput, and retrying."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.posters.maintenance import status
from moziweb.posters.models import PosterHost, PosterSource, PosterVariant, SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW, QueryCounter
from tests.manager.conftest import Clock, csrf_of
from tests.manager.movie_forms import last_entry
from tests.threads import wait_until

PATH = "/manager/posters"


@pytest.fixture
def failures(site: TestApp) -> None:
    """Three failed sources at two hosts, a failed upload, a waiting source, an open circuit
    breaker.
    """
    rows = (
        ("https://a.example/1.jpg", SourceState.FAILED, "not_found"),
        ("https://a.example/2.jpg", SourceState.RETRY_WAIT, "timeout"),
        ("https://b.example/3.jpg", SourceState.RETRY_WAIT, "timeout"),
        (None, SourceState.FAILED, "damaged"),
        ("https://c.example/4.jpg", SourceState.PENDING, None),
    )
    with services_of(site.app.registry).database.write() as session:
        for url, state, code in rows:
            movie = factories.make_movie(session)
            factories.add_poster(session, movie, url=url, state=state, error_code=code)
        until = NOW + timedelta(minutes=5)
        host = PosterHost(name="b.example", failures=7, open_until=until, error_code="timeout")
        session.add(host)


def states(site: TestApp) -> list[SourceState]:
    with services_of(site.app.registry).database.read() as session:
        query = select(PosterSource.state).order_by(PosterSource.id)
        return list(session.scalars(query))


def retry(browser: TestApp, do: str, name: str = "", **options: Any) -> Any:
    fields = {"csrf_token": csrf_of(browser), "do": do, "name": name}
    return browser.post(PATH, fields, **options)


@pytest.mark.usefixtures("failures")
def test_dashboard_shows_failures_and_throughput(
    site: TestApp, editor: TestApp, clock: Clock, query_counter: QueryCounter
) -> None:
    with services_of(site.app.registry).database.write() as session:
        for number, ago in enumerate((0, 10, 90, 60 * 30)):
            session.add(
                PosterVariant(
                    source_id=1, name="thumb", format="jpg", recipe_hash=f"{number}",
                    source_sha256="0", created_at=NOW - timedelta(minutes=ago),
                )
            )  # fmt: skip
    with query_counter(services_of(site.app.registry).database.engine) as statements:
        page = editor.get(PATH)
    assert len(statements) <= 10, statements
    tables = page.html.select("#failures table")
    by_site = {
        row.th.get_text(): row.get_text(" ", strip=True) for row in tables[0].select("tbody tr")
    }
    assert "A másik oldal nem válaszolt időben. 1×" in by_site["a.example"]
    assert "igen" in by_site["a.example"]
    assert "szünet eddig:" in by_site["b.example"]
    assert "7 hiba egymás után" in by_site["b.example"]
    assert "Feltöltött és rajzolt plakátok" in by_site
    by_cause = [row.get_text(" ", strip=True) for row in tables[1].select("tbody tr")]
    assert len(by_cause) == 3
    assert by_cause[0].startswith("A másik oldal nem válaszolt időben. timeout 2")
    made, _came, waiting = page.html.select("#charts figure")
    assert "24 óra alatt 3" in made.get_text()
    values = [int(cell.get_text()) for cell in made.select("td")]
    assert (len(values), sum(values)) == (24, 3)
    # Three wait: the pending one and the two retried ones. Another request adds a sample.
    assert "most 3" in waiting.get_text()
    clock.pass_(seconds=10)
    waiting = editor.get(PATH).html.select("#charts figure")[2]
    assert len(waiting.select("tbody tr")) == 2


@pytest.mark.usefixtures("failures")
def test_retry_by_host_by_code_or_all(site: TestApp, editor: TestApp) -> None:
    done = retry(editor, "host", "b.example", status=303).follow()
    assert "Újra próbáljuk" in done.text
    pending = SourceState.PENDING
    assert states(site)[2] is pending
    assert states(site).count(pending) == 2
    with services_of(site.app.registry).database.read() as session:
        assert session.get(PosterHost, "b.example") is None
    entry = last_entry(site)
    assert (entry.action, entry.subject_name, entry.user_name) == (
        "posters.retry", "b.example", "szerkesztő",
    )  # fmt: skip
    assert entry.changes == [{"field": "sources", "before": "", "after": "1"}]
    assert "hibás plakátok újrapróbálása" in editor.get("/manager/audit").text

    retry(editor, "code", "timeout", status=303)
    assert states(site).count(SourceState.PENDING) == 3
    for do, name in (("", ""), ("everything", ""), ("host", "a" * 256), ("code", "a\0b")):
        retry(editor, do, name, status=400)
    retry(editor, "all", status=303)
    assert set(states(site)) == {SourceState.PENDING}
    nothing = retry(editor, "all", status=303).follow()
    assert "már nem volt hibás" in nothing.text
    with services_of(site.app.registry).database.read() as session:
        actions = session.scalars(select(AuditEntry.action)).all()
    assert actions.count("posters.retry") == 3


@pytest.mark.usefixtures("failures")
def test_numbers_of_a_large_site_are_of_one_moment_and_say_which(
    site: TestApp, editor: TestApp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(state: SourceState) -> None:
        with services_of(site.app.registry).database.write() as session:
            factories.add_poster(session, factories.make_movie(session), state=state)

    def tiles(page: Any) -> list[str]:
        return [tile.get_text() for tile in page.html.select("#states strong")]

    add(SourceState.READY)
    small = editor.get(PATH)
    assert tiles(small) == ["1", "0", "1", "2", "2"]
    assert "Számolva:" not in small.text
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", 0)
    first = editor.get(PATH)
    assert tiles(first) == ["…"] * 5
    assert "Most számoljuk őket." in first.html.select_one("#states").get_text()
    clock.pass_(seconds=3)
    wait_until(lambda: tiles(editor.get(PATH)) == ["1", "0", "1", "2", "2"])
    add(SourceState.PENDING)
    page = editor.get(PATH)
    assert tiles(page) == ["1", "0", "1", "2", "2"]
    for part in ("#states", "#pictures"):
        times = [each["datetime"] for each in page.html.select(f"{part} time")]
        assert NOW.isoformat(timespec="seconds") in times
        assert "Számolva:" in page.html.select_one(part).get_text()
    assert "most 4" in page.html.select("#charts figure")[2].get_text()


def test_large_site_that_cannot_be_counted_says_so(
    editor: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise SQLAlchemyError("canceling statement due to statement timeout")

    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", -1)
    monkeypatch.setattr(services_of(editor.app.registry).poster_counter, "_count", fail)
    wait_until(lambda: "Nem sikerült megszámolni őket;" in editor.get(PATH).text)
