"""A reply is read as what a stranger may have written."""

import json
import struct
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.posters.decoder.wire_format import (
    JOB_START_BYTES,
    MAX_BLOBS_BYTES,
    BadReplyError,
    Job,
    Reader,
    error_reply,
    job_pieces,
    made_reply,
    read_job,
    read_reply,
    rejected_reply,
)
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import LIMITS
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import RECIPES
from tests.posters.pictures import encoded, quarters

DATA = encoded(quarters())
MADE = make_variants(DATA, RECIPES)
REPLY = b"".join(made_reply(MADE))
JOB = Job(DATA, RECIPES, LIMITS)


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
    sent = b"".join(job_pieces(JOB))
    assert read_job(sent[:JOB_START_BYTES], reader(sent[JOB_START_BYTES:])) == JOB


def test_variants_arrive() -> None:
    assert read_reply(reader(REPLY), JOB) == MADE


def test_rejections_and_errors_arrive() -> None:
    rejected = ImageRejected(RejectCode.DAMAGED, "x" * 1000)
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(b"".join(rejected_reply(rejected))), JOB)
    assert (rejection.value.code, rejection.value.detail) == (RejectCode.DAMAGED, "x" * 300)
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(b"".join(error_reply(KeyError("a")))), JOB)
    assert (rejection.value.code, rejection.value.permanent) == (RejectCode.DECODER_FAILED, False)
    assert rejection.value.detail == "KeyError('a')"


def test_what_is_told_for_the_log_can_be_logged_and_stored() -> None:
    told = head({"rejected": "damaged", "detail": "a\0b\nc\ud800" + "d" * 1000})
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(told), JOB)
    assert rejection.value.detail == "a?b?c?" + "d" * 294


HEAD = json.loads(REPLY[4 : 4 + int.from_bytes(REPLY[:4])])
BLOBS = REPLY[4 + int.from_bytes(REPLY[:4]) :]


def source(**changed: Any) -> bytes:
    """A reply that is ours but for something about the source."""
    return head({**HEAD, "source": {**HEAD["source"], **changed}}) + BLOBS


def first(*told: Any) -> bytes:
    """A reply that is ours but for what it says of the first variant."""
    return head({**HEAD, "variants": [told, *HEAD["variants"][1:]]}) + BLOBS


def lengths(each: int) -> bytes:
    """A reply of zeros, ``each`` in every variant."""
    told = [(width, height, each) for width, height, _ in HEAD["variants"]]
    return head({**HEAD, "variants": told}) + bytes(each * len(told))


def test_the_replies_that_are_forged_below_are_right_but_for_what_is_changed() -> None:
    assert read_reply(reader(source()), JOB) == MADE
    assert read_reply(reader(first(*HEAD["variants"][0])), JOB) == MADE
    assert len(read_reply(reader(lengths(1_000_000)), JOB).variants) == len(RECIPES)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"\xff\xff\xff\xff", id="a head of 4 GB"),
        pytest.param(struct.pack(">I", 3) + b"{{{", id="no JSON"),
        pytest.param(struct.pack(">I", 60_000) + b"[" * 60_000, id="a very deep head"),
        pytest.param(struct.pack(">I", 2) + b"\xff\xff", id="no UTF-8"),
        pytest.param(head([]), id="no object"),
        pytest.param(head("error"), id="a word"),
        pytest.param(head({}), id="nothing in it"),
        pytest.param(head({"rejected": "no such code", "detail": ""}), id="an unknown code"),
        pytest.param(head({"rejected": ["damaged"], "detail": ""}), id="a list of codes"),
        pytest.param(head({**HEAD, "source": {}}), id="no source"),
        pytest.param(head({**HEAD, "source": 5}), id="a number for a source"),
        pytest.param(
            source(format="xxx/../../e", mime="image/xxx/../../e"), id="a path for format"
        ),
        pytest.param(source(format=["jpeg"]), id="a list of formats"),
        pytest.param(source(mime="text/html"), id="a page"),
        pytest.param(source(width="many"), id="a width in words"),
        pytest.param(source(width=-5), id="a width below nothing"),
        pytest.param(source(width=True), id="a width of true"),
        pytest.param(source(width=80.0), id="a broken width"),
        pytest.param(source(width=10_001), id="a side beyond the limit"),
        pytest.param(source(width=9000, height=9000), id="pixels beyond the limit"),
        pytest.param(source(width=81), id="a source that its variants do not fit"),
        pytest.param(source(orientation=9), id="an unknown orientation"),
        pytest.param(source(name="more"), id="more about the source"),
        pytest.param(head({**HEAD, "dominant_colour": "<script>"}) + BLOBS, id="a script"),
        pytest.param(head({**HEAD, "dominant_colour": "#ABCDEF\n"}) + BLOBS, id="a line of colour"),
        pytest.param(head({**HEAD, "dominant_colour": ""}) + BLOBS, id="no colour"),
        pytest.param(head({**HEAD, "dominant_colour": 7}) + BLOBS, id="a number for a colour"),
        pytest.param(head({**HEAD, "sketch": "<script>"}) + BLOBS, id="a script for a sketch"),
        pytest.param(head({**HEAD, "sketch": HEAD["sketch"][3:]}) + BLOBS, id="half a sketch"),
        pytest.param(head({**HEAD, "sketch": None}) + BLOBS, id="no sketch"),
        pytest.param(head({**HEAD, "variants": HEAD["variants"][1:]}), id="too few variants"),
        pytest.param(head({**HEAD, "variants": 12}), id="a number of variants"),
        pytest.param(first(80, 120), id="a variant without a length"),
        pytest.param(first(8000, 12000, 1), id="a variant beyond its box"),
        pytest.param(first(80, 120, 2**40), id="a variant of a TB"),
        pytest.param(first(80, 120, -1), id="a variant of less than nothing"),
        pytest.param(first(80, 120, 0), id="a variant of nothing"),
        pytest.param(lengths(MAX_BLOBS_BYTES // len(RECIPES) + 1), id="too much together"),
    ],
)
def test_nonsense_is_told_as_such(reply: bytes) -> None:
    with pytest.raises(BadReplyError):
        read_reply(reader(reply), JOB)


def test_a_picture_that_was_only_looked_at_has_no_variants_and_no_colour() -> None:
    looked = Job(DATA, (), LIMITS)
    nothing: dict[str, Any] = {**HEAD, "variants": [], "dominant_colour": "", "sketch": ""}
    assert read_reply(reader(head(nothing)), looked).source == MADE.source
    with pytest.raises(BadReplyError):
        read_reply(reader(head({**nothing, "dominant_colour": "#ffffff"})), looked)
    with pytest.raises(BadReplyError):
        read_reply(reader(head({**nothing, "sketch": HEAD["sketch"]})), looked)
    with pytest.raises(BadReplyError):
        read_reply(reader(REPLY), looked)


@given(at=st.integers(0, len(REPLY) - 1), noise=st.binary(min_size=1, max_size=20))
def test_any_damage_is_survived(at: int, noise: bytes) -> None:
    damaged = REPLY[:at] + noise + REPLY[at + len(noise) :]
    try:
        made = read_reply(reader(damaged), JOB)
    except (BadReplyError, EOFError, ImageRejected):
        return
    assert len(made.variants) == len(RECIPES)
