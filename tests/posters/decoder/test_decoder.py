"""Decoding in child processes: same variants, and no child can harm the parent."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from moziweb.child_process import IDLE
from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.posters.decoder.machine_lock import machine_lock
from moziweb.posters.decoder.process import DecoderProcess
from moziweb.posters.decoder.wire_format import Job
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import estimate_memory, probe
from moziweb.posters.imaging.share_picture import draw_share_picture
from moziweb.posters.imaging.values import Limits, ShareText
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import RECIPES, Box, Master, Recipe, WebP
from tests.posters.decoder.children import (
    is_full,
    is_running,
    limit,
    only_child,
    pids,
    status,
)
from tests.posters.pictures import encoded, photograph, png_announcing, quarters
from tests.services.process import run
from tests.threads import wait_until

BUDGET = 200 * MEBIBYTE
TEXT = ShareText(("Őrült űrhajósok",), "2026. augusztus 20.", "Mozi", "#205080")
PICTURE = encoded(photograph(300, 450))


@pytest.fixture(scope="module")
def shared() -> Iterator[DecoderPool]:
    """A pool with one child for tests that do not change it."""
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    yield pool
    pool.close()


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    """A pool with one child for one test."""
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    yield pool
    pool.close()


def rejection_of(
    pool: DecoderPool, data: bytes = PICTURE, limits: Limits | None = None
) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejection:
        pool.make(data, RECIPES, limits or Limits())
    return rejection.value


def works(pool: DecoderPool, data: bytes = PICTURE) -> bool:
    return len(pool.make(data, RECIPES).variants) == len(RECIPES)


# -- Results


def test_variants_equal_those_made_in_this_process(shared: DecoderPool) -> None:
    assert shared.make(PICTURE, RECIPES) == make_variants(PICTURE, RECIPES)


def test_pictures_of_links_are_drawn_as_in_this_process(shared: DecoderPool) -> None:
    """The font and the letters are read before the child may no longer open files."""
    posters = [encoded(Image.new("RGB", (78, 117), colour)) for colour in ("red", "blue")]
    for number in range(3):
        assert shared.draw(TEXT, posters[:number]) == draw_share_picture(posters[:number], TEXT)
    pid = only_child(shared)
    with pytest.raises(ImageRejected):
        shared.draw(TEXT, [b"no picture"])
    assert works(shared)
    assert only_child(shared) == pid


def test_child_serves_many_jobs(shared: DecoderPool) -> None:
    assert works(shared)
    pid = only_child(shared)
    assert works(shared)
    assert only_child(shared) == pid


def test_rejection_has_the_same_code_and_detail(shared: DecoderPool) -> None:
    cut = PICTURE[: len(PICTURE) // 2]
    with pytest.raises(ImageRejected) as ours:
        make_variants(cut, RECIPES)
    theirs = rejection_of(shared, cut)
    assert (theirs.code, theirs.detail) == (ours.value.code, ours.value.detail)
    assert works(shared)


def test_rejection_by_the_header_needs_no_child() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits())
    assert rejection_of(pool, png_announcing(13000, 13000)).code == RejectCode.TOO_LARGE_SIDE
    assert rejection_of(pool, b"<html>").code == RejectCode.UNIDENTIFIED
    assert rejection_of(pool, PICTURE, Limits(bytes=10)).code == RejectCode.TOO_MANY_BYTES
    assert pids(pool) == set()


def test_limits_are_checked_in_the_child(shared: DecoderPool) -> None:
    """The decoder finds a size that the header parser does not find."""
    hidden = encoded(photograph(60, 90), "AVIF").replace(b"ispe\0\0\0\0", b"ispe\0\0\0\1")
    rejection_of(shared, hidden, Limits(pixels_by_format={"avif": 5399}))
    assert works(shared)


def test_recipes_without_a_common_master_are_an_error(shared: DecoderPool) -> None:
    masters = (Master(Box(80, 120)), Master(Box(9, 9)))
    with pytest.raises(ValueError, match="no master"):
        shared.make(PICTURE, [Recipe("a", Box(9, 9), master, WebP()) for master in masters])
    assert works(shared)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_probe_in_a_child(shared: DecoderPool, format_: str) -> None:
    data = encoded(photograph(60, 90), format_)
    assert shared.probe(data) == probe(data)
    with pytest.raises(ImageRejected):
        shared.probe(data[:30])
    with pytest.raises(ValueError, match="no recipes"):
        shared.make(data, [])


def test_threads_share_the_children() -> None:
    pool = DecoderPool(2, BUDGET, ResourceLimits(wall_seconds=60))
    pictures = [encoded(photograph(90, 120, seed)) for seed in range(8)]
    with ThreadPoolExecutor(8) as executor:
        made = list(executor.map(lambda data: pool.make(data, RECIPES), pictures))
    assert made == [make_variants(data, RECIPES) for data in pictures]
    assert 1 <= len(pids(pool)) <= 2
    pool.close()


def test_images_above_the_budget_are_decoded_one_after_the_other() -> None:
    """Two children are free, but the budget is for one image: while the first child is stopped,
    the second image waits. A third, which is rejected by its header, does not wait."""
    weight = estimate_memory(PICTURE)
    pool = DecoderPool(2, 2 * weight - 1, ResourceLimits(wall_seconds=60))
    assert works(pool)
    first = only_child(pool)
    with ThreadPoolExecutor(2) as executor:
        os.kill(first, signal.SIGSTOP)
        executor.submit(works, pool)
        wait_until(lambda: pool._budget.free < weight)
        waiting = executor.submit(works, pool)
        wait_until(lambda: pool._budget.queued == 1)
        assert rejection_of(pool, b"<html>").code == RejectCode.UNIDENTIFIED
        assert only_child(pool) == first, "no child is started for a waiting job"
        os.kill(first, signal.SIGCONT)
        assert waiting.result(60)
    pool.close()


def test_large_images_of_two_pools_are_decoded_one_after_the_other() -> None:
    """Two pools share the lock as a web process and a worker do. Others do not wait, also those of
    a pool whose whole budget the waiting image takes."""
    weight = estimate_memory(PICTURE)
    small, waits = encoded(photograph(150, 225)), threading.Event()
    with ExitStack() as pools, ThreadPoolExecutor(2) as executor:
        limits = ResourceLimits(wall_seconds=60)
        first, second = (
            pools.enter_context(closing(DecoderPool(1, weight, limits, alone_bytes=weight - 1)))
            for _ in range(2)
        )
        with machine_lock():
            waiting = executor.submit(first.make, PICTURE, RECIPES, on_wait=waits.set)
            assert waits.wait(20)
            assert not pids(first), "no child is started for a waiting job"
            for pool in (first, second):
                assert executor.submit(works, pool, small).result(20)
            assert not waiting.done()
        assert len(waiting.result(60).variants) == len(RECIPES)
        assert works(second)


def test_picture_of_a_link_is_drawn_while_no_other_process_decodes() -> None:
    """With an ``alone_bytes`` below its memory, as on a machine of 512 MB."""
    limits = ResourceLimits(wall_seconds=60)
    with ExitStack() as pools, ThreadPoolExecutor(2) as executor:
        alone, other = (
            pools.enter_context(closing(DecoderPool(1, BUDGET, limits, alone_bytes=each)))
            for each in (0, 100 * MEBIBYTE)
        )
        with machine_lock():
            waiting = executor.submit(alone.draw, TEXT, [])
            assert executor.submit(other.draw, TEXT, []).result(60)
            assert not waiting.done()
            assert not pids(alone), "no child is started for a waiting job"
        assert waiting.result(60)


def test_probe_of_a_large_image_does_not_wait_for_another_process() -> None:
    """It decodes no pixels, and a thread that serves an editor waits for it."""
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60), alone_bytes=0)
    with closing(pool), ThreadPoolExecutor(1) as executor, machine_lock():
        assert executor.submit(pool.probe, PICTURE).result(20).width == 300


def test_image_above_the_limit_of_memory_is_refused() -> None:
    weight = estimate_memory(PICTURE)
    with closing(DecoderPool(1, BUDGET, ResourceLimits(), image_bytes=weight - 1)) as pool:
        rejection = rejection_of(pool)
        assert (rejection.code, rejection.permanent) == (RejectCode.TOO_MUCH_MEMORY, False)
        assert rejection.detail.endswith("MiB, more than posters.decoder.image_mb")
        with pytest.raises(ImageRejected):
            pool.probe(PICTURE)
        assert not pids(pool)
    with closing(DecoderPool(1, BUDGET, ResourceLimits(), image_bytes=weight)) as pool:
        assert pool.probe(PICTURE).width == 300


@pytest.mark.parametrize("colour", [(1, 2, 3), (1, 2, 3, 99)])
def test_webp_takes_twelve_bytes_per_pixel(colour: tuple[int, ...]) -> None:
    """Of 10 megapixels they are 115 MiB; Pillow's own reader takes 153."""
    mode = "RGBA" if len(colour) == 4 else "RGB"
    data = encoded(Image.new(mode, (2500, 4000), colour), "WEBP", method=0)
    limits = ResourceLimits(memory_bytes=140 * MEBIBYTE, wall_seconds=60)
    with closing(DecoderPool(1, BUDGET, limits)) as pool:
        assert works(pool, data)


