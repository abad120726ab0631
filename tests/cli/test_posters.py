"""``moziweb posters generate``: selection, output, stop and continuation."""

import os
import pty
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta

import click
import pytest
from sqlalchemy import func, select, update

from moziweb.cli.posters import GenerationSummary, posters
from moziweb.db import Database
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from tests.services.process import child

from .conftest import COMMAND, Run, Site, events

MOVIES = 12
"""Enough for a signal to arrive before the last one is made, by two jobs."""


def states(database: Database) -> Counter[SourceState]:
    with database.read() as session:
        return Counter(session.scalars(select(PosterSource.state)))


def count_ready(database: Database) -> int:
    ready = select(func.count(PosterVariant.id)).where(PosterVariant.state == VariantState.READY)
    with database.read() as session:
        return session.scalar(ready) or 0


def test_missing_variants_are_made_once(site: Site, run: Run) -> None:
    for movie_id in (1, 2, 3):
        site.add_movie(movie_id, colour=f"#{movie_id}0a0a0")
    ended = run("posters", "generate")
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


def test_dry_run_lists_sources_and_makes_nothing(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    ended = run("posters", "generate", "--dry-run")
    assert events(ended.stdout) == [
        {"event": "would make", "source": 1, "movie": 1},
        {"event": "summary", "dry_run": True, "sources": 1},
    ]
    assert events(ended.stderr) == [{"event": "progress", "done": 0}]
    assert states(site.database) == {SourceState.PENDING: 1}


def test_exit_status_is_1_while_a_source_fails(site: Site, run: Run) -> None:
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


def test_selection_by_movie_and_by_stale_variants(site: Site, run: Run) -> None:
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


def test_exit_status_is_1_while_another_process_has_a_lease(site: Site, run: Run) -> None:
    site.add_movie(1, colour="#10a0a0")
    site.add_movie(2, colour="#20a0a0")
    with site.database.write() as session:
        leased = {
            "state": SourceState.GENERATING,
            "lease_token": "other",
            "lease_until": datetime.now(UTC) + timedelta(minutes=5),
        }
        session.execute(update(PosterSource).where(PosterSource.movie_id == 1).values(leased))
    ended = run("posters", "generate")
    assert ended.returncode == 1
    summary = events(ended.stdout)[-1]
    assert (summary["made"], summary["busy"]) == (1, 1)


@pytest.mark.parametrize("status", sorted(set(GenerationStatus) - {GenerationStatus.UNKNOWN}))
def test_only_ready_sources_count_as_made(status: GenerationStatus) -> None:
    assert GenerationSummary(Counter([status])).has_unmade is (
        status not in (GenerationStatus.MADE, GenerationStatus.COMPLETE)
    )


def test_source_deleted_during_the_run_does_not_count_as_unmade() -> None:
    assert not GenerationSummary(Counter([GenerationStatus.UNKNOWN])).has_unmade


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate", "--movie", "7"), "Invalid value for '--movie': there is no movie 7"),
        (("generate", "--dry-run", "--movie", "7"), "there is no movie 7"),
        (("retry", "--movie", "7"), "there is no movie 7"),
        (("retry", "--code", "timeot"), "sources have failed with: original_missing"),
    ],
)
def test_unknown_movie_or_code_is_refused(
    site: Site, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """An empty selection would look like success."""
    site.add_movie(1)
    site.add_broken_source(1)
    with site.database.write() as session:
        failed = {"state": SourceState.FAILED, "error_code": "original_missing"}
        session.execute(update(PosterSource).values(failed))
    ended = run("posters", *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "9" * 30, "1.5"])
def test_invalid_movie_id_is_refused(number: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        posters.main(["generate", "--movie", number], standalone_mode=False)
    assert "'--movie'" in caught.value.format_message()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_leaves_whole_sources_and_the_next_run_continues(
    site: Site, run: Run, signum: signal.Signals
) -> None:
    for movie_id in range(1, MOVIES + 1):
        site.add_movie(movie_id, colour=f"#{movie_id:02x}a0a0")
    command = [*COMMAND, "-c", str(site.ini), "posters", "generate", "--jobs", "2"]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(signum)
        output = events(first + process.stdout.read())
        assert process.wait() == 128 + signum
    assert output[-1]["stopped"] is True
    made = output[-1]["made"]
    assert 1 <= made < MOVIES
    assert states(site.database) == {SourceState.READY: made, SourceState.PENDING: MOVIES - made}
    assert count_ready(site.database) == made * len(RECIPES)
    rest = run("posters", "generate")
    assert rest.returncode == 0
    assert events(rest.stdout)[-1]["made"] == MOVIES - made
    objects = list(site.storage.list("poster/"))
    assert len(objects) == count_ready(site.database) == MOVIES * len(RECIPES)


def test_sources_of_a_killed_run_are_made_after_their_leases_expire(site: Site, run: Run) -> None:
    for movie_id in range(1, 9):
        site.add_movie(movie_id, colour=f"#{movie_id:02x}a0a0")
    command = [*COMMAND, "-c", str(site.ini), "posters", "generate", "--jobs", "2"]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.kill()
    second = run("posters", "generate")
    busy = events(second.stdout)[-1].get("busy", 0)
    assert busy == states(site.database)[SourceState.GENERATING]
    assert second.returncode == int(busy > 0)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with site.database.write() as session:
        session.execute(update(PosterSource).values(lease_until=long_ago))
    assert run("posters", "generate").returncode == 0
    assert states(site.database) == {SourceState.READY: 8}
    assert count_ready(site.database) == 8 * len(RECIPES)


def test_unavailable_storage_is_one_line_and_fails_no_source(site: Site, run: Run) -> None:
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


def test_terminal_shows_a_bar_with_a_rate_and_a_summary(site: Site) -> None:
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
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with child(command, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(controller, 65536):
                shown += chunk
        except OSError:  # Linux: the other end is closed
            pass
        os.close(controller)
        return shown.decode(), process.wait()
