"""The performance page: sums over processes, graphs, deploys and purges."""

import time
from typing import Any

import pytest
from sqlalchemy import event
from webtest import TestApp

from moziweb.caching import OUTBOX
from moziweb.manager.auth.models import Role
from moziweb.ops.models import PerformanceMinute
from moziweb.services import services_of
from moziweb.timings import Part
from tests.conftest import NOW, QueryCounter
from tests.manager.conftest import BOTH, signed_in

PATH = "/en/manager/performance"
END = int(NOW.timestamp() // 60)
"""The current minute, of which there are no rows yet."""


def row(
    ago: int, process: str = "a", release: str = "r1", end: int = END, **values: Any
) -> PerformanceMinute:
    counts = dict.fromkeys(("requests", "errors", "satisfied", "tolerated", "queries"), 0)
    seconds = dict.fromkeys([part.value for part in Part], 0.0)
    fields = {"routes": {}, **counts, **seconds, **values}
    return PerformanceMinute(minute=end - ago, process=process, release=release, **fields)


def add(site: TestApp, *rows: PerformanceMinute) -> None:
    with services_of(site.app.registry).database.write() as session:
        session.add_all(rows)


def tiles(page: Any) -> list[str]:
    return [tile.find("strong").text.replace("\xa0", " ") for tile in page.html.select(".tile")]


def tables(page: Any) -> list[list[list[str]]]:
    """The cells of each table, without the time of a row and the headings."""
    return [
        [
            [cell.text.replace("\xa0", " ") for cell in line.select("td")]
            for line in table.select("tbody tr")
        ]
        for table in page.html.select("table")
    ]


@BOTH
def test_sums_and_tables_are_over_all_processes(
    site: TestApp, editor: TestApp, query_counter: QueryCounter
) -> None:
    routes = {"index": [2, 0, 1.0], "movie": [2, 1, 3.0]}
    add(
        site,
        row(1, "a", requests=4, errors=1, satisfied=2, tolerated=1, queries=8, render=3.0,
            queue=1.0, routes=routes),
        row(1, "b", requests=4, satisfied=4, database=4.0, routes={"index": [4, 0, 4.0]}),
        row(2, "a", requests=2, satisfied=2, cache=0.2),
        row(60, "a", requests=50, satisfied=0, cache=50.0),
        row(61, "a", requests=1_000),  # before the hour
        row(0, "a", requests=1_000),  # the minute that has begun
    )  # fmt: skip
    with query_counter(services_of(site.app.registry).database.engine) as statements:
        page = editor.get(PATH)
    assert len(statements) <= 7, statements
    assert tiles(page) == ["0.14", "970 ms", "1.0", "0.1", "1.7 %"]
    times, throughput, apdex, where = tables(page)
    assert times == [
        ["1,000 ms", "125 ms", "0.0 ms", "500 ms", "0.0 ms", "0.0 ms", "375 ms"],
        ["100 ms", "0.0 ms", "100 ms", "0.0 ms", "0.0 ms", "0.0 ms", "0.0 ms"],
        ["1,000 ms", "0.0 ms", "1,000 ms", "0.0 ms", "0.0 ms", "0.0 ms", "0.0 ms"],
    ]
    assert throughput == [["8.0", "8", "1"], ["2.0", "2", "0"], ["50.0", "50", "0"]]
    assert apdex == [["0.81", "6", "1", "1"], ["1.00", "2", "0", "0"], ["0.00", "0", "0", "50"]]
    assert where == [["62.5 %", "833 ms", "6", "0"], ["37.5 %", "1,500 ms", "2", "1"]]
    assert "Summed over 2 processes" in page.text


def test_stack_adds_up_to_the_height_of_the_sum(site: TestApp, editor: TestApp) -> None:
    add(site, row(1, requests=1, satisfied=1, render=0.2, database=0.1, queue=0.1))
    bands = editor.get(PATH).html.select("polygon")
    heights = {}
    for band in bands:
        points = [tuple(map(float, each.split(","))) for each in band["points"].split()]
        (upper,) = {y for x, y in points[:120] if x == 1000}
        (lower,) = {y for x, y in points[120:] if x == 1000}
        heights[band["class"][0]] = round(lower - upper, 2)
    assert heights == {  # of 500 ms
        "part-render": 40, "part-images": 0, "part-storage": 0, "part-database": 20,
        "part-cache": 0, "part-queue": 20,
    }  # fmt: skip


def test_line_has_gaps_where_no_requests_were(site: TestApp, editor: TestApp) -> None:
    add(site, *(row(ago, requests=1, satisfied=1) for ago in (1, 2, 10)))
    throughput, apdex = (
        figure.select("polyline") for figure in editor.get(PATH).html.select(".charts figure")
    )
    assert (len(throughput), len(apdex)) == (1, 2)


@pytest.mark.parametrize(
    ("period", "requests"), [("hour", 1), ("day", 11), ("week", 111), ("year", 1), ("", 1)]
)
def test_period_is_in_the_address(
    site: TestApp, editor: TestApp, period: str, requests: int
) -> None:
    for ago, count in ((30, 1), (23 * 60, 10), (6 * 24 * 60, 100), (8 * 24 * 60, 1_000)):
        add(site, row(ago, requests=count, satisfied=count))
    page = editor.get(PATH, {"period": period})
    (throughput,) = [sum(int(cells[1]) for cells in table) for table in tables(page)[1:2]]
    assert throughput == requests


def test_throughput_of_a_new_site_is_since_its_first_requests(
    site: TestApp, editor: TestApp
) -> None:
    add(site, row(4, requests=6), row(1, requests=2))
    assert tiles(editor.get(PATH))[2] == "2.0"


def test_empty_site_says_when_there_will_be_something(editor: TestApp) -> None:
    page = editor.get(PATH)
    assert "Each process reports once a minute." in page.text
    assert tiles(page)[0] == "–"


def test_deploys_are_marked_and_restarts_are_not(site: TestApp, editor: TestApp) -> None:
    releases = ((50, "a", "r1"), (40, "b", "r1"), (30, "c", "r2"), (29, "d", "r2"), (20, "e", "r1"))
    for ago, process, release in releases:
        add(
            site, row(ago, process, release, requests=1), row(ago - 1, process, release, requests=1)
        )
    page = editor.get(PATH)
    marks = [mark.get_text(" ", strip=True) for mark in page.html.select(".marks li")]
    assert [mark.split(" ", 2)[2] for mark in marks] == ["Deploy r2", "Deploy r1"]
    lines = [line["x1"] for line in page.html.select("figure")[0].select(".graph-deploy")]
    assert lines == ["50.0%", "66.67%"]


def test_deploy_before_the_period_is_not_marked(site: TestApp, editor: TestApp) -> None:
    add(site, row(200, "a", "r1"), row(100, "b", "r2"), row(5, "b", "r2"))
    assert not editor.get(PATH).html.select(".marks")
    assert len(editor.get(PATH, {"period": "day"}).html.select(".marks li")) == 1


def test_deploy_after_the_last_row_before_the_period_is_marked(
    site: TestApp, editor: TestApp
) -> None:
    add(site, row(200, "a", "r1"), row(100, "b", "r2"), row(5, "c", "r3"), row(4, "d", "r3"))
    marks = [mark.get_text(" ", strip=True) for mark in editor.get(PATH).html.select(".marks li")]
    assert [mark.split(" ", 2)[2] for mark in marks] == ["Deploy r3"]


def test_restarts_of_two_releases_that_run_beside_each_other_are_not_marked(
    site: TestApp, editor: TestApp
) -> None:
    """In the order of their starts, each is of another release than the process before."""
    ages = {("a", "r1"): (1, 120), ("b", "r2"): (31, 120), ("c", "r2"): (1, 31)}
    ages |= {("d", "r1"): (21, 120), ("e", "r1"): (1, 21), ("f", "r3"): (1, 11)}
    add(site, *(row(ago, *name) for name, minutes in ages.items() for ago in range(*minutes)))
    marks = [mark.get_text(" ", strip=True) for mark in editor.get(PATH).html.select(".marks li")]
    assert [mark.split(" ", 2)[2] for mark in marks] == ["Deploy r3"]


def test_rows_before_the_period_are_not_read(site: TestApp, editor: TestApp) -> None:
    """There may be fourteen days of them for each process."""
    add(site, row(1, requests=1))
    engine = services_of(site.app.registry).database.engine
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM performance_minute" in statement:
            cursor = connection.connection.driver_connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(step[3] for step in cursor)

    event.listen(engine, "before_cursor_execute", explain)
    editor.get(PATH)
    event.remove(engine, "before_cursor_execute", explain)
    assert len([plan for plan in plans if plan.startswith("SEARCH performance_minute")]) >= 3
    assert not [plan for plan in plans if plan.startswith("SCAN")]


def test_purges_are_marked_with_their_reason(cached: TestApp) -> None:
    admin, end = signed_in(cached, Role.ADMIN), int(time.time() // 60)
    add(cached, row(1, end=end, requests=1, satisfied=1))
    form = admin.get("/en/manager/cache").forms
    purge = next(each for each in form.values() if "tags" in each.fields)
    purge["tags"] = "week:2026-W34"
    purge.submit("do", value="tags")
    services = services_of(cached.app.registry)
    with services.database.write() as session:
        OUTBOX.add(session.connection(), ["movie:1"], now=time.time(), reason="manager: edit #1")
    marks = admin.get(PATH).html.select(".marks li")
    texts = [mark.get_text(" ", strip=True).split(" ", 2)[2] for mark in marks]
    assert texts == ["Purge manager, gazda"]
