"""What a workshop and its children say to each other, as bytes on two pipes.

A job is trusted, coming from us, and is pickled. A reply is not: whoever got hold of a decoder may
have written it, so it is JSON that is read field by field and held against what was asked for, and
blobs of announced lengths.
"""

import json
import pickle
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from math import prod
from typing import Any, Final, NamedTuple

from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.limits import FORMATS, Limits, SourceImage
from ..imaging.variants import SKETCH_SIZE, EncodedImage, VariantSet
from ..recipes import Recipe

_JOB: Final = struct.Struct(">II")
_REPLY: Final = struct.Struct(">I")

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BLOBS_BYTES: Final = 16 * 1024 * 1024
"""Far more than all variants of a picture take: a picture of noise has 3 MB of them."""
MAX_DETAIL: Final = 300
"""Characters of what a child says for the log."""

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_SKETCH: Final = re.compile(rf"[0-9a-f]{{{3 * prod(SKETCH_SIZE)}}}")

Reader = Callable[[int], bytes]
"""Returns exactly as many bytes as it is asked for."""


class BadReplyError(Exception):
    """A child said what no child of ours would."""


class Job(NamedTuple):
    """One picture and what is to be made of it."""

    data: bytes
    recipes: Sequence[Recipe]
    limits: Limits


def job_pieces(job: Job) -> list[bytes]:
    """The bytes of a job, the picture's own uncopied."""
    # A read-only view of a mapping, which `Limits` has, cannot be pickled.
    limits = replace(job.limits, pixels_by_format=dict(job.limits.pixels_by_format))
    head = pickle.dumps((tuple(job.recipes), limits))
    return [_JOB.pack(len(head), len(job.data)) + head, job.data]


JOB_START_BYTES: Final = _JOB.size


def read_job(start: bytes, read: Reader) -> Job:
    """The job that begins with ``start``, of `JOB_START_BYTES`."""
    head_length, data_length = _JOB.unpack(start)
    recipes, limits = pickle.loads(read(head_length))  # noqa: S301 - written by our parent
    return Job(read(data_length), recipes, limits)


def made_reply(made: VariantSet) -> list[bytes]:
    """What a child says when all went well."""
    head = {
        "source": asdict(made.source),
        "dominant_colour": made.dominant_colour,
        "sketch": made.sketch,
        "variants": [(image.width, image.height, len(image.data)) for image in made.variants],
    }
    return [_head(head), *(image.data for image in made.variants)]


def rejected_reply(rejection: ImageRejected) -> list[bytes]:
    """What a child says of a picture that it does not make."""
    return [_head({"rejected": rejection.code, "detail": rejection.detail[:MAX_DETAIL]})]


def error_reply(error: Exception) -> list[bytes]:
    """What a child says of an error that no picture should cause."""
    return [_head({"error": repr(error)[:MAX_DETAIL]})]


def _head(head: Mapping[str, Any]) -> bytes:
    text = json.dumps(head).encode()
    return _REPLY.pack(len(text)) + text


def read_reply(read: Reader, job: Job) -> VariantSet:
    """The variants of a reply to a job.

    ImageRejected when the child says so, BadReplyError when it speaks nonsense; nothing else but
    what ``read`` raises.
    """
    try:
        head = _read_head(read)
        if "error" in head:
            raise ImageRejected(RejectCode.DECODER_FAILED, _printable(head["error"]))
        if "rejected" in head:
            raise ImageRejected(RejectCode(head["rejected"]), _printable(head["detail"]))
        return _read_made(head, read, job)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadReplyError(_printable(repr(error))) from error


def _read_head(read: Reader) -> dict[str, Any]:
    (length,) = _REPLY.unpack(read(_REPLY.size))
    if length > MAX_HEAD_BYTES:
        raise BadReplyError(f"a head of {length} bytes")
    head = json.loads(read(length))
    if not isinstance(head, dict):
        raise BadReplyError("a head that is no object")
    return head


def _read_made(head: Mapping[str, Any], read: Reader, job: Job) -> VariantSet:
    source = _checked_source(SourceImage(**head["source"]), job.limits)
    colour, sketch, told = head["dominant_colour"], head["sketch"], head["variants"]
    for pattern, text in ((_COLOUR, colour), (_SKETCH, sketch)):
        _require(isinstance(text, str), "a colour that is no text")
        _require(pattern.fullmatch(text) if job.recipes else text == "", "no such colour")
    _require(isinstance(told, list) and len(told) == len(job.recipes), "other variants")
    for recipe, (width, height, length) in zip(job.recipes, told, strict=True):
        size = recipe.fitted_size(source.width, source.height)
        _require(
            (_number(width, 1), _number(height, 1)) == size, f"a {recipe.name} of another size"
        )
        _number(length, 1, MAX_BLOBS_BYTES)
    _require(sum(length for *_, length in told) <= MAX_BLOBS_BYTES, "more bytes than may be")
    images = tuple(
        EncodedImage(recipe, read(length), width, height)
        for recipe, (width, height, length) in zip(job.recipes, told, strict=True)
    )
    return VariantSet(source, colour, sketch, images)


def _checked_source(told: SourceImage, limits: Limits) -> SourceImage:
    """What we would have found ourselves: its words become a type, a key's end and columns."""
    _require(told.format in FORMATS and told.mime == f"image/{told.format}", "no such format")
    width, height = _number(told.width, 1, limits.side), _number(told.height, 1, limits.side)
    _require(width * height <= limits.max_pixels(told.format), "more pixels than may be")
    _number(told.orientation, 1, 8)
    return told


def _number(told: object, least: int, most: int = 2**31) -> int:
    if type(told) is int and least <= told <= most:  # JSON's `true` is an int for isinstance
        return told
    raise BadReplyError(f"not a number from {least} to {most}")


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise BadReplyError(otherwise)


def _printable(told: object) -> str:
    """Fit for a log and a column: without line ends, NULs and halves of a character."""
    text = str(told)[:MAX_DETAIL]
    return "".join(letter if letter.isprintable() else "?" for letter in text)
