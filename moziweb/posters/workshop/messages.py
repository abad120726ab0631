"""What a workshop and its children say to each other, as bytes on two pipes.

A job is trusted, coming from us, and is pickled. A reply is not: whoever got hold of a decoder may
have written it, so it is JSON that is read field by field, and blobs of announced lengths.
"""

import json
import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from moziweb.posters.imaging import EncodedImage, VariantSet
from moziweb.posters.probe import Limits, SourceImage
from moziweb.posters.recipes import Recipe
from moziweb.posters.rejection import ImageRejected, RejectCode

_JOB: Final = struct.Struct(">II")
_REPLY: Final = struct.Struct(">I")

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BLOB_BYTES: Final = 32 * 1024 * 1024
"""Far more than a variant takes."""

Reader = Callable[[int], bytes]
"""Returns exactly as many bytes as it is asked for."""


class BadReplyError(Exception):
    """A child said what no child of ours would."""


class ChildError(Exception):
    """An error of ours inside a child, such as recipes that share no master."""


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
        "variants": [(image.width, image.height, len(image.data)) for image in made.variants],
    }
    return [_head(head), *(image.data for image in made.variants)]


def rejected_reply(rejection: ImageRejected) -> list[bytes]:
    """What a child says of a picture that it does not make."""
    return [_head({"rejected": rejection.code, "detail": rejection.detail[:300]})]


def error_reply(error: Exception) -> list[bytes]:
    """What a child says of an error of ours."""
    return [_head({"error": repr(error)[:1000]})]


def _head(head: Mapping[str, Any]) -> bytes:
    text = json.dumps(head).encode()
    return _REPLY.pack(len(text)) + text


def read_reply(read: Reader, recipes: Sequence[Recipe]) -> VariantSet:
    """The variants of a reply to a job of ``recipes``.

    ImageRejected or ChildError when the child says so, BadReplyError when it speaks nonsense.
    """
    try:
        head = _read_head(read)
        if "error" in head:
            raise ChildError(str(head["error"]))
        if "rejected" in head:
            raise ImageRejected(RejectCode(head["rejected"]), str(head["detail"]))
        return _read_made(head, read, recipes)
    except (ValueError, KeyError, TypeError) as error:
        raise BadReplyError(repr(error)) from error


def _read_head(read: Reader) -> dict[str, Any]:
    (length,) = _REPLY.unpack(read(_REPLY.size))
    if length > MAX_HEAD_BYTES:
        raise BadReplyError(f"a head of {length} bytes")
    head: dict[str, Any] = json.loads(read(length))
    return head


def _read_made(head: Mapping[str, Any], read: Reader, recipes: Sequence[Recipe]) -> VariantSet:
    told = SourceImage(**head["source"])
    source = SourceImage(
        format=str(told.format),
        mime=str(told.mime),
        width=int(told.width),
        height=int(told.height),
        orientation=int(told.orientation),
    )
    variants = head["variants"]
    if len(variants) != len(recipes):
        raise BadReplyError(f"{len(variants)} variants of {len(recipes)}")
    images = tuple(
        _read_image(recipe, told_image, read)
        for recipe, told_image in zip(recipes, variants, strict=True)
    )
    return VariantSet(source, str(head["dominant_colour"]), images)


def _read_image(recipe: Recipe, told: Sequence[int], read: Reader) -> EncodedImage:
    width, height, length = map(int, told)
    if not 0 < length <= MAX_BLOB_BYTES:
        raise BadReplyError(f"a variant of {length} bytes")
    return EncodedImage(recipe, read(length), width, height)
