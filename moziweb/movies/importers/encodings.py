"""Decodes the bytes of a list, in a given or a guessed encoding. Pure."""

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes

from moziweb.i18n import _

from .problems import ImportRefused

ENCODINGS: Final = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1250": "Windows-1250",
    "iso-8859-2": "ISO-8859-2",
}
"""The encodings of lists, with their display names."""

GUESSED_ENCODINGS: Final = frozenset({"cp1250", "iso-8859-2"})
"""They differ in a few letters and in quotation marks, so that a guess may be wrong."""

NOT_TEXT: Final = _("the file is not text in UTF-8; save the list as CSV in UTF-8")

_MARKS_OF_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SAMPLE: Final = 1 << 16
"""Bytes that a guess is based on."""

_CONTEXT: Final = 100
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_BY_CODEC: Final = {"cp1250": "cp1250", "iso8859_2": "iso-8859-2"}


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a file. Bytes that are invalid in its ``encoding`` are surrogates.

    ``guessed`` is set if another encoding is possible, too.
    """

    text: str
    encoding: str
    guessed: bool = False


def decoded_list(data: bytes, encoding: str = "") -> DecodedText:
    """Return the text of a file. Without an ``encoding``, it is recognised.

    Raises ``ImportRefused`` for a file that is not text, and for an unknown encoding.
    """
    if encoding:
        return _decoded_as(data, encoding)
    if data[:2] in _MARKS_OF_UTF_16 or _utf_16_codec(data):
        return _decoded_as(data, "utf-16")
    with suppress(UnicodeDecodeError):
        return DecodedText(data.decode("utf-8-sig").lstrip("\ufeff"), "utf-8")
    text = _text(data, "utf-8-sig")
    valid = text.encode(errors="ignore").decode()
    bad, not_ascii = len(text) - len(valid), len(valid) - len(valid.encode("ascii", "ignore"))
    if not_ascii > bad:  # some rows of a list in UTF-8 may be in another encoding
        return DecodedText(text.lstrip("\ufeff"), "utf-8")
    found = _guess(data)
    return DecodedText(_text(data, found), found, guessed=True)


def _decoded_as(data: bytes, encoding: str) -> DecodedText:
    if encoding not in ENCODINGS:
        text = _("no such encoding: ${encoding}; there are ${known}")
        raise ImportRefused(text, encoding=repr(encoding[:40]), known=", ".join(ENCODINGS))
    if encoding == "utf-16":
        codec = _MARKS_OF_UTF_16.get(data[:2]) or _utf_16_codec(data) or "utf-16-le"
        try:
            return DecodedText(data.decode(codec).lstrip("\ufeff"), encoding)
        except UnicodeDecodeError:
            raise ImportRefused(NOT_TEXT) from None
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    return DecodedText(_text(data, codec).lstrip("\ufeff"), encoding)


def _text(data: bytes, codec: str) -> str:
    return data.decode(codec, errors="surrogateescape")


def _utf_16_codec(data: bytes) -> str | None:
    """Return the codec of UTF-16 without a byte order mark: every second byte is mostly zero."""
    sample = data[: _SAMPLE & ~1]
    half = len(sample) // 2
    if half < 2 or len(data) % 2:
        return None
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    if second > 0.7 * half and first < 0.1 * half:
        return "utf-16-le"
    if first > 0.7 * half and second < 0.1 * half:
        return "utf-16-be"
    return None


def _guess(data: bytes) -> str:
    """Return the likelier encoding of one byte per letter.

    The text around letters that ASCII lacks decides. Raises ``ImportRefused`` for binary files.
    """
    if b"\0" in data:
        raise ImportRefused(NOT_TEXT)
    sample, end = bytearray(), 0
    for letter in _NOT_ASCII.finditer(data):
        if letter.start() >= end:
            end = letter.end() + _CONTEXT
            sample += data[max(letter.start() - _CONTEXT, 0) : end]
        if len(sample) > _SAMPLE:
            break
    best = from_bytes(sample, cp_isolation=[*_BY_CODEC]).best()
    return "cp1250" if best is None else _BY_CODEC[best.encoding]
