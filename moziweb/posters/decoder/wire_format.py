"""The messages between a decoder pool and its children, as bytes on two pipes.

A job comes from the trusted parent and is pickled; it asks for variants of an image, or for the
picture of a link. A reply is untrusted, because a decoder may be compromised: it is JSON, of which
every field is checked against the job, and blobs of announced lengths.
"""

import json
import pickle
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.values import (
    FORMATS,
    SKETCH_SIZE,
    EncodedImage,
    Limits,
    ShareText,
    SourceImage,
    VariantSet,
)
from ..recipes import Recipe

_JOB: Final = struct.Struct(">II")
_REPLY: Final = struct.Struct(">I")

MAX_MESSAGE_HEAD_BYTES: Final = 64 * 1024
MAX_BLOBS_BYTES: Final = 16 * 1024 * 1024
"""More than all variants of an image need; those of a noise image have 3 MB."""
MAX_PICTURE_BYTES: Final = 1024 * 1024
"""More than a JPEG of 1200x630 needs."""
MAX_DETAIL: Final = 300
"""Maximum length of a log text from a child."""

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_SKETCH: Final = re.compile(rf"[0-9a-f]{{{3 * prod(SKETCH_SIZE)}}}")

Reader = Callable[[int], bytes]
"""Returns exactly the requested number of bytes."""

_Result = TypeVar("_Result")


class BadReplyError(Exception):
    """A reply that an intact child does not send."""


class Job(NamedTuple):
    """One image, the recipes to make, and the limits."""

    data: bytes
    recipes: Sequence[Recipe]
    limits: Limits


class DrawingJob(NamedTuple):
    """The picture of a link: its texts, and the files of its posters."""

    text: ShareText
    posters: tuple[bytes, ...]


AnyJob: TypeAlias = Job | DrawingJob


def encode_job(job: AnyJob) -> list[bytes]:
    """Serialise a job without copying its images."""
    if isinstance(job, DrawingJob):
        head = pickle.dumps((job.text, [len(poster) for poster in job.posters]))
        return [_JOB.pack(len(head), sum(map(len, job.posters))) + head, *job.posters]
    # `Limits` has a mapping proxy, which cannot be pickled.
    limits = replace(job.limits, pixels_by_format=dict(job.limits.pixels_by_format))
    head = pickle.dumps((tuple(job.recipes), limits))
    return [_JOB.pack(len(head), len(job.data)) + head, job.data]


JOB_START_BYTES: Final = _JOB.size


def read_job(start: bytes, read: Reader) -> AnyJob:
    """Read a job; ``start`` are its first `JOB_START_BYTES`."""
    head_length, data_length = _JOB.unpack(start)
    what, how = pickle.loads(read(head_length))  # noqa: S301 - written by our parent
    if isinstance(what, ShareText):
        return DrawingJob(what, tuple(read(length) for length in how))
    return Job(read(data_length), what, how)


def result_reply(result: VariantSet) -> list[bytes]:
    """The reply with the variants."""
    head = {
        "source": asdict(result.source),
        "dominant_colour": result.dominant_colour,
        "sketch": result.sketch,
        "variants": [(image.width, image.height, len(image.data)) for image in result.variants],
    }
    return [_head(head), *(image.data for image in result.variants)]


def picture_reply(picture: bytes) -> list[bytes]:
    """The reply with the picture of a link."""
    return [_head({"picture": len(picture)}), picture]


def rejected_reply(rejection: ImageRejected) -> list[bytes]:
    """The reply for a rejected image."""
    return [_head({"rejected": rejection.code, "detail": rejection.detail[:MAX_DETAIL]})]


def error_reply(error: Exception) -> list[bytes]:
    """The reply for an unexpected error."""
    return [_head({"error": repr(error)[:MAX_DETAIL]})]


def _head(head: Mapping[str, Any]) -> bytes:
    text = json.dumps(head).encode()
    return _REPLY.pack(len(text)) + text


def read_reply(read: Reader, job: Job) -> VariantSet:
    """Read the reply to a job.

    Raises ImageRejected if the child reports it, BadReplyError for a malformed reply, and the
    exceptions of ``read``.
    """
    return _read_reply(read, lambda head: _read_result(head, read, job))


def read_picture(read: Reader) -> bytes:
    """Read the reply to a `DrawingJob`; raises as `read_reply` does."""
    return _read_reply(read, lambda head: read(_number(head["picture"], 1, MAX_PICTURE_BYTES)))


def _read_reply(read: Reader, result_of: Callable[[Mapping[str, Any]], _Result]) -> _Result:
    try:
        head = _read_head(read)
        if "error" in head:
            raise ImageRejected(RejectCode.DECODER_FAILED, _printable(head["error"]))
        if "rejected" in head:
            raise ImageRejected(RejectCode(head["rejected"]), _printable(head["detail"]))
        return result_of(head)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadReplyError(_printable(repr(error))) from error


def _read_head(read: Reader) -> dict[str, Any]:
    (length,) = _REPLY.unpack(read(_REPLY.size))
    if length > MAX_MESSAGE_HEAD_BYTES:
        raise BadReplyError(f"the head has {length} bytes")
    head = json.loads(read(length))
    if not isinstance(head, dict):
        raise BadReplyError("the head is not an object")
    return head


def _read_result(head: Mapping[str, Any], read: Reader, job: Job) -> VariantSet:
    source = _checked_source(SourceImage(**head["source"]), job.limits)
    colour, sketch, variants = head["dominant_colour"], head["sketch"], head["variants"]
    for pattern, text in ((_COLOUR, colour), (_SKETCH, sketch)):
        _require(isinstance(text, str), "a colour is not a string")
        _require(pattern.fullmatch(text) if job.recipes else text == "", "malformed colour")
    _require(isinstance(variants, list) and len(variants) == len(job.recipes), "wrong variants")
    for recipe, (width, height, length) in zip(job.recipes, variants, strict=True):
        size = recipe.fitted_size(source.width, source.height)
        _require((_number(width, 1), _number(height, 1)) == size, f"wrong size of {recipe.name}")
        _number(length, 1, MAX_BLOBS_BYTES)
    _require(sum(length for *_, length in variants) <= MAX_BLOBS_BYTES, "too many bytes")
    images = tuple(
        EncodedImage(recipe, read(length), width, height)
        for recipe, (width, height, length) in zip(job.recipes, variants, strict=True)
    )
    return VariantSet(source, colour, sketch, images)


def _checked_source(source: SourceImage, limits: Limits) -> SourceImage:
    """Check the values, which become a media type, a key's suffix and columns."""
    _require(source.format in FORMATS and source.mime == f"image/{source.format}", "unknown format")
    width, height = _number(source.width, 1, limits.side), _number(source.height, 1, limits.side)
    _require(width * height <= limits.max_pixels(source.format), "too many pixels")
    _number(source.orientation, 1, 8)
    return source


def _number(value: object, minimum: int, maximum: int = 2**31) -> int:
    if type(value) is int and minimum <= value <= maximum:  # not isinstance: bool is an int
        return value
    raise BadReplyError(f"not a number from {minimum} to {maximum}")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise BadReplyError(message)


def _printable(value: object) -> str:
    """Text for a log and a column, without line breaks, NULs and surrogates."""
    text = str(value)[:MAX_DETAIL]
    return "".join(letter if letter.isprintable() else "?" for letter in text)
