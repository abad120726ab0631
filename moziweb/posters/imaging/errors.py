"""Why no variants are made from an image: stable codes, and whether a retry can succeed."""

from enum import StrEnum
from typing import Final


class RejectCode(StrEnum):
    """Stored with the source, counted in metrics, translated in the manager."""

    UNIDENTIFIED = "unidentified"
    """Not a known image format by its first bytes, such as an HTML error page."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """An image in a format that is not accepted: TIFF, HEIC, SVG …"""
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE_SIDE = "too_large_side"
    TOO_MANY_SCANS = "too_many_scans"
    HIGH_DYNAMIC_RANGE = "high_dynamic_range"
    """Its brightness is coded by PQ or HLG, which needs tone mapping."""
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    """Violates the rules of its format."""
    DECODER_FAILED = "decoder_failed"
    """The decoder failed without a specific error: damage, or lack of memory."""
    TOO_MUCH_MEMORY = "too_much_memory"
    """Decoding takes more memory than the site's settings allow."""
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_WORK = "too_much_work"
    """Exceeds the limit of CPU time."""
    DECODE_TIMEOUT = "decode_timeout"
    """Exceeds the limit of wall time, possibly because the machine is busy."""
    DECODER_DIED = "decoder_died"
    """The decoder process ended: a crash, or lack of memory."""


_TRANSIENT: Final = frozenset(
    {
        RejectCode.DECODER_FAILED,
        RejectCode.TOO_MUCH_MEMORY,
        RejectCode.OUT_OF_MEMORY,
        RejectCode.DECODE_TIMEOUT,
        RejectCode.DECODER_DIED,
    }
)


class ImageRejected(Exception):
    """No variants can be made from a source.

    The message contains only the code and may be shown to visitors; ``detail`` is for logs. If
    ``permanent``, the same bytes will be rejected again.
    """

    def __init__(self, code: RejectCode, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.permanent = code not in _TRANSIENT
        self.detail = detail

    def __str__(self) -> str:
        return f"the picture was rejected: {self.code}"
