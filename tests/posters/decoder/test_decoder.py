"""Variants made in child processes: equal to ours, and whatever becomes of the child, we live."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from moziweb.posters.decoder import IDLE, MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import Limits, estimate_memory, probe
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import RECIPES, Box, Master, Recipe, WebP
from tests.posters.decoder.children import is_running, limit, only_child, status, wait_until
from tests.posters.pictures import encoded, photograph, png_announcing, quarters
from tests.services.process import run

BUDGET = 200 * MEBIBYTE
PICTURE = encoded(photograph(300, 450))


@pytest.fixture(scope="module")
def shared() -> Iterator[DecoderPool]:
    """A workshop with one child, for tests that leave it as it was."""
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    yield workshop
    workshop.close()


@pytest.fixture
def workshop() -> Iterator[DecoderPool]:
    """A workshop of one's own, with one child."""
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    yield workshop
    workshop.close()


def rejection_of(
    workshop: DecoderPool, data: bytes = PICTURE, limits: Limits | None = None
) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejection:
        workshop.make(data, RECIPES, limits or Limits())
    return rejection.value


def works(workshop: DecoderPool) -> bool:
    return len(workshop.make(PICTURE, RECIPES).variants) == len(RECIPES)


# -- What it makes


def test_the_variants_are_those_that_we_would_make(shared: DecoderPool) -> None:
    assert shared.make(PICTURE, RECIPES) == make_variants(PICTURE, RECIPES)


def test_a_child_serves_many_jobs(shared: DecoderPool) -> None:
    assert works(shared)
    pid = only_child(shared)
    assert works(shared)
    assert only_child(shared) == pid


def test_a_rejection_comes_back_as_it_was(shared: DecoderPool) -> None:
    cut = PICTURE[: len(PICTURE) // 2]
    with pytest.raises(ImageRejected) as ours:
        make_variants(cut, RECIPES)
    theirs = rejection_of(shared, cut)
    assert (theirs.code, theirs.detail) == (ours.value.code, ours.value.detail)
    assert works(shared)


def test_what_the_header_tells_needs_no_child() -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits())
    assert rejection_of(workshop, png_announcing(13000, 13000)).code == RejectCode.TOO_LARGE_SIDE
    assert rejection_of(workshop, b"<html>").code == RejectCode.UNIDENTIFIED
    assert rejection_of(workshop, PICTURE, Limits(bytes=10)).code == RejectCode.TOO_MANY_BYTES
    assert workshop.pids == set()


def test_the_limits_hold_in_the_child_too(shared: DecoderPool) -> None:
    """A size that the header's reader does not find is found by the decoder."""
    hidden = encoded(photograph(60, 90), "AVIF").replace(b"ispe\0\0\0\0", b"ispe\0\0\0\1")
    rejection_of(shared, hidden, Limits(pixels_by_format={"avif": 5399}))
    assert works(shared)


def test_our_own_mistakes_are_told_as_such(shared: DecoderPool) -> None:
    masters = (Master(Box(80, 120)), Master(Box(9, 9)))
    with pytest.raises(ValueError, match="no master"):
        shared.make(PICTURE, [Recipe("a", Box(9, 9), master, WebP()) for master in masters])
    assert works(shared)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_picture_can_be_looked_at_alone(shared: DecoderPool, format_: str) -> None:
    data = encoded(photograph(60, 90), format_)
    assert shared.probe(data) == probe(data)
    with pytest.raises(ImageRejected):
        shared.probe(data[:30])
    with pytest.raises(ValueError, match="no recipes"):
        shared.make(data, [])


def test_many_threads_share_a_few_children() -> None:
    workshop = DecoderPool(2, BUDGET, ResourceLimits(wall_seconds=60))
    pictures = [encoded(photograph(90, 120, seed)) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda data: workshop.make(data, RECIPES), pictures))
    assert made == [make_variants(data, RECIPES) for data in pictures]
    assert 1 <= len(workshop.pids) <= 2
    workshop.close()


