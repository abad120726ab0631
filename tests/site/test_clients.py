"""Calendars and feeds are read by the programs that people use (docs/clients.md)."""

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from tests.browser.site import served
from tests.factories import make_movie, make_premiere
from tests.services.ports import HOST, free_port
from tests.services.process import run
from tests.site.cached import Movies, week_here, write

ROOT = Path(__file__).parents[2]
READER = ROOT / "tests" / "npm" / "read.mjs"

Found = set[tuple[str, str]]
"""The title and the date of each event or entry."""

TITLE = "Dűne; 3, „rész” & <több>"
"""A title with every character that calendars and feeds must escape."""

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def expected(app: TestApp, movies: Movies) -> Found:
    """The premieres of the calendar; one is cancelled."""
    week = week_here()
    days = {TITLE: week.thursday, "Elmaradó": week.next.thursday}

    def add(session: Any) -> None:
        for title, day in days.items():
            premiere = make_premiere(session, make_movie(session, title, slug="dune"), day)
            if title == "Elmaradó":
                premiere.cancelled_at = premiere.announced_at

    write(app, add)
    return {
        (TITLE, f"{week.thursday}"),
        ("Elmarad: Elmaradó", f"{week.next.thursday}"),
        ("Itt van", f"{week.thursday}"),
        ("Itt van (Netflix)", f"{week.thursday}"),
        ("Majd jön", f"{week.shifted(5).thursday}"),
    }


def by_icalendar(text: str, _folder: Path) -> Found:
    from icalendar import Calendar

    calendar: Any = Calendar.from_ical(text)
    assert not calendar.errors
    return {(str(each["summary"]), str(each["dtstart"].dt)) for each in calendar.walk("VEVENT")}


def by_ics(text: str, _folder: Path) -> Found:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its parser
        import ics

        events = ics.Calendar(text).events
    return {(each.name, str(each.begin.date())) for each in events}


def by_vobject(text: str, _folder: Path) -> Found:
    import vobject

    events = vobject.readOne(text).vevent_list
    return {(each.summary.value, str(each.dtstart.value)) for each in events}


def by_node(client: str) -> Callable[[str, Path], Found]:
    def read(text: str, folder: Path) -> Found:
        path = folder / "text"
        path.write_text(text, encoding="utf-8")
        result = run(["node", READER, client, path])
        assert result.returncode == 0, result.stderr
        return {(title, day) for title, day, _id in json.loads(result.stdout)}

    return read


def by_khal(text: str, folder: Path) -> Found:
    """Imports the calendar into a directory, as a user does, and lists a year."""
    path, config, events = folder / "premieres.ics", folder / "khal.conf", folder / "events"
    path.write_text(text, encoding="utf-8")
    events.mkdir()
    config.write_text(KHAL.format(folder=folder))
    khal: list[str | Path] = [Path(sys.executable).with_name("khal"), "-c", config]
    environment = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "LANG": "C.UTF-8"}
    result = run([*khal, "import", "--batch", path], env=environment)
    assert result.returncode == 0, result.stderr
    listed = ["list", "--format", "{start-date} {title}", "--day-format", "", "2026-08-01", "800d"]
    result = run([*khal, *listed], env=environment)
    assert result.returncode == 0, result.stderr
    lines = filter(None, result.stdout.splitlines())
    return {(title, day) for day, _space, title in (line.partition(" ") for line in lines)}


KHAL = """
[calendars]
[[premieres]]
path = {folder}/events
[sqlite]
path = {folder}/khal.db
[locale]
local_timezone = Europe/Budapest
default_timezone = Europe/Budapest
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
timeformat = %H:%M
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
"""

CALENDAR_CLIENTS: dict[str, Callable[[str, Path], Found]] = {
    "icalendar": by_icalendar,
    "ics.py": by_ics,
    "vobject": by_vobject,
    "ical.js": by_node("ical.js"),
    "node-ical": by_node("node-ical"),
    "khal": by_khal,
}


@pytest.mark.parametrize("client", CALENDAR_CLIENTS)
def test_calendar_is_read(app: TestApp, expected: Found, client: str, tmp_path: Path) -> None:
    text = app.get("/premieres.ics").text
    assert CALENDAR_CLIENTS[client](text, tmp_path) == expected


@pytest.fixture
def url(app: TestApp) -> Iterator[str]:
    """The URL of the site on a port."""
    port = free_port()
    with served(app.app, port):
        yield f"http://{HOST}:{port}"


def test_vdirsyncer_copies_the_calendar(url: str, expected: Found, tmp_path: Path) -> None:
    """It splits the calendar into a file for each event, and finds nothing to do afterwards."""
    config, events = tmp_path / "config", tmp_path / "events"
    config.write_text(VDIRSYNCER.format(folder=tmp_path, url=url))
    events.mkdir()
    command: list[str | Path] = [Path(sys.executable).with_name("vdirsyncer"), "-c", config]
    for part in ("discover", "sync"):
        result = run([*command, part], input="y\n", env={"HOME": str(tmp_path)})
        assert result.returncode == 0, result.stderr
    found = [by_icalendar(path.read_text("utf-8"), tmp_path) for path in events.rglob("*.ics")]
    assert {each for one in found for each in one} == expected
    assert len(found) == len(expected)
    again = run([*command, "sync"], env={"HOME": str(tmp_path)})
    assert not re.search(r"(?i)copying|deleting", again.stdout + again.stderr)


VDIRSYNCER = """
[general]
status_path = "{folder}/status"
[pair premieres]
a = "site"
b = "local"
collections = null
conflict_resolution = "a wins"
[storage site]
type = "http"
url = "{url}/premieres.ics"
[storage local]
type = "filesystem"
path = "{folder}/events"
fileext = ".ics"
"""


def by_feedparser(text: str, _folder: Path) -> Found:
    import feedparser

    feed = feedparser.parse(text.encode())
    assert not feed.bozo
    return {(each.title, each.updated[:10]) for each in feed.entries}


FEED_CLIENTS = {"feedparser": by_feedparser, "rss-parser": by_node("rss-parser")}


@pytest.mark.parametrize("client", FEED_CLIENTS)
def test_feed_is_read(app: TestApp, expected: Found, client: str, tmp_path: Path) -> None:
    found = FEED_CLIENTS[client](app.get("/premieres.atom").text, tmp_path)
    titles = {title.rpartition(":")[0] for title, _day in found}
    assert {TITLE, "Itt van", "Majd jön", "Elmaradó"} <= titles


def test_table_lists_exactly_these_clients(app: TestApp) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([\w.-]+) \|.*test_clients", page, re.MULTILINE)
    assert listed == [*CALENDAR_CLIENTS, "vdirsyncer", *FEED_CLIENTS]
