"""``moziweb posters generate``: what it picks, what it tells, and how it stops and goes on."""

import os
import pty
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta

import click
import pytest
from sqlalchemy import func, select, update

from moziweb.cli.context import CommandContext
from moziweb.cli.posters import GenerationSummary, posters
from moziweb.db import Database
from moziweb.posters.generation.result import Status
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from tests.services.process import child

from .conftest import COMMAND, Run, Site, events


def states(database: Database) -> Counter[SourceState]:
    with database.read() as session:
        return Counter(session.scalars(select(PosterSource.state)))


def count_ready(database: Database) -> int:
    ready = select(func.count(PosterVariant.id)).where(PosterVariant.state == VariantState.READY)
    with database.read() as session:
        return session.scalar(ready) or 0


def test_everything_missing_is_made_and_then_nothing_is(
    site: Site, run: Run, run_process: Run
) -> None:
    for movie_id in (1, 2, 3):
        site.add_movie(movie_id, colour=f"#{movie_id}0a0a0")
    ended = run_process("posters", "generate")
    assert ended.returncode == 0, ended.stderr
    *made, summary = events(ended.stdout)
    assert {(event["movie"], event["status"], event["variants"]) for event in made} == {
        (1, "made", len(RECIPES)),
        (2, "made", len(RECIPES)),
        (3, "made", len(RECIPES)),
    }
    assert summary == {
        "event": "summary",
        "made": 3,
        "variants": 3 * len(RECIPES),
        "stopped": False,
    }
    assert count_ready(site.database) == 3 * len(RECIPES)
    assert events(run("posters", "generate").stdout) == [
        {"event": "summary", "variants": 0, "stopped": False}
    ]


def test_a_dry_run_tells_and_makes_nothing(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    ended = run("posters", "generate", "--dry-run")
    assert events(ended.stdout) == [
        {"event": "would make", "source": 1, "movie": 1},
        {"event": "summary", "dry_run": True, "sources": 1},
    ]
    assert states(site.database) == {SourceState.PENDING: 1}


def test_failures_show_in_the_exit_status_until_they_are_mended(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    site.add_broken_source(1)
    ended = run("posters", "generate")
    assert ended.returncode == 1
    assert events(ended.stdout)[-1] == {
        "event": "summary",
        "failed": 1,
        "made": 1,
        "variants": len(RECIPES),
        "stopped": False,
    }
    failed = next(event for event in events(ended.stdout) if event.get("status") == "failed")
    assert failed["code"] == "original_missing"
    again = run("posters", "generate")
    assert again.returncode == 1
    assert events(again.stdout)[-1]["held"] == 1


def test_one_movie_and_only_stale_ones(site: Site, run: Run) -> None:
    for movie_id in (1, 2):
        site.add_movie(movie_id, colour=f"#{movie_id}0a0a0")
    assert events(run("posters", "generate", "--stale").stdout)[-1]["variants"] == 0
    only = events(run("posters", "generate", "--movie", "2").stdout)
    assert [event["movie"] for event in only[:-1]] == [2]
    with site.database.write() as session:
        older = PosterVariant.name + PosterVariant.format
        session.execute(update(PosterVariant).values(recipe_hash=older))
    stale = events(run("posters", "generate", "--stale").stdout)
    assert [(event["movie"], event["variants"]) for event in stale[:-1]] == [(2, len(RECIPES))]
    assert events(run("posters", "generate", "--stale").stdout)[-1]["variants"] == 0


def test_what_another_process_is_making_shows_in_the_exit_status(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    site.add_movie(2, colour="#20a0a0")
    with site.database.write() as session:
        claimed = {
            "state": SourceState.GENERATING,
            "lease_token": "somebody",
            "lease_until": datetime.now(UTC) + timedelta(minutes=5),
        }
        session.execute(update(PosterSource).where(PosterSource.movie_id == 1).values(claimed))
    ended = run("posters", "generate")
    assert ended.returncode == 1
    summary = events(ended.stdout)[-1]
    assert (summary["made"], summary["busy"]) == (1, 1)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.UNKNOWN}))
def test_only_what_is_ready_counts_as_made(status: Status) -> None:
    assert GenerationSummary(Counter([status])).has_unmade is (
        status not in (Status.MADE, Status.COMPLETE)
    )