def test_child_is_replaced_after_its_jobs() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60), jobs_per_child=2)
    assert works(pool)
    first = only_child(pool)
    assert works(pool)
    assert only_child(pool) != first, "the next child starts at once"
    assert not is_running(first)
    assert works(pool)
    pool.close()


# -- Deaths and timeouts


def is_ended(pid: int) -> bool:
    return not is_running(pid)


def test_child_without_a_job_ends_and_the_next_job_starts_another() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60), idle_seconds=0.2)
    try:
        for _ in range(2):
            pool.probe(PICTURE)
            pid = only_child(pool)
            wait_until(partial(is_ended, pid))
            assert not pool._children.all
    finally:
        pool.close()


def test_child_with_jobs_does_not_end() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60), idle_seconds=60)
    try:
        pool.probe(PICTURE)
        (child,) = pool._children.all
        child.idle_since -= 59
        pool.end_idle_children()
        assert pool._children.all == {child}
        child.idle_since -= 1
        pool.end_idle_children()
        assert not pool._children.all
    finally:
        pool.close()


def test_child_that_died_while_idle_is_replaced(pool: DecoderPool) -> None:
    assert works(pool)
    first = only_child(pool)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_running(first))
    assert works(pool)
    assert only_child(pool) != first


def test_child_that_dies_in_a_job_is_replaced(pool: DecoderPool) -> None:
    def kill() -> None:
        wait_until(lambda: bool(pids(pool)))
        os.kill(only_child(pool), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    rejection = rejection_of(pool)
    killer.join()
    assert rejection.code == RejectCode.DECODER_DIED
    assert not rejection.permanent
    assert works(pool)


def test_job_is_repeated_if_a_used_child_dies(
    pool: DecoderPool,
) -> None:
    assert works(pool)
    first = only_child(pool)
    os.kill(first, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert works(pool)
    killer.join()


def test_child_is_killed_after_the_timeout() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=5))
    assert works(pool)
    first = only_child(pool)
    os.kill(first, signal.SIGSTOP)
    rejection = rejection_of(pool)
    assert rejection.code == RejectCode.DECODE_TIMEOUT
    assert not rejection.permanent
    assert not is_running(first)
    assert works(pool)
    pool.close()


