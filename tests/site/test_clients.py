"""Calendars and feeds are read by the programs that people use (docs/clients.md)."""

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from tests.browser.site import served
from tests.factories import make_movie, make_premiere
from tests.services.ports import HOST, free_port
from tests.services.process import run
from tests.site.cached import Movies, now, week_here, write

ROOT = Path(__file__).parents[2]
READER = ROOT / "tests" / "npm" / "read.mjs"

Found = set[tuple[str, str]]
"""The title and the date of each event or entry."""

Texts = Mapping[str, str]
"""Calendars or feeds by their paths."""

Read = Callable[[Texts, Path], Mapping[str, Found]]
"""Reads all texts, in one process."""

TITLE = "Dűne; 3, „rész” & <több>"
"""A title with every character that calendars and feeds must escape."""

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def others(cached: TestApp, movies: Movies) -> None:
    """More premieres: one with an odd title, one that is cancelled, one of long ago."""
    week = week_here()

    def add(session: Any) -> None:
        make_premiere(session, make_movie(session, TITLE, slug="dune"), week.thursday)
        cancelled = make_movie(session, "Elmaradó")
        make_premiere(session, cancelled, week.next.thursday, cancelled_at=now())
        make_premiere(session, make_movie(session, "Régi"), week.shifted(-20).thursday)

    write(cached, add)


@pytest.fixture
def calendars(others: None, movies: Movies) -> dict[str, Found]:
    """The events of a calendar of each kind."""
    week = week_here()
    here, streamed = ("Itt van", f"{week.thursday}"), ("Itt van (Netflix)", f"{week.thursday}")
    ahead = "Majd jön", f"{week.shifted(5).thursday}"
    odd, old = (TITLE, f"{week.thursday}"), ("Régi", f"{week.shifted(-20).thursday}")
    cancelled = "Elmarad: Elmaradó", f"{week.next.thursday}"
    person = f"{movies.person}-szinesz-itt-van"
    listed = ".".join(map(str, sorted((movies.here, movies.ahead, movies.undated))))
    return {
        "/premieres.ics": {odd, cancelled, here, streamed, ahead},
        "/premieres-cinema.ics": {odd, cancelled, here, ahead},
        "/en/premieres-streaming.ics": {streamed},
        "/premieres.ics?genre=vigjatek&remind=1d": {here, streamed, ahead},
        "/premieres.ics?future=60&past=200": {odd, cancelled, here, streamed, ahead, old},
        f"/movie/{movies.here}-itt-van.ics": {here, streamed},
        f"/en/person/{person}.ics?remind=0d": {here, streamed},
        f"/my.ics?m={listed}&remind=3d": {here, streamed, ahead},
    }


def by_icalendar(texts: Texts, _folder: Path) -> Mapping[str, Found]:
    from icalendar import Calendar

    def read(path: str, text: str) -> Found:
        calendar: Any = Calendar.from_ical(text)
        assert not calendar.errors
        events = calendar.walk("VEVENT")
        assert len(calendar.walk("VALARM")) == (len(events) if "remind=" in path else 0)
        return {(str(each["summary"]), str(each["dtstart"].dt)) for each in events}

    return {path: read(path, text) for path, text in texts.items()}


def by_ics(texts: Texts, _folder: Path) -> Mapping[str, Found]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its parser
        import ics

        calendars = {path: ics.Calendar(text) for path, text in texts.items()}
    return {
        path: {(each.name, str(each.begin.date())) for each in calendar.events}
        for path, calendar in calendars.items()
    }


def by_vobject(texts: Texts, _folder: Path) -> Mapping[str, Found]:
    import vobject

    return {
        path: {
            (each.summary.value, str(each.dtstart.value))
            for each in vobject.readOne(text).vevent_list
        }
        for path, text in texts.items()
    }


def by_node(client: str) -> Read:
    def read(texts: Texts, folder: Path) -> Mapping[str, Found]:
        files = [folder / str(number) for number in range(len(texts))]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
        result = run(["node", READER, client, *files])
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)
        return {
            path: {(title, day) for title, day, _id in each}
            for path, each in zip(texts, found, strict=True)
        }

    return read


CALENDAR_CLIENTS: dict[str, Read] = {
    "icalendar": by_icalendar,
    "ics.py": by_ics,
    "vobject": by_vobject,
    "ical.js": by_node("ical.js"),
    "node-ical": by_node("node-ical"),
}


@pytest.mark.parametrize("client", CALENDAR_CLIENTS)
def test_every_calendar_is_read(
    cached: TestApp, calendars: dict[str, Found], client: str, tmp_path: Path
) -> None:
    texts = {path: cached.get(path).text for path in calendars}
    assert CALENDAR_CLIENTS[client](texts, tmp_path) == calendars