def test_a_source_that_was_deleted_meanwhile_is_not_missed() -> None:
    assert not GenerationSummary(Counter([Status.UNKNOWN])).has_unmade


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("generate", "--movie", "7"), "Invalid value for '--movie': there is no movie 7"),
        (("generate", "--dry-run", "--movie", "7"), "there is no movie 7"),
        (("retry", "--movie", "7"), "there is no movie 7"),
        (("retry", "--code", "timeot"), "sources have failed with: original_missing"),
    ],
)
def test_what_there_is_not_is_refused(site: Site, arguments: tuple[str, ...], told: str) -> None:
    """Nothing to do would look like success."""
    site.add_movie(1)
    site.add_broken_source(1)
    with site.database.write() as session:
        failed = {"state": SourceState.FAILED, "error_code": "original_missing"}
        session.execute(update(PosterSource).values(failed))
    with pytest.raises(click.UsageError) as caught:
        posters.main(arguments, standalone_mode=False, obj=CommandContext(str(site.ini)))
    assert told in caught.value.format_message()


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "9" * 30, "1.5"])
def test_a_movie_that_cannot_be_is_refused(number: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        posters.main(["generate", "--movie", number], standalone_mode=False)
    assert "'--movie'" in caught.value.format_message()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopped_midway_it_leaves_nothing_half_done_and_goes_on(
    site: Site, run: Run, signum: signal.Signals
) -> None:
    for movie_id in range(1, 31):
        site.add_movie(movie_id, colour=f"#{movie_id:02x}a0a0")
    command = [*COMMAND, "-c", str(site.ini), "posters", "generate", "--jobs", "2"]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(signum)
        told = events(first + process.stdout.read())
        assert process.wait() == 128 + signum
    assert told[-1]["stopped"] is True
    made = told[-1]["made"]
    assert 1 <= made < 30
    assert states(site.database) == {SourceState.READY: made, SourceState.PENDING: 30 - made}
    assert count_ready(site.database) == made * len(RECIPES)
    rest = run("posters", "generate")
    assert rest.returncode == 0
    assert events(rest.stdout)[-1]["made"] == 30 - made
    objects = list(site.storage.list("poster/"))
    assert len(objects) == count_ready(site.database) == 30 * len(RECIPES)


def test_a_killed_run_is_taken_over_when_its_leases_end(site: Site, run: Run) -> None:
    for movie_id in range(1, 9):
        site.add_movie(movie_id, colour=f"#{movie_id:02x}a0a0")
    command = [*COMMAND, "-c", str(site.ini), "posters", "generate", "--jobs", "2"]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.kill()
    meanwhile = run("posters", "generate")
    busy = events(meanwhile.stdout)[-1].get("busy", 0)
    assert busy == states(site.database)[SourceState.GENERATING]
    assert meanwhile.returncode == int(busy > 0)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with site.database.write() as session:
        session.execute(update(PosterSource).values(lease_until=long_ago))
    assert run("posters", "generate").returncode == 0
    assert states(site.database) == {SourceState.READY: 8}
    assert count_ready(site.database) == 8 * len(RECIPES)


def test_a_storage_that_is_away_is_one_line_and_marks_nothing(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    s3 = {
        "storage.backend = disk": "storage.backend = s3\nstorage.s3.bucket = b",
        "storage.disk.path = %(here)s/objects": (
            "storage.s3.endpoint_url = http://127.0.0.1:1\nstorage.s3.access_key_id = a\n"
            "storage.s3.secret_access_key = b\nstorage.s3.tries = 1"
        ),
    }
    text = site.ini.read_text()
    for old, new in s3.items():
        text = text.replace(old, new)
    site.ini.write_text(text)
    ended = run("posters", "generate")
    assert ended.returncode == 1
    assert ended.stderr.startswith("moziweb: storage: ")
    assert states(site.database) == {SourceState.PENDING: 1}


def test_on_a_terminal_there_is_a_bar_with_a_rate_and_a_summary(site: Site) -> None:
    site.add_movie(1, colour="#10a0a0")
    site.add_broken_source(1)
    shown, status = on_a_terminal([*COMMAND, "-c", str(site.ini), "posters", "generate"])
    assert status == 1
    assert "Posters" in shown
    assert "2/2" in shown
    assert "/s" in shown
    assert "movie 1, source 2: failed (original_missing)" in shown
    assert f"1 failed, 1 made; {len(RECIPES)} variants made." in shown
    assert "{" not in shown


def on_a_terminal(command: list[str]) -> tuple[str, int]:
    """The output of a command on a pseudo-terminal, and its exit status."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with child(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # Linux: the other end is closed
            pass
        os.close(ours)
        return shown.decode(), process.wait()