def test_too_much_cpu_time_is_a_permanent_rejection() -> None:
    box = Box(780, 1170)
    endless = [Recipe(str(q), box, Master(box), WebP(q, 6)) for q in range(1, 100)]
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60, cpu_seconds=1))
    with pytest.raises(ImageRejected) as rejection:
        pool.make(encoded(photograph(780, 1170)), endless)
    assert rejection.value.code == RejectCode.TOO_MUCH_WORK
    assert rejection.value.permanent
    assert works(pool)
    pool.close()


@pytest.mark.parametrize(
    ("mode", "size", "options", "codes"),
    [
        pytest.param(
            "RGBA", (3000, 4000), {"format_": "PNG", "compress_level": 1},
            {RejectCode.OUT_OF_MEMORY}, id="transparent PNG",
        ),
        pytest.param("P", (4000, 6000), {"format_": "GIF"}, {RejectCode.OUT_OF_MEMORY}, id="GIF"),
        pytest.param(
            # libjpeg reports a broken data stream here.
            "RGB", (3000, 4000), {"progressive": True, "subsampling": 0},
            {RejectCode.DECODER_FAILED, RejectCode.OUT_OF_MEMORY}, id="progressive JPEG",
        ),
        pytest.param(
            "RGB", (2500, 4000), {"format_": "WEBP", "method": 0},
            {RejectCode.DECODER_FAILED, RejectCode.OUT_OF_MEMORY}, id="WebP",
        ),
    ],
)  # fmt: skip
def test_lack_of_memory_is_transient_and_the_child_survives(
    mode: str, size: tuple[int, int], options: dict[str, Any], codes: set[RejectCode]
) -> None:
    data = encoded(Image.new(mode, size, (1, 2, 3, 4) if mode == "RGBA" else 0), **options)
    pool = DecoderPool(1, BUDGET, ResourceLimits(memory_bytes=48 * MEBIBYTE, wall_seconds=60))
    rejection = rejection_of(pool, data)
    assert rejection.code in codes
    assert not rejection.permanent
    pid = only_child(pool)
    # A small picture: libaom crashes if an allocation fails. What is left depends on Python.
    assert works(pool, encoded(quarters()))
    assert only_child(pool) == pid, "the allocation failed, the child survived"
    pool.close()


