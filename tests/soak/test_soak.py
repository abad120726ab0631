"""The stale-read checker finds nothing on the site, and finds sabotage."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace

import pytest

from tests.services.postgres import PostgresServer
from tests.soak.app import WITHOUT
from tests.soak.health import LONGEST, QUICK, Health
from tests.soak.pages import Page, facts_of
from tests.soak.run import PAGES_READ, run
from tests.soak.states import MovieState, title_of
from tests.soak.verdict import HEALING, History, Outage, Published, Seen, Verdict, Write
from tests.soak.visitors import facts_in

SECONDS = 20.0
"""At least; the run goes on until every fault has happened and enough pages were read.

``make soak`` runs for longer, and judges times too."""

MUTANT_SECONDS = 120.0
"""At most; the run of a sabotaged cache ends with its first stale read, after some seconds."""


def test_no_stale_read_under_faults() -> None:
    with PostgresServer() as postgres:  # it is restarted
        report = run(postgres, SECONDS)
    report.show()
    assert report.stale == []
    assert report.unpublished == 0
    assert report.complaints == []
    assert report.unanswered > 0, "no request was sent to a dead process"
    assert report.statuses[200] >= PAGES_READ
    assert report.answers_outside > 100, "no answer was checked without an outage"
    assert report.writes > 100
    assert report.edits.keys() == {field.name for field in fields(MovieState)}
    assert report.checks > report.decided > report.checks / 4
    assert len(report.faults) == 12
    assert report.publish_windows, "no freeze of the stamps was long"
    assert report.caches["l1"] > 0
    assert report.caches["hit"] > 0
    assert report.caches["miss"] > 0
    assert report.log_checks["confirmed"] > 0
    assert 0 < report.followed < 1
    assert report.in_grace > 0, "no page was stale outside of an outage"


@pytest.mark.parametrize("how", ["publish", "second step", "grace", f"{WITHOUT}filtered-list"])
def test_checker_finds_a_sabotaged_cache(postgres_server: PostgresServer, how: str) -> None:
    report = run(postgres_server, MUTANT_SECONDS, how=how, faulty=False)
    assert report.stale


def test_checker_finds_errors_without_outage(postgres_server: PostgresServer) -> None:
    report = run(postgres_server, 2.0, how="errors", faulty=False)
    assert report.statuses[500] > 0, "few requests on a busy machine, but every third is an error"
    assert any("nothing was wrong" in each for each in report.complaints)
    assert any(" pages of " in each for each in report.complaints)


OUTAGE = Outage("memcached", 100.0, 102.0)


def health_of(errors: int, pages: int, at: float, took: float = 0.0) -> list[str]:
    health = Health()
    reads = [Seen(at, "/", 503, "", {}, took)] * errors + [Seen(at, "/", 200, "", {})] * pages
    health.judge(reads, [OUTAGE])
    return health.complaints()


@pytest.mark.parametrize(
    ("at", "took", "well"),
    [
        (99.0, 0.5, False),
        (99.0, 1.1, True),
        (101.0, 0.1, True),
        (102.0 + HEALING, 0.1, True),
        (102.1 + HEALING, 0.1, False),
    ],
)
def test_outage_excuses_overlapping_errors(at: float, took: float, well: bool) -> None:
    health = Health()
    health.judge([Seen(at, "/", 503, "", {}, took)], [OUTAGE])
    health.judge([Seen(101.0, "/", 200, "", {})] * 99, [OUTAGE])
    assert (health.complaints() == []) is well


def test_outage_excuses_few_errors_only() -> None:
    assert health_of(errors=1, pages=99, at=101.0) == []
    assert health_of(errors=3, pages=97, at=101.0) == [
        "3 errors of 100 answers in outages",
        "97 pages of 100 answers",
    ]


def test_site_without_pages_is_unhealthy() -> None:
    assert health_of(errors=0, pages=0, at=101.0) == ["0 pages of 0 answers"]
    health = Health()
    health.judge([Seen(1.0, "/", 404, "", {})] * 5, [])
    assert health.complaints() == ["0 pages of 5 answers"]


@pytest.mark.parametrize(
    ("at", "port", "well"),
    [(99.0, 1, False), (101.0, 1, True), (101.0, 2, False), (104.0, 1, False)],
)
def test_no_answer_is_excused_by_a_dead_web_process(at: float, port: int, well: bool) -> None:
    health = Health()
    health.judge([Seen(at, "/", 0, "", {}, 0.1, port)], [Outage("web", 100.0, 102.0, 1)])
    health.judge([Seen(101.0, "/", 200, "", {})], [])
    assert (health.complaints() == []) is well
    assert (sum(map(len, health.unanswered.values())), sum(health.answers.values())) == (1, 1)


def test_late_answer_is_a_delay() -> None:
    health = Health()
    health.judge([Seen(101.0, "/", 200, "", {}, LONGEST + 0.1)], [OUTAGE])
    health.judge([Seen(101.0, "/", 200, "", {}, 0.1)] * 99, [OUTAGE])
    (delay,) = health.delays()
    assert "200 for / at 101.000 after 5.10 s: memcached" in delay
    assert health.complaints() == []


def test_few_answers_may_take_longer_than_one_timeout() -> None:
    health = Health()
    health.judge([Seen(101.0, "/", 200, "", {}, QUICK + 0.1)] * 3, [OUTAGE])
    health.judge([Seen(101.0, "/", 200, "", {}, 0.1)] * 97, [OUTAGE])
    assert health.delays() == ["3 of 100 answers took longer than 1 s"]


FIRST = MovieState("2026-08-20")
WEEK = Page(lambda _movie, state: state.published and state.day < "2026-08-27")
FACTS = Page(WEEK.shows, has_facts=True)


VALID = Seen(20.1, "/", 200, "hit", {7: 2}, took=0.1)


def verdict_of(
    seen: Seen, page: Page = WEEK, writes: Sequence[Write] = (), earlier: Sequence[Seen] = ()
) -> Verdict:
    published = Published()
    published.add(2, 7, 2, at=20.0)
    published.add(1, 7, 1, at=10.0)
    published.add(1, 7, 1, at=10.0)
    history = History(FIRST)
    for each in writes:
        history.note(each)
    verdict = Verdict(grace=5.0, outage_grace=9.0, outage_life=12.0)
    pages = dict.fromkeys(("/", "/movie/7-soak"), page)
    verdict.judge(
        [seen, *earlier], published, {7: history}, pages, [Outage("memcached", 27.0, 28.5)]
    )
    return verdict


@pytest.mark.parametrize(
    ("at", "cache", "shown", "stale"),
    [
        (9.0, "hit", 0, 0),
        (10.0, "hit", 0, 1),
        (19.9, "l1", 1, 0),
        (20.1, "l1", 1, 1),
        (20.1, "l1", 2, 0),
        (20.1, "l1", 3, 0),
        (24.0, "stale", 1, 0),
        (26.0, "stale", 1, 1),
        (27.0, "stale", 1, 0),
        (28.9, "stale", 1, 0),
        (29.1, "stale", 1, 1),
        (29.6, "stale", 1, 1),
        (27.0, "hit", 1, 1),
    ],
)
def test_stale_reads(at: float, cache: str, shown: int, stale: int) -> None:
    verdict = verdict_of(Seen(at, "/", 200, cache, {7: shown}), earlier=[VALID])
    assert len(verdict.stale) == stale


@pytest.mark.parametrize(
    ("earlier", "is_stale"),
    [
        (VALID, True),
        (replace(VALID, cache="miss"), False),  # perhaps not stored
        (replace(VALID, cache="stale"), False),
        (replace(VALID, took=10.0), False),  # it had not ended
    ],
)
def test_page_may_be_older_in_an_outage_if_no_request_found_its_entry_to_be_outdated(
    earlier: Seen, is_stale: bool
) -> None:
    seen = Seen(29.3, "/", 200, "stale", {7: 1})
    assert bool(verdict_of(seen, earlier=[earlier]).stale) is is_stale
    before_its_life = replace(seen, shown={7: 0})
    assert verdict_of(before_its_life, earlier=[earlier]).stale


def test_missing_movie_is_stale() -> None:
    assert len(verdict_of(Seen(20.1, "/", 200, "hit", {})).stale) == 1


def test_error_page_is_not_stale() -> None:
    verdict = verdict_of(Seen(20.1, "/", 503, "", {}))
    assert (verdict.stale, verdict.statuses[503]) == ([], 1)


MOVED = Write(1, {"day": "2026-08-27"}, created=30.0, published=33.0)
BACK = Write(2, {"day": "2026-08-20"}, created=35.0, published=36.0)
LATE = Write(3, {"published": False}, created=40.0, published=50.0)
EARLY = Write(4, {"published": True}, created=41.0, published=42.0)
UNPUBLISHED = Write(5, {"published": False}, created=55.0, published=float("inf"))


def test_list_has_exactly_the_movies_of_a_published_state() -> None:
    for at, may_show, may_lack in (
        (29.0, True, False),
        (30.5, True, True),  # committed, but not published
        (33.1, False, True),
        (35.5, True, True),
        (36.1, True, False),
        (40.5, True, True),
        (43.0, True, True),  # a write before it is not published
        (50.1, True, False),
        (99.0, True, True),
    ):
        for shown, may in (({7: 9}, may_show), ({}, may_lack)):
            seen = Seen(at, "/", 200, "hit", shown, took=0.1)
            verdict = verdict_of(seen, writes=(MOVED, LATE, EARLY, BACK, UNPUBLISHED))
            assert (verdict.stale == []) is may, seen
            assert verdict.decided == (may_show is not may_lack)


def test_end_of_a_read_counts() -> None:
    """A page that is rendered slowly may show a write that was committed after the request."""
    assert verdict_of(Seen(29.0, "/", 200, "miss", {}, took=2.0), writes=[MOVED]).stale == []


def test_page_of_a_withdrawn_movie_is_not_found() -> None:
    for status, stale in ((200, 1), (404, 0)):
        seen = Seen(60.0, "/movie/7-soak", status, "hit", {7: 9} if status == 200 else {})
        gone = Write(1, {"published": False}, created=30.0, published=31.0)
        assert len(verdict_of(seen, writes=[gone]).stale) == stale


def test_facts_are_those_of_a_state() -> None:
    cancelled = Write(2, {"cancelled": True}, created=35.0, published=36.0)
    for facts, at, stale in (
        ("2026-08-20", 33.0, 0),
        ("2026-08-20 cancelled", 33.0, 1),
        ("2026-08-20", 35.5, 0),
        ("2026-08-20 cancelled", 35.5, 0),
        ("2026-08-20", 36.1, 1),
        ("2026-08-20 cancelled", 36.1, 0),
    ):
        seen = Seen(at, "/", 200, "hit", {7: 9}, facts={7: facts})
        assert len(verdict_of(seen, FACTS, [cancelled]).stale) == stale


def test_facts_are_read_from_calendars_and_json() -> None:
    calendar = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260820\r\nSTATUS:CANCELLED\r\n"
        "SUMMARY:Elmarad: Soak 7 version 1\r\n 2. delfin\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
        "DTSTART;VALUE=DATE:20260827\r\nSTATUS:CONFIRMED\r\nSUMMARY:Soak 8 version 3. delfin\r\n"
    )
    assert facts_in(calendar.encode()) == {7: "2026-08-20 cancelled", 8: "2026-08-27"}
    premiere = {"date": "2026-08-20", "cancelled": True}
    document = {"premieres": [{"movie": {"title": title_of(7, 12)}, "premiere": premiere}]}
    assert facts_in(json.dumps(document).encode()) == {7: facts_of(replace(FIRST, cancelled=True))}
    assert facts_in(b"<html>") == facts_in(b'{"items": []}') == {}
