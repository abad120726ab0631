"""Undoing a response's content coding, a bounded piece at a time.

urllib3 decodes too, but takes a stream that was cut short for a whole one, and treats a coding it
does not know as none. Both must be told here, because the bytes go on to be somebody's poster.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

Coding = Literal["identity", "gzip", "deflate"]

PIECE_BYTES = 64 * 1024
"""The most that one step of decoding returns, so that a bomb is counted before it is unpacked."""

_CODINGS: dict[str, Coding] = {
    "": "identity",
    "identity": "identity",
    "gzip": "gzip",
    "x-gzip": "gzip",
    "deflate": "deflate",
}
_GZIP_BITS = 16 + zlib.MAX_WBITS
_ZLIB_METHOD = 8


class BadStreamError(Exception):
    """The content coding is unknown, or the stream is not what it says."""


class CutStreamError(Exception):
    """The stream ended before its own end mark."""


def content_coding(header: str) -> Coding:
    """Read a Content-Encoding header; raises `BadStreamError` for a coding never asked for.

    Chains (``gzip, gzip``) are refused too: no image host sends them, and each link multiplies a
    bomb.
    """
    try:
        return _CODINGS[header.strip().lower()]
    except KeyError as error:
        raise BadStreamError(f"content coding {header[:40]!r}") from error


def inflate(pieces: Iterable[bytes], coding: Coding) -> Iterator[bytes]:
    """Yield what ``pieces`` hold, at most `PIECE_BYTES` of decoded bytes at a time.

    Whatever follows the end of a compressed stream is ignored, as browsers do. Raises
    `BadStreamError` for damaged data and `CutStreamError` for a stream without its end.
    """
    if coding == "identity":
        yield from pieces
        return
    decoder = None
    for piece in pieces:
        decoder = decoder or _decoder(coding, piece)
        yield from _decode(decoder, piece)
    if decoder is None or not decoder.eof:
        raise CutStreamError(f"{coding} stream without its end")


def _decoder(coding: Coding, start: bytes) -> "zlib._Decompress":
    if coding == "gzip":
        return zlib.decompressobj(_GZIP_BITS)
    # "deflate" means a zlib stream (RFC 9110), but some servers send it bare. The first byte tells:
    # its low half is 8 in every zlib header and in no bare stream that a compressor would write.
    wrapped = start[0] & 0x0F == _ZLIB_METHOD
    return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _decode(decoder: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while not decoder.eof:
        try:
            decoded = decoder.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise BadStreamError(str(error)) from error
        yield decoded
        data = decoder.unconsumed_tail
        # A full piece may have more behind it inside zlib even when all input is consumed.
        if len(decoded) < PIECE_BYTES:
            return
