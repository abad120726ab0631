"""A hostile corpus, made by code: files that harm whoever decodes them trustingly.

Each is a `Hostile` with the verdict that it has to get: a rejection's code, or variants. All of
them are small; what they would do is in their names. A verdict is one code, the same each time: the
files are. Only noise in a JPEG may end either way. ``corpus()`` makes the lot in about 3 s.
"""

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from zipfile import ZipFile

from PIL import ExifTags, Image, ImageCms

from moziweb.posters.imaging.errors import RejectCode

from .pictures import encoded, photograph, quarters, with_scans, with_segment

Verdict = frozenset[RejectCode | None]

MADE: Verdict = frozenset({None})
"""The verdict of what is to become variants like any picture."""


@dataclass(frozen=True)
class Hostile:
    """A file, and the verdicts that it may get: codes, or None when variants are made of it.

    ``bomb`` marks those whose decoding would take far more than their size lets expect; ``secret``
    is something of them that may be in no variant.
    """

    name: str
    data: bytes
    verdict: Verdict
    bomb: bool = False
    secret: bytes = b""

    def __str__(self) -> str:
        return self.name


@cache
def corpus() -> tuple[Hostile, ...]:
    """All of them; names are unique."""
    return tuple(each for maker in GROUPS.values() for each in maker())


def _rejected(*codes: RejectCode) -> Verdict:
    return frozenset(codes)


_PIXELS = _rejected(RejectCode.TOO_MANY_PIXELS)
_SIDE = _rejected(RejectCode.TOO_LARGE_SIDE)
_TRUNCATED = _rejected(RejectCode.TRUNCATED)
_DAMAGED = _rejected(RejectCode.DAMAGED)
_FAILED = _rejected(RejectCode.DECODER_FAILED)


# -- Bombs: little to store, much to unpack


def _bombs() -> Iterator[Hostile]:
    yield Hostile("PNG, 1 bit, 169 MP", _png(13000, 13000, depth=1, colour=0), _SIDE, bomb=True)
    yield Hostile("PNG, 1 bit, 81 MP", _png(9000, 9000, depth=1, colour=0), _PIXELS, bomb=True)
    yield Hostile("PNG, 16 bit RGBA, 81 MP", _png(9000, 9000, 16, 6), _PIXELS, bomb=True)
    yield Hostile("PNG, interlaced, 49 MP", _png(7000, 7000, interlaced=True), _PIXELS, bomb=True)
    yield Hostile("WebP, 176 MP", _webp_bomb(), _SIDE, bomb=True)
    yield Hostile("WebP, 16 MP of one colour", _flat("WEBP", 4000, 4000), _PIXELS, bomb=True)
    yield Hostile("JPEG, 99 MP of one colour", _jpeg_of(9990, 9990), _PIXELS, bomb=True)
    yield Hostile("JPEG, 65500 pixels wide", _jpeg_of(65500, 65500), _SIDE, bomb=True)
    yield Hostile("GIF, 2 GP", _gif(46000, 46000), _SIDE, bomb=True)
    yield Hostile("GIF, 64 MP", _gif(8000, 8000), _PIXELS, bomb=True)
    yield Hostile("GIF, a small screen and a huge frame", _gif_frame(9999, 9999), _PIXELS, True)
    yield Hostile("AVIF, 25 MP of one colour", _flat("AVIF", 5000, 5000), _PIXELS, bomb=True)
    yield Hostile("AVIF that announces 4 GP", _avif_announcing(65535, 65535), _SIDE, bomb=True)
    yield Hostile(
        "AVIF that announces 1 pixel and holds 25 MP",
        _avif_announcing(1, 1, of=(5000, 5000)),
        _PIXELS,
        bomb=True,
    )