def test_pictures_that_weigh_too_much_together_are_decoded_one_after_the_other() -> None:
    """Two children are free, and there is room for one such picture: a child frozen at the first
    shows the second wait. A third that is refused by its header waits for nobody."""
    weight = estimate_memory(PICTURE)
    workshop = DecoderPool(2, 2 * weight - 1, ResourceLimits(wall_seconds=60))
    assert works(workshop)
    first = only_child(workshop)
    with ThreadPoolExecutor(2) as pool:
        os.kill(first, signal.SIGSTOP)
        pool.submit(works, workshop)
        wait_until(lambda: workshop._budget.free < weight)
        waiting = pool.submit(works, workshop)
        wait_until(lambda: workshop._budget.queued == 1)
        assert rejection_of(workshop, b"<html>").code == RejectCode.UNIDENTIFIED
        assert only_child(workshop) == first, "no other is started for what waits"
        os.kill(first, signal.SIGCONT)
        assert waiting.result(60)
    workshop.close()


def test_a_child_is_replaced_after_its_term() -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60), jobs_per_child=2)
    assert works(workshop)
    first = only_child(workshop)
    assert works(workshop)
    assert only_child(workshop) != first, "its successor warms up already"
    assert not is_running(first)
    assert works(workshop)
    workshop.close()


# -- What may happen to a child


def test_a_child_that_died_in_the_night_is_replaced(workshop: DecoderPool) -> None:
    assert works(workshop)
    first = only_child(workshop)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_running(first))
    assert works(workshop)
    assert only_child(workshop) != first


def test_a_child_that_dies_at_its_picture_is_replaced(workshop: DecoderPool) -> None:
    def kill() -> None:
        wait_until(lambda: bool(workshop.pids))
        os.kill(only_child(workshop), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    rejection = rejection_of(workshop)
    killer.join()
    assert rejection.code == RejectCode.DECODER_DIED
    assert not rejection.permanent
    assert works(workshop)


def test_a_death_that_need_not_be_the_pictures_fault_is_not_held_against_it(
    workshop: DecoderPool,
) -> None:
    assert works(workshop)
    first = only_child(workshop)
    os.kill(first, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert works(workshop)
    killer.join()


def test_a_child_that_is_late_is_killed() -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=5))
    assert works(workshop)
    first = only_child(workshop)
    os.kill(first, signal.SIGSTOP)
    rejection = rejection_of(workshop)
    assert rejection.code == RejectCode.DECODE_TIMEOUT
    assert not rejection.permanent
    assert not is_running(first)
    assert works(workshop)
    workshop.close()


def test_a_picture_that_takes_too_much_processor_time_is_given_up_for_good() -> None:
    box = Box(780, 1170)
    endless = [Recipe(str(q), box, Master(box), WebP(q, 6)) for q in range(1, 100)]
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60, cpu_seconds=1))
    with pytest.raises(ImageRejected) as rejection:
        workshop.make(encoded(photograph(780, 1170)), endless)
    assert rejection.value.code == RejectCode.TOO_MUCH_WORK
    assert rejection.value.permanent
    assert works(workshop)
    workshop.close()


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        pytest.param(
            encoded(Image.new("RGBA", (3000, 4000), (1, 2, 3, 4)), "PNG", compress_level=1),
            {RejectCode.OUT_OF_MEMORY},
            id="transparent PNG",
        ),
        pytest.param(
            encoded(Image.new("P", (4000, 6000)), "GIF"), {RejectCode.OUT_OF_MEMORY}, id="GIF"
        ),
        pytest.param(
            # libjpeg speaks of a broken data stream here.
            encoded(Image.new("RGB", (3000, 4000)), progressive=True, subsampling=0),
            {RejectCode.DECODER_FAILED, RejectCode.OUT_OF_MEMORY},
            id="progressive JPEG",
        ),
        pytest.param(
            encoded(Image.new("RGB", (2500, 4000)), "WEBP", method=0),
            {RejectCode.DECODER_FAILED, RejectCode.OUT_OF_MEMORY},
            id="WebP",
        ),
    ],
)
def test_a_lack_of_memory_is_a_matter_of_one_picture_and_of_one_day(
    data: bytes, codes: set[RejectCode]
) -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits(memory_bytes=48 * MEBIBYTE, wall_seconds=60))
    rejection = rejection_of(workshop, data)
    assert rejection.code in codes
    assert not rejection.permanent
    pid = only_child(workshop)
    assert works(workshop)
    assert only_child(workshop) == pid, "it was only told that there is no more"
    workshop.close()