# -- Restrictions


def test_child_has_hard_resource_limits(
    shared: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert works(shared)
    pid = only_child(shared)
    soft, hard = limit(pid, "Max address space")
    assert soft == hard
    assert int(hard) < 400 * MEBIBYTE
    assert limit(pid, "Max core file size") == limit(pid, "Max file size") == ("0", "0")
    assert 8 < int(limit(pid, "Max cpu time")[0]) <= 60, "on top of what it has used"
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n", "killed before the site"
    niceness = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    assert niceness == min(19, os.nice(0) + 10)


def test_child_has_the_idle_policy() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60, niceness=IDLE))
    assert works(pool)
    assert os.sched_getscheduler(only_child(pool)) == os.SCHED_IDLE
    pool.close()


def test_child_inherits_no_secrets_and_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://operator:secret@host/name")
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    with (Path(__file__)).open("rb") as ours:
        os.set_inheritable(ours.fileno(), True)
        assert works(pool)
    pid = only_child(pool)
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    opened = {path.name: str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    assert opened["0"].startswith("pipe:")
    assert opened["1"] == opened["2"], "output of libraries goes to standard error"
    assert len(opened) == 5, opened  # with the pipe of replies and the epoll object
    assert limit(pid, "Max open files") == ("0", "0")
    pool.close()


EXPLOIT = """
import errno, os, select, sys

def fails(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno == errno.EMFILE
    return False

os.close(2)  # closing a file must not allow opening another
failed = [
    fails(lambda: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY)),
    fails(lambda: os.open("/tmp", os.O_RDONLY)),
    fails(os.pipe),
    fails(lambda: os.memfd_create("code")),
    fails(select.epoll),
]
if "socket" in sys.modules:  # it cannot be imported
    socket = sys.modules["socket"].socket
    failed += [fails(lambda: socket(family)) for family in (1, 2, 10)]
if not all(failed):
    os._exit(40 + failed.index(False))
"""


class MaliciousRecipe(Recipe):
    """A recipe that runs `EXPLOIT` in the child, like a compromised decoder."""

    def __reduce__(self) -> tuple[Any, ...]:
        result = "__import__('moziweb.posters.recipes', fromlist=['_']).RECIPES[0]"
        return eval, (f"exec({EXPLOIT!r}, {{}}) or {result}",)


def test_compromised_child_cannot_open_files_and_sockets(pool: DecoderPool) -> None:
    """Without limits its exit status is 40 plus the index of the first successful attempt."""
    recipe = RECIPES[0]
    malicious = MaliciousRecipe(recipe.name, recipe.box, recipe.master, recipe.encoder)
    assert len(pool.make(PICTURE, [malicious]).variants) == 1
    assert works(pool), "a child does not need to open any"


def test_limits_prevent_sockets_if_the_module_is_imported() -> None:
    """A child does not import `socket`; this program does."""
    program = (
        "import socket; from moziweb.posters.decoder import child\n"
        "socket.socket().close(); child._set_rlimits(10**9)"
    )
    assert run([sys.executable, "-c", program + EXPLOIT]).returncode == 0


def test_child_continues_after_a_stop(pool: DecoderPool) -> None:
    assert works(pool)
    pid = only_child(pool)
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    assert works(pool)
    assert only_child(pool) == pid


def test_child_is_small(pool: DecoderPool) -> None:
    """It imports only Pillow; with the site's modules an idle child would take 90 MiB."""
    assert works(pool)
    assert status(only_child(pool), "VmRSS") < 45 * 1024
    program = "import sys, moziweb.posters.decoder.child; print(*sys.modules)"
    loaded = run([sys.executable, "-c", program])
    assert not {"sqlalchemy", "pyramid", "boto3", "urllib3"} & set(loaded.stdout.split())


# -- End of children


def test_close_ends_the_children_and_a_later_job_starts_new_ones(pool: DecoderPool) -> None:
    assert works(pool)
    first = only_child(pool)
    pool.close()
    assert not is_running(first)
    assert pids(pool) == set()
    assert works(pool)


def test_children_of_a_deleted_pool_end() -> None:
    pool = DecoderPool(1, BUDGET, ResourceLimits(wall_seconds=60))
    assert works(pool)
    pid = only_child(pool)
    del pool
    gc.collect()
    assert not is_running(pid)


PARENT = """
import os, signal, sys
from moziweb.posters.recipes import RECIPES
from moziweb.posters.decoder import DecoderPool, ResourceLimits
from tests.posters.decoder.children import pids
from tests.posters.pictures import encoded, quarters

pool = DecoderPool(1, 10**8, ResourceLimits(wall_seconds=60))
data = encoded(quarters())
pool.make(data, RECIPES)
"""


def parent(rest: str) -> subprocess.CompletedProcess[str]:
    """Run a program that starts a pool with one child and then runs ``rest``."""
    # From Python 3.12 on, a fork in a process with threads warns.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PARENT + rest]
    return run(command, limit=60)


def test_child_ends_when_its_parent_is_killed() -> None:
    killed = parent("print(*pids(pool), flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(int(killed.stdout)))


def test_child_ends_within_a_job_when_its_parent_is_killed() -> None:
    killed = parent(
        "import threading, time\n"
        "from moziweb.posters.recipes import Box, Master, Recipe, WebP\n"
        "endless = [Recipe(str(q), Box(80, 120), Master(Box(80, 120)), WebP(50, 6))"
        " for q in range(100_000)]\n"
        "threading.Thread(target=pool.make, args=(data, endless), daemon=True).start()\n"
        "time.sleep(0.5)\n"
        "print(*pids(pool), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(int(killed.stdout)))


def test_child_ends_when_its_parent_exits() -> None:
    ended = parent("print(*pids(pool))")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not is_running(int(ended.stdout))


def test_child_ignores_sigint_and_sigterm(pool: DecoderPool) -> None:
    """Both are sent to the whole process group; a started job is finished."""
    assert works(pool)
    pid = only_child(pool)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    assert works(pool)
    assert only_child(pool) == pid


def test_starting_child_survives_signals() -> None:
    process = DecoderProcess(ResourceLimits(wall_seconds=60))
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            os.kill(process.pid, signum)  # long before it ignores them
        assert len(process.make(Job(PICTURE, RECIPES[:1], Limits())).variants) == 1
    finally:
        process.end()


def test_fork_starts_its_own_children() -> None:
    forked = parent(
        "pid = os.fork()\n"
        "made = pool.make(data, RECIPES)\n"
        "print(*pids(pool), len(made.variants), flush=True)\n"
        "if pid: os.waitpid(pid, 0); pool.make(data, RECIPES)\n"
    )
    assert (forked.returncode, forked.stderr) == (0, "")
    (one, made), (other, also_made) = (line.split() for line in forked.stdout.splitlines())
    assert made == also_made == str(len(RECIPES))
    assert one != other
    wait_until(lambda: not is_running(int(one)) and not is_running(int(other)))


def test_source_size_is_returned(shared: DecoderPool) -> None:
    assert shared.make(encoded(quarters()), RECIPES).source.width == 80


@pytest.mark.parametrize(("children", "at_once"), [(3, 2), (2, 1), (1, 1)])
def test_reserve_core_uses_one_child_fewer(children: int, at_once: int) -> None:
    pool = DecoderPool(children, BUDGET, ResourceLimits())
    pool.reserve_core()
    with ExitStack() as held:
        for _ in range(at_once):
            assert not is_full(pool)
            held.enter_context(pool._slot(pytest.fail))
        assert is_full(pool)
    assert not is_full(pool)