def _png(
    width: int, height: int, depth: int = 8, colour: int = 2, *, interlaced: bool = False
) -> bytes:
    """A black PNG of any size; its pixels are whole, so only their number can be refused."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    row = 1 + (width * depth * channels + 7) // 8
    packer = zlib.compressobj(9)
    rows = min(height, 2000)  # what comes after them is never looked at
    pixels = b"".join(packer.compress(bytes(row)) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return _png_of(("IHDR", header), ("IDAT", pixels), ("IEND", b""))


def _png_of(*chunks: tuple[str, bytes]) -> bytes:
    written = (
        struct.pack(">I", len(data)) + name.encode() + data
        + struct.pack(">I", zlib.crc32(name.encode() + data))
        for name, data in chunks
    )  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def _webp_bomb() -> bytes:
    """A lossless WebP whose header says 13270x13270; one colour needs no more than a few bytes."""
    data = bytearray(encoded(Image.new("RGB", (16, 16), "red"), "WEBP", lossless=True))
    data[21:25] = (13269 | 13269 << 14).to_bytes(4, "little")
    return bytes(data)


def _flat(format_: str, width: int, height: int) -> bytes:
    options = {"WEBP": {"lossless": True, "method": 0}, "AVIF": {"speed": 10}}[format_]
    return encoded(Image.new("RGB", (width, height), "red"), format_, **options)


def _jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG that says it is larger."""
    data = bytearray(encoded(Image.new("L", (16, 16))))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("P", (8, 8)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def _gif_frame(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("P", (8, 8)), "GIF"))
    at = data.index(b"\x2c", 13) + 5
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def _avif_announcing(width: int, height: int, of: tuple[int, int] = (64, 64)) -> bytes:
    data = bytearray(encoded(Image.new("RGB", of, "red"), "AVIF", speed=10))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


# -- Headers that announce what cannot be


def _announcements() -> Iterator[Hostile]:
    for width, height in ((0, 0), (0, 10), (10, 0)):
        yield Hostile(f"PNG of {width}x{height}", _png(width, height), _DAMAGED)
    yield Hostile("PNG of 2 G x 2 G", _png_of(_header(2**31 - 1, 2**31 - 1), ("IEND", b"")), _SIDE)
    yield Hostile("PNG of 4 G x 1", _png_of(_header(2**32 - 1, 1), ("IEND", b"")), _SIDE)
    yield Hostile("JPEG of 0x0", _jpeg_of(0, 0), _DAMAGED)
    yield Hostile("JPEG of 16x0", _jpeg_of(16, 0), _DAMAGED)
    yield Hostile("GIF of 0x0", _gif_frame(0, 0), _FAILED)
    yield Hostile("WebP of nothing", b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(14), _FAILED)
    yield Hostile("AVIF of 0x0", _avif_announcing(0, 0), _DAMAGED)
    yield Hostile("10,001 pixels wide, 1 high", encoded(Image.new("L", (10_001, 1)), "PNG"), _SIDE)


def _header(width: int, height: int) -> tuple[str, bytes]:
    return "IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)


# -- Scans, frames, chunks, strips: many of something small


def _scans() -> Iterator[Hostile]:
    scans = _rejected(RejectCode.TOO_MANY_SCANS)
    yield Hostile("progressive JPEG of 64 scans", with_scans(64), MADE)
    yield Hostile("progressive JPEG of 65 scans", with_scans(65), scans)
    large = encoded(Image.new("RGB", (4000, 5900), "gray"), progressive=True)
    last = large.rindex(b"\xff\xda")
    endless = large[:-2] + large[last:-2] * 500 + large[-2:]
    yield Hostile("progressive JPEG of 500 empty scans, 24 MP", endless, scans, bomb=True)


