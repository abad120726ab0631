"""Every field of an untrusted reply is checked."""

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
    MAX_PICTURE_BYTES,
    BadReplyError,
    DrawingJob,
    Job,
    Reader,
    encode_job,
    error_reply,
    picture_reply,
    read_job,
    read_picture,
    read_reply,
    rejected_reply,
    result_reply,
)
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import LIMITS, ShareText
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import RECIPES
from tests.posters.pictures import encoded, quarters

DATA = encoded(quarters())
MADE = make_variants(DATA, RECIPES)
REPLY = b"".join(result_reply(MADE))
JOB = Job(DATA, RECIPES, LIMITS)


def reader(data: bytes) -> Reader:
    """Reads ``data``; raises EOFError at its end, like a closed pipe."""
    stream = BytesIO(data)

    def read(count: int) -> bytes:
        chunk = stream.read(count)
        if len(chunk) < count:
            raise EOFError
        return chunk

    return read


def head(value: Any) -> bytes:
    text = json.dumps(value).encode()
    return struct.pack(">I", len(text)) + text


def test_jobs_round_trip() -> None:
    sent = b"".join(encode_job(JOB))
    assert read_job(sent[:JOB_START_BYTES], reader(sent[JOB_START_BYTES:])) == JOB


def test_variants_round_trip() -> None:
    assert read_reply(reader(REPLY), JOB) == MADE


def test_rejections_and_errors_round_trip() -> None:
    rejected = ImageRejected(RejectCode.DAMAGED, "x" * 1000)
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(b"".join(rejected_reply(rejected))), JOB)
    assert (rejection.value.code, rejection.value.detail) == (RejectCode.DAMAGED, "x" * 300)
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(b"".join(error_reply(KeyError("a")))), JOB)
    assert (rejection.value.code, rejection.value.permanent) == (RejectCode.DECODER_FAILED, False)
    assert rejection.value.detail == "KeyError('a')"


def test_details_are_cut_and_made_printable() -> None:
    reply = head({"rejected": "damaged", "detail": "a\0b\nc\ud800" + "d" * 1000})
    with pytest.raises(ImageRejected) as rejection:
        read_reply(reader(reply), JOB)
    assert rejection.value.detail == "a?b?c?" + "d" * 294


HEAD = json.loads(REPLY[4 : 4 + int.from_bytes(REPLY[:4])])
BLOBS = REPLY[4 + int.from_bytes(REPLY[:4]) :]


def source(**changed: Any) -> bytes:
    """A valid reply but for some fields of the source."""
    return head({**HEAD, "source": {**HEAD["source"], **changed}}) + BLOBS


def first(*fields: Any) -> bytes:
    """A valid reply but for the fields of the first variant."""
    return head({**HEAD, "variants": [fields, *HEAD["variants"][1:]]}) + BLOBS


def lengths(each: int) -> bytes:
    """A reply with ``each`` zero bytes per variant."""
    variants = [(width, height, each) for width, height, _ in HEAD["variants"]]
    return head({**HEAD, "variants": variants}) + bytes(each * len(variants))


