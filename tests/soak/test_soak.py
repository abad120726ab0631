"""The stale-read checker finds nothing here, and finds what is broken on purpose."""

import pytest

from tests.services.postgres import PostgresServer
from tests.soak.run import run
from tests.soak.verdict import Published, Seen, Verdict

SECONDS = 60.0
"""Long enough for each fault to come a few times, and for the relay to do its part."""


@pytest.mark.xdist_group("soak")
def test_nobody_is_served_what_the_promise_forbids(postgres_server: PostgresServer) -> None:
    report = run(postgres_server, SECONDS)
    report.show()
    assert report.stale == []
    assert report.unpublished == 0
    assert report.reads > 500
    assert report.writes > 100
    assert len(report.faults) == 9
    assert report.caches["l1"] > 0
    assert report.caches["hit"] > 0
    assert report.caches["miss"] > 0


@pytest.mark.xdist_group("soak")
@pytest.mark.parametrize("how", ["publish", "second step"])
def test_it_finds_a_cache_that_is_broken(postgres_server: PostgresServer, how: str) -> None:
    report = run(postgres_server, 8.0, how=how, faulty=False)
    assert report.stale


def verdict_of(seen: Seen) -> Verdict:
    published = Published()
    published.add(2, 7, 2, at=20.0)
    published.add(1, 7, 1, at=10.0)
    published.add(1, 7, 1, at=10.0)
    verdict = Verdict(grace=5.0)
    verdict.judge([seen], published, {"/": (7,)})
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
    ],
)
def test_what_is_stale(at: float, cache: str, shown: int, stale: int) -> None:
    verdict = verdict_of(Seen(at, "/", 200, cache, {7: shown}))
    assert len(verdict.stale) == stale


def test_a_film_that_is_missing_is_as_bad_as_an_old_one() -> None:
    assert len(verdict_of(Seen(20.1, "/", 200, "hit", {})).stale) == 1


def test_an_error_shows_nothing_old() -> None:
    verdict = verdict_of(Seen(20.1, "/", 503, "", {}))
    assert (verdict.stale, verdict.statuses[503]) == ([], 1)
