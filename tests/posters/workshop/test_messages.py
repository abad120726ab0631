"""A reply is read as what a stranger may have written."""

import json
import struct
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.posters.imaging import make_variants
from moziweb.posters.probe import LIMITS
from moziweb.posters.recipes import RECIPES
from moziweb.posters.rejection import ImageRejected, RejectCode
from moziweb.posters.workshop.messages import (
    JOB_START_BYTES,
    BadReplyError,
    ChildError,
    Job,
    Reader,
    error_reply,
    job_pieces,
    made_reply,
    read_job,
    read_reply,
    rejected_reply,
)
from tests.posters.pictures import encoded, quarters

DATA = encoded(quarters())
MADE = make_variants(DATA, RECIPES)
REPLY = b"".join(made_reply(MADE))


def reader(data: bytes) -> Reader:
    """Reads ``data``; EOFError at its end, as from a pipe that was closed."""
    stream = BytesIO(data)

    def read(count: int) -> bytes:
        found = stream.read(count)
        if len(found) < count:
            raise EOFError
        return found

    return read


def head(value: Any) -> bytes:
    text = json.dumps(value).encode()
    return struct.pack(">I", len(text)) + text


def test_a_job_arrives() -> None:
    job = Job(DATA, RECIPES, LIMITS)
    sent = b"".join(job_pieces(job))
    assert read_job(sent[:JOB_START_BYTES], reader(sent[JOB_START_BYTES:])) == job


def test_variants_arrive() -> None:
    assert read_reply(reader(REPLY), RECIPES) == MADE


def test_rejections_and_errors_arrive() -> None:
    rejected = ImageRejected(RejectCode.DAMAGED, "x" * 1000)
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(b"".join(rejected_reply(rejected))), RECIPES)
    assert (rejection.value.code, rejection.value.detail) == (RejectCode.DAMAGED, "x" * 300)
    with pytest.raises(ChildError, match="KeyError"):
        read_reply(reader(b"".join(error_reply(KeyError("a")))), RECIPES)


SOURCE = {"format": "jpeg", "mime": "image/jpeg", "width": 1, "height": 1, "orientation": 1}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"\xff\xff\xff\xff", id="a head of 4 GB"),
        pytest.param(struct.pack(">I", 3) + b"{{{", id="no JSON"),
        pytest.param(head([]), id="no object"),
        pytest.param(head({}), id="nothing in it"),
        pytest.param(head({"rejected": "no such code", "detail": ""}), id="an unknown code"),
        pytest.param(head({"source": {}, "variants": []}), id="no source"),
        pytest.param(
            head({"source": {**SOURCE, "width": "many"}, "dominant_colour": "", "variants": []}),
            id="a width in words",
        ),
        pytest.param(
            head({"source": SOURCE, "dominant_colour": "", "variants": [[1, 1, 1]]}),
            id="too few variants",
        ),
        pytest.param(
            head({"source": SOURCE, "dominant_colour": "", "variants": [[1, 1, 2**40]] * 8}),
            id="a variant of a TB",
        ),
        pytest.param(
            head({"source": SOURCE, "dominant_colour": "", "variants": [[1, 1, -1]] * 8}),
            id="a variant of less than nothing",
        ),
    ],
)
def test_nonsense_is_told_as_such(reply: bytes) -> None:
    with pytest.raises(BadReplyError):
        read_reply(reader(reply), RECIPES)


@given(at=st.integers(0, len(REPLY) - 1), noise=st.binary(min_size=1, max_size=20))
def test_any_damage_is_survived(at: int, noise: bytes) -> None:
    damaged = REPLY[:at] + noise + REPLY[at + len(noise) :]
    try:
        made = read_reply(reader(damaged), RECIPES)
    except (BadReplyError, EOFError, ImageRejected):
        return
    assert len(made.variants) == len(RECIPES)