# -- What a child may do


def test_a_childs_hands_are_tied(shared: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert works(shared)
    pid = only_child(shared)
    soft, hard = limit(pid, "Max address space")
    assert soft == hard
    assert int(hard) < 400 * MEBIBYTE
    assert limit(pid, "Max core file size") == limit(pid, "Max file size") == ("0", "0")
    assert 8 < int(limit(pid, "Max cpu time")[0]) <= 60, "on top of what it has used"
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n", "it goes before the site"
    niceness = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    assert niceness == min(19, os.nice(0) + 10)


def test_a_child_may_have_only_what_nobody_else_wants() -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60, niceness=IDLE))
    assert works(workshop)
    assert os.sched_getscheduler(only_child(workshop)) == os.SCHED_IDLE
    workshop.close()


def test_a_child_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://operator:secret@host/name")
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    with (Path(__file__)).open("rb") as ours:
        os.set_inheritable(ours.fileno(), True)
        assert works(workshop)
    pid = only_child(workshop)
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    opened = {path.name: str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    assert opened["0"].startswith("pipe:")
    assert opened["1"] == opened["2"], "what a library prints goes to the log"
    assert len(opened) == 5, opened  # with what tells of the parent's end
    assert limit(pid, "Max open files") == ("0", "0")
    workshop.close()


BURGLARY = """
import errno, os, select, sys

def fails(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno == errno.EMFILE
    return False

os.close(2)  # a place that is free must not help
failed = [
    fails(lambda: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY)),
    fails(lambda: os.open("/tmp", os.O_RDONLY)),
    fails(os.pipe),
    fails(lambda: os.memfd_create("code")),
    fails(select.epoll),
]
if "socket" in sys.modules:  # where it can be had at all
    socket = sys.modules["socket"].socket
    failed += [fails(lambda: socket(family)) for family in (1, 2, 10)]
if not all(failed):
    os._exit(40 + failed.index(False))
"""


class Burglar(Recipe):
    """A recipe that runs `BURGLARY` in the child, as whoever took over a decoder would."""

    def __reduce__(self) -> tuple[Any, ...]:
        arrives = "__import__('moziweb.posters.recipes', fromlist=['_']).RECIPES[0]"
        return eval, (f"exec({BURGLARY!r}, {{}}) or {arrives}",)


def test_a_child_that_was_taken_over_can_open_neither_file_nor_socket(
    workshop: DecoderPool,
) -> None:
    """Without limits it ends with a status that tells what it could open."""
    recipe = RECIPES[0]
    burglar = Burglar(recipe.name, recipe.box, recipe.master, recipe.encoder)
    assert len(workshop.make(PICTURE, [burglar]).variants) == 1
    assert works(workshop), "nor does it need to"


def test_the_limits_of_a_child_leave_no_socket_either() -> None:
    """A child has not even imported what makes one; here it has."""
    program = (
        "import socket; from moziweb.posters.decoder import child\n"
        "socket.socket().close(); child._set_rlimits(10**9)"
    )
    assert run([sys.executable, "-c", program + BURGLARY]).returncode == 0


def test_a_child_that_was_stopped_for_a_while_goes_on(workshop: DecoderPool) -> None:
    assert works(workshop)
    pid = only_child(workshop)
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    assert works(workshop)
    assert only_child(workshop) == pid


def test_a_child_is_small(shared: DecoderPool) -> None:
    """It imports Pillow alone: with the site's own modules it would idle at 90 MiB."""
    assert works(shared)
    assert status(only_child(shared), "VmRSS") < 45 * 1024
    program = "import sys, moziweb.posters.decoder.child; print(*sys.modules)"
    loaded = run([sys.executable, "-c", program])
    assert not {"sqlalchemy", "pyramid", "boto3", "urllib3"} & set(loaded.stdout.split())


# -- How children end


def test_closing_ends_the_children_and_a_later_job_starts_new_ones(workshop: DecoderPool) -> None:
    assert works(workshop)
    first = only_child(workshop)
    workshop.close()
    assert not is_running(first)
    assert workshop.pids == set()
    assert works(workshop)


def test_a_forgotten_workshop_ends_its_children() -> None:
    workshop = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    assert works(workshop)
    pid = only_child(workshop)
    del workshop
    gc.collect()
    assert not is_running(pid)


PARENT = """
import os, signal, sys
from moziweb.posters.recipes import RECIPES
from moziweb.posters.decoder import DecoderPool, ResourceLimits
from tests.posters.pictures import encoded, quarters

workshop = DecoderPool(1, 10**8, ResourceLimits(wall_seconds=60))
data = encoded(quarters())
workshop.make(data, RECIPES)
"""


def parent(rest: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has a workshop with one child, and does ``rest``."""
    return run([sys.executable, "-c", PARENT + rest], limit=60)


def test_a_child_ends_with_its_parent_however_that_ended() -> None:
    killed = parent("print(*workshop.pids, flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(int(killed.stdout)))


def test_a_child_ends_with_its_parent_in_the_middle_of_a_picture() -> None:
    killed = parent(
        "import threading, time\n"
        "from moziweb.posters.recipes import Box, Master, Recipe, WebP\n"
        "endless = [Recipe(str(q), Box(80, 120), Master(Box(80, 120)), WebP(50, 6))"
        " for q in range(100_000)]\n"
        "threading.Thread(target=workshop.make, args=(data, endless), daemon=True).start()\n"
        "time.sleep(0.5)\n"
        "print(*workshop.pids, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(int(killed.stdout)))


def test_a_child_ends_with_an_orderly_end() -> None:
    ended = parent("print(*workshop.pids)")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not is_running(int(ended.stdout))


def test_a_child_leaves_signals_to_its_parent(workshop: DecoderPool) -> None:
    """Ctrl-C and a platform's SIGTERM reach the whole group; what has begun is to be finished."""
    assert works(workshop)
    pid = only_child(workshop)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    assert works(workshop)
    assert only_child(workshop) == pid


def test_a_fork_has_children_of_its_own() -> None:
    forked = parent(
        "pid = os.fork()\n"
        "made = workshop.make(data, RECIPES)\n"
        "print(*workshop.pids, len(made.variants), flush=True)\n"
        "if pid: os.waitpid(pid, 0); workshop.make(data, RECIPES)\n"
    )
    assert (forked.returncode, forked.stderr) == (0, "")
    (one, made), (other, also_made) = (line.split() for line in forked.stdout.splitlines())
    assert made == also_made == str(len(RECIPES))
    assert one != other
    wait_until(lambda: not is_running(int(one)) and not is_running(int(other)))


def test_quarters_are_told_apart_after_the_way_through_the_pipes(shared: DecoderPool) -> None:
    assert shared.make(encoded(quarters()), RECIPES).source.width == 80


@pytest.mark.parametrize(("children", "at_once"), [(3, 2), (2, 1), (1, 1)])
def test_one_child_can_be_spared_where_there_are_more(children: int, at_once: int) -> None:
    workshop = DecoderPool(children, BUDGET, ResourceLimits())
    workshop.reserve_core()
    with ExitStack() as held:
        for _ in range(at_once):
            assert not workshop.is_full
            held.enter_context(workshop._place(pytest.fail))
        assert workshop.is_full
    assert not workshop.is_full