def test_khal_imports_every_calendar(
    cached: TestApp, calendars: dict[str, Found], tmp_path: Path
) -> None:
    """Into one directory, where each event has the id that it has in every calendar."""
    config, files = tmp_path / "khal.conf", []
    config.write_text(KHAL.format(folder=tmp_path))
    (tmp_path / "events").mkdir()
    for number, path in enumerate(calendars):
        files.append(tmp_path / f"{number}.ics")
        files[-1].write_text(cached.get(path).text, encoding="utf-8")
    khal: list[str | Path] = [Path(sys.executable).with_name("khal"), "-c", config]
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LANG": "C.UTF-8"}
    result = run([*khal, "import", "--batch", *files], env=environment)
    assert result.returncode == 0, result.stderr
    shown = ["--format", "{start-date} {title}", "--day-format", ""]
    days = [f"{week_here().shifted(-30).start}", "800d"]
    result = run([*khal, "list", *shown, *days], env=environment)
    assert result.returncode == 0, result.stderr
    lines = filter(None, result.stdout.splitlines())
    found = [(title, day) for day, _space, title in (line.partition(" ") for line in lines)]
    assert sorted(found) == sorted({each for events in calendars.values() for each in events})


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


@pytest.fixture
def url(cached: TestApp) -> Iterator[str]:
    """The URL of the site on a port."""
    port = free_port()
    with served(cached.app, port):
        yield f"http://{HOST}:{port}"


def test_vdirsyncer_copies_every_calendar(
    url: str, calendars: dict[str, Found], tmp_path: Path
) -> None:
    """It splits a calendar into a file for each event, and finds nothing to do afterwards."""
    config, folders = tmp_path / "config", {}
    pairs = []
    for number, path in enumerate(calendars):
        folder = folders[path] = tmp_path / f"events-{number}"
        folder.mkdir()
        pairs.append(VDIRSYNCER_PAIR.format(number=number, url=url + path, folder=folder))
    config.write_text(VDIRSYNCER.format(folder=tmp_path) + "".join(pairs))
    command: list[str | Path] = [Path(sys.executable).with_name("vdirsyncer"), "-c", config]
    for part in ("discover", "sync"):
        answers = "y\n" * len(calendars)
        result = run([*command, part], input=answers, env={"HOME": str(tmp_path)})
        assert result.returncode == 0, result.stderr
    for path, expected in calendars.items():
        files = list(folders[path].rglob("*.ics"))
        texts = {f"{path}&{file}": file.read_text("utf-8") for file in files}
        found = by_icalendar(texts, tmp_path)
        assert {each for one in found.values() for each in one} == expected, path
        assert len(files) == len(expected), path
    again = run([*command, "sync"], env={"HOME": str(tmp_path)})
    assert not re.search(r"(?i)copying|deleting", again.stdout + again.stderr)


VDIRSYNCER = """
[general]
status_path = "{folder}/status"
"""

VDIRSYNCER_PAIR = """
[pair premieres_{number}]
a = "site_{number}"
b = "local_{number}"
collections = null
conflict_resolution = "a wins"
[storage site_{number}]
type = "http"
url = "{url}"
[storage local_{number}]
type = "filesystem"
path = "{folder}"
fileext = ".ics"
"""


def by_feedparser(texts: Texts, _folder: Path) -> Mapping[str, Found]:
    import feedparser

    feeds = {path: feedparser.parse(text.encode()) for path, text in texts.items()}
    assert not any(feed.bozo for feed in feeds.values())
    return {
        path: {(each.title, each.updated[:10]) for each in feed.entries}
        for path, feed in feeds.items()
    }


FEED_CLIENTS: dict[str, Read] = {"feedparser": by_feedparser, "rss-parser": by_node("rss-parser")}


@pytest.mark.parametrize("client", FEED_CLIENTS)
def test_every_feed_is_read(
    cached: TestApp, others: None, movies: Movies, client: str, tmp_path: Path
) -> None:
    feeds = {
        "/premieres.atom": {TITLE, "Itt van", "Majd jön", "Elmaradó"},
        "/en/premieres.atom?service=netflix": {"Itt van"},
        f"/movie/{movies.here}-itt-van.atom": {"Itt van"},
        f"/en/movie/{movies.ahead}-majd-jon.atom": {"Majd jön"},
    }
    texts = {path: cached.get(path).text for path in feeds}
    found = FEED_CLIENTS[client](texts, tmp_path)
    titles = {
        path: {title.rpartition(":")[0] for title, _day in entries}
        for path, entries in found.items()
    }
    assert titles == feeds


def test_table_lists_exactly_these_clients(app: TestApp) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([\w.-]+) \|.*test_clients", page, re.MULTILINE)
    assert listed == [*CALENDAR_CLIENTS, "khal", "vdirsyncer", *FEED_CLIENTS]