def test_unchanged_replies_of_the_helpers_are_valid() -> None:
    assert read_reply(reader(source()), JOB) == MADE
    assert read_reply(reader(first(*HEAD["variants"][0])), JOB) == MADE
    assert len(read_reply(reader(lengths(1_000_000)), JOB).variants) == len(RECIPES)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"\xff\xff\xff\xff", id="a head of 4 GB"),
        pytest.param(struct.pack(">I", 3) + b"{{{", id="not JSON"),
        pytest.param(struct.pack(">I", 60_000) + b"[" * 60_000, id="a very deep head"),
        pytest.param(struct.pack(">I", 2) + b"\xff\xff", id="not UTF-8"),
        pytest.param(head([]), id="not an object"),
        pytest.param(head("error"), id="a string"),
        pytest.param(head({}), id="an empty object"),
        pytest.param(head({"rejected": "no such code", "detail": ""}), id="an unknown code"),
        pytest.param(head({"rejected": ["damaged"], "detail": ""}), id="a list of codes"),
        pytest.param(head({**HEAD, "source": {}}), id="no source"),
        pytest.param(head({**HEAD, "source": 5}), id="a number for a source"),
        pytest.param(
            source(format="xxx/../../e", mime="image/xxx/../../e"), id="a path for format"
        ),
        pytest.param(source(format=["jpeg"]), id="a list of formats"),
        pytest.param(source(mime="text/html"), id="a page"),
        pytest.param(source(width="many"), id="a string for a width"),
        pytest.param(source(width=-5), id="a negative width"),
        pytest.param(source(width=True), id="a width of true"),
        pytest.param(source(width=80.0), id="a float width"),
        pytest.param(source(width=10_001), id="a side beyond the limit"),
        pytest.param(source(width=9000, height=9000), id="pixels beyond the limit"),
        pytest.param(source(width=81), id="a source of other variants"),
        pytest.param(source(orientation=9), id="an unknown orientation"),
        pytest.param(source(name="more"), id="an extra field of the source"),
        pytest.param(head({**HEAD, "dominant_colour": "<script>"}) + BLOBS, id="a script"),
        pytest.param(
            head({**HEAD, "dominant_colour": "#ABCDEF\n"}) + BLOBS, id="a colour with a line break"
        ),
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
        pytest.param(first(80, 120, -1), id="a variant of negative length"),
        pytest.param(first(80, 120, 0), id="an empty variant"),
    ],
)
def test_malformed_replies_are_refused(reply: bytes) -> None:
    with pytest.raises(BadReplyError):
        read_reply(reader(reply), JOB)


def test_reply_with_too_many_bytes_in_total_is_refused() -> None:
    with pytest.raises(BadReplyError):
        read_reply(reader(lengths(MAX_BLOBS_BYTES // len(RECIPES) + 1)), JOB)


def test_reply_to_a_probe_has_no_variants_and_no_colour() -> None:
    probe = Job(DATA, (), LIMITS)
    nothing: dict[str, Any] = {**HEAD, "variants": [], "dominant_colour": "", "sketch": ""}
    assert read_reply(reader(head(nothing)), probe).source == MADE.source
    with pytest.raises(BadReplyError):
        read_reply(reader(head({**nothing, "dominant_colour": "#ffffff"})), probe)
    with pytest.raises(BadReplyError):
        read_reply(reader(head({**nothing, "sketch": HEAD["sketch"]})), probe)
    with pytest.raises(BadReplyError):
        read_reply(reader(REPLY), probe)


@given(at=st.integers(0, len(REPLY) - 1), noise=st.binary(min_size=1, max_size=20))
def test_damaged_reply_is_refused_or_complete(at: int, noise: bytes) -> None:
    damaged = REPLY[:at] + noise + REPLY[at + len(noise) :]
    try:
        made = read_reply(reader(damaged), JOB)
    except (BadReplyError, EOFError, ImageRejected):
        return
    assert len(made.variants) == len(RECIPES)


DRAWING = DrawingJob(ShareText(("Dűne",), "2026", "Mozi", "#a03020"), (DATA, b"", DATA))


def test_drawing_jobs_round_trip() -> None:
    sent = b"".join(encode_job(DRAWING))
    assert read_job(sent[:JOB_START_BYTES], reader(sent[JOB_START_BYTES:])) == DRAWING


def test_pictures_of_links_round_trip() -> None:
    assert read_picture(reader(b"".join(picture_reply(b"jpeg")))) == b"jpeg"
    with pytest.raises(ImageRejected):
        read_picture(reader(b"".join(error_reply(KeyError("a")))))


@pytest.mark.parametrize("length", [0, -1, MAX_PICTURE_BYTES + 1, 1.0, True, "4", None])
def test_length_of_a_picture_is_checked(length: Any) -> None:
    with pytest.raises(BadReplyError):
        read_picture(reader(head({"picture": length}) + bytes(8)))
    with pytest.raises(BadReplyError):
        read_picture(reader(head({})))
