"""The decoder child: its replies, and its process without a pool."""

import signal
import subprocess
import sys
from io import BytesIO
from typing import Any

import pytest

from moziweb.posters.decoder import child as decoder_child
from moziweb.posters.decoder.wire_format import Job, encode_job, read_reply
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import Limits, VariantSet
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import RECIPES, Recipe
from tests.posters.pictures import encoded, quarters
from tests.services.process import child

PICTURE = encoded(quarters())
THUMB = RECIPES[:1]


def replied(job: Job) -> VariantSet:
    """What a parent reads from the reply to a job."""
    return read_reply(BytesIO(b"".join(decoder_child._reply(job))).read, job)


def test_job_without_recipes_only_probes_the_image() -> None:
    result = replied(Job(PICTURE, (), Limits()))
    assert (result.source.width, result.source.height) == (80, 120)
    assert result.variants == ()


def test_reply_has_the_variants() -> None:
    assert replied(Job(PICTURE, THUMB, Limits())) == make_variants(PICTURE, THUMB, Limits())


@pytest.mark.parametrize("recipes", [(), THUMB])
def test_rejection_keeps_its_code(recipes: tuple[Recipe, ...]) -> None:
    with pytest.raises(ImageRejected) as rejection:
        replied(Job(b"no image", recipes, Limits()))
    with pytest.raises(ImageRejected) as expected:
        make_variants(b"no image", RECIPES, Limits())
    assert rejection.value.code == expected.value.code


def test_unexpected_error_is_a_failure_of_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken codec")

    monkeypatch.setattr(decoder_child, "make_variants", fail)
    with pytest.raises(ImageRejected) as rejection:
        replied(Job(PICTURE, THUMB, Limits()))
    assert rejection.value.code is RejectCode.DECODER_FAILED
    assert "broken codec" in rejection.value.detail


def test_process_serves_jobs_until_its_input_is_closed() -> None:
    """Signals to the process group do not end it: a job that has begun is finished."""
    limits = ("300000000", "10", "10", "0")
    command = [sys.executable, "-m", "moziweb.posters.decoder.child", *limits]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": False}
    job = Job(PICTURE, THUMB, Limits())
    with child(command, **pipes) as process:
        jobs: Any = process.stdin
        replies: Any = process.stdout
        for _ in range(2):
            jobs.writelines(encode_job(job))
            jobs.flush()
            assert len(read_reply(replies.read, job).variants) == 1
            for signum in (signal.SIGINT, signal.SIGTERM):
                process.send_signal(signum)
        jobs.close()
        assert replies.read() == b""
        assert process.wait(30) == 0
