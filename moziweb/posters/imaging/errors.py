"""Why a picture is not made into variants: stable codes, and whether trying again can help."""

from enum import StrEnum
from typing import Final


class RejectCode(StrEnum):
    """Stored with the source, counted, put in words by the manager."""

    UNIDENTIFIED = "unidentified"
    """Not a picture, as far as its first bytes tell: an error page, for instance."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """A picture, but none that is read here: TIFF, HEIC, SVG …"""
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE_SIDE = "too_large_side"
    TOO_MANY_SCANS = "too_many_scans"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    """Announces itself well, then breaks its format's rules."""
    DECODER_FAILED = "decoder_failed"
    """The decoder gave up without naming a cause: damage, or a lack of memory."""
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_WORK = "too_much_work"
    """Takes more processor time than a picture may."""
    DECODE_TIMEOUT = "decode_timeout"
    """Not done in time, which a busy machine can be the cause of."""
    DECODER_DIED = "decoder_died"
    """The process that decoded it ended: by a crash, or for a lack of memory."""


_TRANSIENT: Final = frozenset(
    {
        RejectCode.DECODER_FAILED,
        RejectCode.OUT_OF_MEMORY,
        RejectCode.DECODE_TIMEOUT,
        RejectCode.DECODER_DIED,
    }
)


class ImageRejected(Exception):
    """A source that no variants are made of.

    Its text names the code alone and may be shown to anyone; ``detail`` is for logs. ``permanent``
    says that the same bytes will be rejected again.
    """

    def __init__(self, code: RejectCode, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.permanent = code not in _TRANSIENT
        self.detail = detail

    def __str__(self) -> str:
        return f"the picture was rejected: {self.code}"
