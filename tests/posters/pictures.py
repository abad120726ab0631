"""Pictures for tests and benchmarks, made by code."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """Something with the spectrum of a photographic poster: broad colours, ever finer light and
    shade, film grain, sharp lines and lettering. At 2000x3000 a JPEG of it in quality 90 takes
    1.2 MB, which is what posters of that size take.
    """
    rng = random.Random(seed)
    size = width, height
    colours = Image.blend(_field(rng, "RGB", size, 3), _field(rng, "RGB", size, 12), 0.3)
    light = _field(rng, "L", size, 6)
    for cells, weight in ((20, 0.45), (60, 0.33), (180, 0.25), (500, 0.2)):
        light = Image.blend(light, _field(rng, "L", size, min(cells, width)), weight)
    grain = Image.frombytes("L", size, rng.randbytes(width * height))
    light = Image.blend(light, grain.filter(ImageFilter.GaussianBlur(0.7)), 0.05)
    picture = ImageChops.soft_light(colours, Image.merge("RGB", (light,) * 3))
    _letter(ImageDraw.Draw(picture), rng, size)
    return picture


def _field(rng: random.Random, mode: str, size: tuple[int, int], cells: int) -> Image.Image:
    """Smooth noise with ``cells`` hills across."""
    grid = max(2, cells), max(2, cells * size[1] // size[0])
    noise = Image.frombytes(mode, grid, rng.randbytes(grid[0] * grid[1] * len(mode)))
    return noise.resize(size, Image.Resampling.BICUBIC)


def _letter(draw: ImageDraw.ImageDraw, rng: random.Random, size: tuple[int, int]) -> None:
    width, height = size
    for _ in range(40):
        radius = rng.randrange(1 + width // 100, 2 + width // 8)
        centre = rng.randrange(width), rng.randrange(height)
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        draw.circle(centre, radius, outline=colour, width=max(1, width // 400))
    for line in range(8):
        at = width // 10, int(height * (0.8 + 0.02 * line))
        text = "STARRING NOBODY IN PARTICULAR " * 2
        draw.text(at, text, fill=(240, 230, 210), font_size=max(4, width // 40))


def quarters(width: int = 80, height: int = 120) -> Image.Image:
    """Red, green, blue and white, clockwise from the top left: it tells which way is up."""
    picture = Image.new("RGB", (width, height))
    halves = width // 2, height // 2
    for left, top, colour in ((0, 0, "red"), (1, 0, "lime"), (1, 1, "blue"), (0, 1, "white")):
        corner = left * halves[0], top * halves[1]
        picture.paste(colour, (*corner, width if left else halves[0], height if top else halves[1]))
    return picture


def encoded(picture: Image.Image, format_: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file of a Pillow format."""
    buffer = BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def png_announcing(width: int, height: int, before: bytes | None = None) -> bytes:
    """A PNG of a few bytes whose header tells of a 1-bit picture of any size; no pixels follow.

    ``before`` names an empty chunk in front of the header.
    """
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    first = _chunk(before, b"") if before else b""
    parts = first + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + parts


def png_of(width: int, height: int, *, depth: int, colour: int, pixels: bytes) -> bytes:
    """A PNG of any bit depth and colour type; ``pixels`` are rows, each after its filter's byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until it has ``scans`` of them."""
    whole = encoded(photograph(64, 96), progressive=True)
    last = whole.rindex(b"\xff\xda")
    present = whole.count(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * (scans - present) + whole[-2:]


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """The JPEG with one more segment right after its start, such as a comment or a profile."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]
