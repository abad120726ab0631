"""``moziweb cache advise``: an access log or the recorded reads, replayed."""

import json
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zlib import crc32

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.cache.admin.advice import MIN_SAMPLED_KEYS
from moziweb.caching import OUTBOX
from moziweb.movies.calendar import BUDAPEST
from moziweb.ops.models import CacheAdvice, CacheReadMinute
from tests.site.cached import Movies, fill

from .conftest import Run, Site, invoke_in
from .test_cache import MEMORY, STAMPS, configure

LINE = '::1 - - [{:%d/%b/%Y:%H:%M:%S} +0000] "GET {} HTTP/1.1" 200 900 "-" "-"\n'


@pytest.fixture
def command(site: Site) -> Run:
    """Runs ``moziweb -c site.ini cache advise …`` in this process."""
    configure(site, f"{STAMPS}{MEMORY}cache.pages.expiration_time = 600\n")
    return partial(invoke_in, site.folder, "cache", "advise")


@pytest.fixture
def movies(site: Site) -> Movies:
    with Session(site.database.engine, expire_on_commit=False) as session:
        return fill(session)


def write_log(folder: Path, start: float, *requests: tuple[float, str]) -> str:
    """An access log of requests, with their seconds after ``start``."""
    lines = (LINE.format(datetime.fromtimestamp(start + at, UTC), url) for at, url in requests)
    path = folder / "access.log"
    path.write_text("".join(lines) + "not a line of a log\n")
    return str(path)


def test_log_is_replayed_with_the_writes_of_the_outbox(
    site: Site, command: Run, movies: Movies
) -> None:
    page, other = f"/movie/{movies.here}-itt-van", f"/movie/{movies.ahead}-majd-jon"
    is_evening = datetime.now(BUDAPEST).hour >= 20  # each day, the page has another key
    start = time.time() - (5_000 if is_evening else 0)
    requests = [(300.0 * number, page) for number in range(10)]  # expires at every second one
    requests += [(300.0 * number + 1, other) for number in range(10)]
    with site.database.engine.begin() as connection:
        OUTBOX.add(connection, [f"movie:{movies.here}"], now=start + 1_600)
    log = write_log(site.folder, start, *requests, (3.0, "/about-nothing"), (4.0, "/static/a.css"))
    ended = command(log, "--json")
    assert ended.returncode == 0, ended.stderr
    (pages,) = json.loads(ended.stdout)["regions"]
    assert (pages["region"], pages["present"]["reads"]) == ("pages", 20)
    life = pages["settings"]["expiration_time"]
    assert life["present"] == 600
    renders = {option["value"]: option["renders"] for option in life["options"]}
    # With a long life, each page is rendered once, and one of them again after its write.
    assert renders[2400] == 2 + 1 + 1  # both expire once in 2,700 seconds; one begins again
    assert renders[150] == 20
    assert life["advised"] == 2400
    with site.database.read() as session:
        (kept,) = session.scalars(select(CacheAdvice))
        assert kept.advice == pages


def test_recorded_reads_are_replayed(site: Site, command: Run) -> None:
    minute = int(time.time() // 60)
    with site.database.write() as session:
        for back in range(60, 0, -1):
            reads = [[crc32(b"a"), 0, 5_000, int(back == 30)], [crc32(b"b"), 1, 5_000, 0]]
            session.add(
                CacheReadMinute(
                    minute=minute - back, process="p", zero_bits=0,
                    counts={"pages": [2, 1, 0.1], "gone": [1, 1, 0.1]},
                    reads={"pages": reads},
                )
            )  # fmt: skip
    ended = command()
    assert ended.returncode == 0, ended.stderr
    first, *lines = ended.stdout.splitlines()
    assert first.startswith("pages   120 reads in 59 min: ")
    assert any(line.startswith("  expiration_time: set 2400") for line in lines)
    assert any("(now)" in line and "600" in line for line in lines)
    assert command("--days", "0.01").returncode == 0
    assert len([line for line in command("--days", "0.01").stdout.splitlines() if line]) > 5


def test_too_small_sample_is_refused_with_the_reason(site: Site, command: Run) -> None:
    minute = int(time.time() // 60)

    def record(region: str, keys: int) -> None:
        nonlocal minute
        minute -= 1
        reads = [[64 * number, 0, 5_000, 0] for number in range(keys)]
        with site.database.write() as session:
            session.add(
                CacheReadMinute(
                    minute=minute, process="p", zero_bits=6,
                    counts={region: [64 * keys, keys, 0.1]}, reads={region: reads},
                )
            )  # fmt: skip

    record("pages", MIN_SAMPLED_KEYS - 1)
    text = "pages: no advice: the sample of 1 in 64 keys has 99 keys, and 100 are needed"
    ended = command()
    assert ended.returncode == 1
    assert text in ended.stderr
    record("fragments", MIN_SAMPLED_KEYS)
    ended = command()
    assert ended.returncode == 0, ended.stderr
    assert text in ended.stdout
    found = json.loads(command("--json").stdout)
    assert [each["region"] for each in found["regions"]] == ["fragments"]
    assert found["refused"].keys() == {"pages"}
    record("pages", MIN_SAMPLED_KEYS)
    assert "pages   12,736 reads" in command().stdout


def test_reads_of_the_busiest_minutes_are_counted(site: Site, command: Run) -> None:
    """A busy minute of 20,000 reads is left out beside 39 of 100."""
    latest = int(time.time() // 60)
    reads = [[number, 0, 5_000, 0] for number in range(MIN_SAMPLED_KEYS)]
    with site.database.write() as session:
        for ago in range(40):
            count, zero_bits = (20_000, 6) if ago == 5 else (100, 0)
            session.add(
                CacheReadMinute(
                    minute=latest - ago, process="p", zero_bits=zero_bits,
                    counts={"pages": [count, 20, 0.4]}, reads={"pages": reads},
                )
            )  # fmt: skip
    shown = command()
    assert shown.returncode == 0, shown.stderr
    assert "  left out: the 20,000 reads (84 %) of the busiest minutes" in shown.stdout
    assert json.loads(command("--json").stdout)["left_out"] == {"pages": 20_000}


def test_nothing_to_replay_is_an_error(site: Site, command: Run) -> None:
    ended = command()
    assert ended.returncode == 1
    assert "no reads of cached pages" in ended.stderr
    empty = write_log(site.folder, time.time(), (0.0, "/nothing-here"))
    assert command(empty).returncode == 1