def _walks() -> Iterator[Hostile]:
    """What would mislead, or hold up, who reads a header in Python."""
    jpeg, gif = encoded(quarters()), encoded(quarters(), "GIF")
    frame = jpeg.index(b"\xff\xc0")
    again = jpeg[frame : frame + 19]
    yield Hostile("JPEG that ends before it begins", b"\xff\xd8\xff\xd9" + with_scans(80), _DAMAGED)
    yield Hostile("JPEG with two frames", jpeg[:frame] + again + jpeg[frame:], _DAMAGED)
    many = b"\xff\xe5\0\x02" * 800_000
    yield Hostile("JPEG of 800,000 segments", jpeg[:2] + many + jpeg[2:], _DAMAGED, bomb=True)
    padded = jpeg[:2] + b"\xff" * 2_500_000 + jpeg[2:]
    yield Hostile("JPEG with 2.5 MB between two segments", padded, _DAMAGED, bomb=True)
    many = b"!\xfe" + b"\1x" * 1_500_000 + b"\0"
    start = 13 + (3 << (gif[10] & 7) + 1)  # behind the palette
    bent = gif[:start] + many + gif[start:]
    yield Hostile("GIF of 1.5 million sub-blocks", bent, _DAMAGED, bomb=True)


def _frames() -> Iterator[Hostile]:
    first, *others = (Image.new("RGB", (64, 96), (n % 256, n // 2, 7)) for n in range(400))
    for format_ in ("GIF", "PNG", "WEBP", "AVIF"):
        options = {"speed": 10} if format_ == "AVIF" else {"loop": 0}
        data = encoded(first, format_, save_all=True, append_images=others, **options)
        yield Hostile(f"{format_} of 400 frames", data, MADE)
    yield Hostile("APNG that counts 4 G frames", _apng(2**32 - 1), MADE)


def _apng(frames: int) -> bytes:
    data = encoded(quarters(), "PNG")
    control = struct.pack(">II", frames, 0)
    chunk = _png_of(("acTL", control))[8:]
    return data[:33] + chunk + data[33:]


def _chunks() -> Iterator[Hostile]:
    bomb = zlib.compress(bytes(60_000_000), 9)
    for name, start in (("zTXt", b"Comment\0\0"), ("iCCP", b"bomb\0\0"), ("iTXt", b"a\0\1\0\0\0")):
        data = encoded(quarters(), "PNG")
        chunk = _png_of((name, start + bomb))[8:]
        bent = data[:33] + chunk + data[33:]  # 58 KB that unpack to 60 MB: not read to the end
        yield Hostile(f"PNG with {name} of 60 MB", bent, _DAMAGED, True)
    texts = [("tEXt", b"a\0" + bytes(90))] * 20_000
    data = encoded(quarters(), "PNG")
    yield Hostile("PNG with 20,000 texts", data[:33] + _png_of(*texts)[8:] + data[33:], MADE)
    pixels = [("IDAT", b"")] * 20_000
    yield Hostile(
        "PNG with 20,000 empty chunks of pixels", data[:33] + _png_of(*pixels)[8:] + data[33:], MADE
    )
    empty = _png_of(("abCd", b""))[8:] * 300_000  # a million of them took a decoder ten seconds
    yield Hostile("PNG with 300,000 empty chunks", data[:33] + empty + data[33:], _DAMAGED, True)
    late = _png_of(("abCd", b""), _header(6000, 6000), ("IDAT", b""), ("IEND", b""))
    yield Hostile("PNG of 36 MP behind another chunk", late, _PIXELS)


def _strips() -> Iterator[Hostile]:
    """Long and thin: as many pixels as a poster, and a ratio that no box was made for."""
    for size in ((10_000, 1), (1, 10_000), (10_000, 2000), (2000, 10_000)):
        strip = Image.new("RGB", size, "teal")
        for format_ in ("JPEG", "PNG"):
            yield Hostile(f"{format_} strip of {size[0]}x{size[1]}", encoded(strip, format_), MADE)


# -- Two things in one file


def _polyglots() -> Iterator[Hostile]:
    page = b"<html><script>alert(1)</script></html>"
    archive = BytesIO()
    with ZipFile(archive, "w") as files:
        files.writestr("index.html", page)
    jpeg = encoded(quarters())
    pictures = {
        "JPEG and HTML": (with_segment(jpeg, 0xFE, page), page),
        "JPEG with HTML at its end": (jpeg + page, page),
        "JPEG and ZIP": (jpeg + archive.getvalue(), b"index.html"),
        "GIF and JavaScript": (encoded(quarters(), "GIF") + b"/*" + page, page),
        "PNG and ZIP": (encoded(quarters(), "PNG") + archive.getvalue(), b"index.html"),
        "JPEG and PHP in EXIF": (encoded(quarters(), exif=_exif("<?php x(); ?>")), b"<?php"),
    }
    for name, (data, other) in pictures.items():
        yield Hostile(name, data, MADE, secret=other)
    no_picture = _rejected(RejectCode.UNIDENTIFIED)
    foreign = _rejected(RejectCode.UNSUPPORTED_FORMAT)
    yield Hostile("HTML", page, no_picture)
    yield Hostile("HTML that begins like a JPEG", b"\xff\xd8\xff" + page, _DAMAGED)
    yield Hostile("ZIP", archive.getvalue(), no_picture)
    yield Hostile("SVG with a script", b"<svg onload='alert(1)'/>", foreign)
    yield Hostile("PDF", b"%PDF-1.7\n", foreign)
    yield Hostile("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", no_picture)
    yield Hostile("TIFF", encoded(quarters(), "TIFF"), foreign)
    yield Hostile("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", foreign)
    yield Hostile("nothing", b"", no_picture)


def _exif(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = text
    return exif


# -- What a picture tells of whoever made it


_SECRET = b"46.0N 18.2E, by Kovacs"


def _leaks() -> Iterator[Hostile]:
    """Where it was taken, by whom, and with what: none of it may be told to visitors."""
    secret = _SECRET.decode()
    exif = _exif(secret)
    exif[ExifTags.Base.Artist] = secret
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = secret
    xmp = b"<x:xmpmeta><exif:GPSLatitude>" + _SECRET + b"</exif:GPSLatitude></x:xmpmeta>"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = {"exif": exif, "xmp": xmp, "icc_profile": srgb + _SECRET}
    for format_ in ("JPEG", "WEBP", "AVIF"):
        data = encoded(quarters(), format_, **told)
        yield _leak(f"{format_} with a place in EXIF, XMP and its profile", data)
    stereo = encoded(quarters(), "MPO", save_all=True, append_images=[quarters()], exif=exif)
    yield _leak("MPO with a place in EXIF", stereo)
    jpeg = encoded(quarters(), comment=_SECRET)
    iptc = b"Photoshop 3.0\0" + _SECRET
    yield _leak("JPEG with a name in IPTC and a comment", with_segment(jpeg, 0xED, iptc))
    yield _leak("GIF with a name in a comment", encoded(quarters(), "GIF", comment=_SECRET))
    png = encoded(quarters(), "PNG", exif=exif)
    text = _png_of(("tEXt", b"Author\0" + _SECRET))[8:]
    yield _leak("PNG with a place in EXIF and a name in a text", png[:33] + text + png[33:])


def _leak(name: str, data: bytes) -> Hostile:
    if _SECRET not in data:
        raise ValueError(f"{name}: it is not in the file, so that nothing could tell it")
    return Hostile(name, data, MADE, secret=_SECRET)


# -- Cut, bent, and odd


def _truncations() -> Iterator[Hostile]:
    picture = photograph(200, 300)
    for format_ in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        whole = encoded(picture, format_)
        for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
            cut = whole[: max(24, int(len(whole) * share))]
            # libavif, and Pillow without a whole header, have one word for any damage.
            tells = format_ != "AVIF" and (format_, share) != ("JPEG", 0.01)
            verdict = _TRUNCATED if tells else _DAMAGED
            yield Hostile(f"{format_} cut at {share:.0%}", cut, verdict)
    progressive = encoded(picture, progressive=True)
    yield Hostile("progressive JPEG cut at 50%", progressive[: len(progressive) // 2], _TRUNCATED)


def _profiles() -> Iterator[Hostile]:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = random.Random(1).randbytes(3000)
    profiles = {
        "no profile at all": b"no profile",
        "noise": noise,
        "half a profile": srgb[: len(srgb) // 2],
        "a profile that counts 4 G tags": srgb[:128] + b"\xff\xff\xff\xff" + srgb[132:],
        "a profile of 4 GB": b"\xff\xff\xff\xff" + srgb[4:],
        "a profile of another colour space": srgb[:16] + b"CMYK" + srgb[20:],
        "a profile with noise in its curves": srgb[:400] + noise[: len(srgb) - 400],
    }
    for name, profile in profiles.items():
        for format_ in ("JPEG", "PNG", "WEBP"):
            data = encoded(quarters(), format_, icc_profile=profile)
            yield Hostile(f"{format_} with {name}", data, MADE)


_DAMAGES: Mapping[str, Verdict] = {
    "JPEG": MADE | _FAILED,  # libjpeg goes on behind what it cannot read, where it can
    "PNG": _DAMAGED,
    "WEBP": MADE,
    "GIF": _DAMAGED,
    "AVIF": MADE,
}
"""What noise does: PNG has sums, and in a GIF one wrong code makes nonsense of all that follow."""


def _damages() -> Iterator[Hostile]:
    picture = photograph(120, 180)
    rng = random.Random(2)
    for format_ in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        for number in range(6):
            data = bytearray(encoded(picture, format_))
            for _ in range(12):
                data[rng.randrange(12, len(data))] = rng.randrange(256)
            name = f"{format_} with noise, {number}"
            yield Hostile(name, bytes(data), _DAMAGES[format_])
    yield from _damages_with_right_sums()


def _damages_with_right_sums() -> Iterator[Hostile]:
    """PNGs that nothing is wrong with until their pixels are unpacked."""
    header = struct.pack(">IIBBBBB", 40, 60, 8, 2, 0, 0, 0)
    row = bytes(1 + 40 * 3)
    rows = zlib.compress(row * 60, 0)
    pixels = {
        "rows by a filter that there is not": zlib.compress(b"\x09" + row[1:] + row * 59),
        "noise in its rows": rows[:2] + random.Random(3).randbytes(len(rows) - 2),
        "a wrong sum of its rows": rows[:-4] + bytes(4),
        "half its rows": zlib.compress(row * 30),
        "rows of another kind of packing": b"\x1f\x8b" + rows,
    }
    # Whatever rows there are, are unpacked; the others stay black.
    verdicts = {"half its rows": MADE}
    for name, packed in pixels.items():
        data = _png_of(("IHDR", header), ("IDAT", packed), ("IEND", b""))
        yield Hostile(f"PNG with {name}", data, verdicts.get(name, _DAMAGED))


def _oddities() -> Iterator[Hostile]:
    for orientation in (0, 9, 65535):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        yield Hostile(f"JPEG with orientation {orientation}", encoded(quarters(), exif=exif), MADE)
    loop = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    yield Hostile(
        "JPEG with EXIF that refers to itself", with_segment(encoded(quarters()), 0xE1, loop), MADE
    )
    yield Hostile("CMYK JPEG", encoded(quarters().convert("CMYK")), MADE)
    yield Hostile(
        "progressive CMYK JPEG", encoded(quarters().convert("CMYK"), progressive=True), MADE
    )
    stereo = encoded(quarters(), "MPO", save_all=True, append_images=[quarters()] * 20)
    yield Hostile("MPO of 21 pictures", stereo, MADE)


GROUPS: Mapping[str, Callable[[], Iterator[Hostile]]] = {
    "bombs": _bombs,
    "announcements": _announcements,
    "scans": _scans,
    "walks": _walks,
    "frames": _frames,
    "chunks": _chunks,
    "strips": _strips,
    "polyglots": _polyglots,
    "leaks": _leaks,
    "truncations": _truncations,
    "profiles": _profiles,
    "damages": _damages,
    "oddities": _oddities,
}
"""What makes them, by kind: nothing is made before it is asked for."""
