"""Drawing functions for backgrounds, light and shapes.

Coordinates are those of the finished poster, 2000 wide and 3000 high, for images of any size.
Blurred parts are drawn small (`SOFT`) and scaled up, which takes a twentieth of the time and looks
the same; sharp edges are drawn at full size.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from moziweb.demo.styles.palette import Colour

CANVAS_WIDTH: Final = 2000
CANVAS_HEIGHT: Final = 3000
FULL: Final = (CANVAS_WIDTH, CANVAS_HEIGHT)
SOFT: Final = (250, 375)

Point = tuple[float, float]
Stop = tuple[float, Colour]


def sky(stops: Sequence[Stop], size: tuple[int, int] = SOFT) -> Image.Image:
    """A vertical gradient through `stops`: (fraction of the height, colour), top to bottom."""
    strip = Image.new("RGB", (1, 256))
    for y in range(256):
        strip.putpixel((0, y), _at(stops, y / 255))
    return strip.resize(size, Image.Resampling.BICUBIC)


def flat(colour: Colour) -> Image.Image:
    """A full-size image of one colour."""
    return Image.new("RGB", FULL, colour)


def enlarge(image: Image.Image) -> Image.Image:
    """Scale a small image to the poster's size: bicubic to double size, then bilinear."""
    double = image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)
    return double.resize(FULL, Image.Resampling.BILINEAR)


def glow(
    image: Image.Image, centre: Point, radius: float, colour: Colour, strength: float = 1.0
) -> None:
    """Paint a soft light of `colour` around `centre` that fades to 0 at `radius`, in place."""
    scale = image.width / CANVAS_WIDTH
    side = max(2, round(2 * radius * scale))
    falloff = [round(255 * strength * (1 - value / 255) ** 2) for value in range(256)]
    mask = Image.radial_gradient("L").point(falloff).resize((side, side))
    corner = (round(centre[0] * scale - side / 2), round(centre[1] * scale - side / 2))
    image.paste(colour, (*corner, corner[0] + side, corner[1] + side), mask)


def vignette(image: Image.Image, colour: Colour, strength: float = 0.6) -> None:
    """Darken (or tint) towards the corners, in place."""
    falloff = [round(255 * strength * max(0.0, v / 255 - 0.3) ** 1.6 / 0.6) for v in range(256)]
    mask = Image.radial_gradient("L").point([min(255, v) for v in falloff]).resize(image.size)
    image.paste(colour, (0, 0, *image.size), mask)


def haze(
    image: Image.Image, top: float, bottom: float, colour: Colour, start: float, end: float
) -> None:
    """A band of `colour` whose opacity runs from `start` at `top` to `end` at `bottom`."""
    scale = image.width / CANVAS_WIDTH
    box = (0, round(top * scale), image.width, round(bottom * scale))
    mask = Image.new("L", (1, 64))
    for y in range(64):
        mask.putpixel((0, y), round(255 * (start + (end - start) * y / 63)))
    size = (box[2] - box[0], max(1, box[3] - box[1]))
    image.paste(colour, (*box[:2], box[0] + size[0], box[1] + size[1]), mask.resize(size))


def fill_foot(image: Image.Image, top: int, colour: Colour) -> None:
    """Paint everything below `top` in one colour, such as under a haze."""
    image.paste(colour, (0, top, image.width, image.height))


def clouds(rng: Random, size: tuple[int, int], octaves: int = 4, first: int = 3) -> Image.Image:
    """Smooth noise in mode L, 0 to 255, in several octaves; rotated, so that no grid is visible."""
    side = round(1.5 * max(size))
    total = _noise(rng, first, side)
    for octave in range(1, octaves):
        finer = _noise(rng, first * 2**octave, side)
        total = Image.blend(total, finer, 0.42 * 0.62**octave)
    turned_sheet = total.rotate(rng.uniform(20, 70), Image.Resampling.BILINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    return stretched(turned_sheet.crop((left, top, left + size[0], top + size[1])))


def stretched(image: Image.Image) -> Image.Image:
    """The image in mode L with its values stretched to 0 to 255."""
    low, high = image.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        return image
    span = max(1.0, high - low)
    return image.point([round(min(255, max(0, (v - low) * 255 / span))) for v in range(256)])


def tinted(image: Image.Image, mask: Image.Image, colour: Colour, strength: float) -> None:
    """Paint `colour` through `mask` (mode L, any size), in place."""
    weaker = mask.point([round(value * strength) for value in range(256)])
    image.paste(colour, (0, 0, *image.size), weaker.resize(image.size, Image.Resampling.BILINEAR))


def lay(image: Image.Image, colour: Colour, mask: Image.Image, strength: float = 1.0) -> None:
    """Paint `colour` through a full-size `mask`, in place; only its bounding box is processed."""
    box = mask.getbbox()
    if box is None:
        return
    part = mask.crop(box)
    if strength < 1:
        part = part.point([round(value * strength) for value in range(256)])
    image.paste(colour, box, part)


def masked(shape: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    """A full-size mask that `shape` draws in white (255)."""
    mask = Image.new("L", FULL, 0)
    shape(ImageDraw.Draw(mask))
    return mask


def multiplied(image: Image.Image, mask: Image.Image, colour: Colour) -> Image.Image:
    """Print `colour` through `mask` like a transparent ink."""
    box = mask.getbbox() or (0, 0, 1, 1)
    layer = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), (255, 255, 255))
    layer.paste(colour, (0, 0, *layer.size), mask.crop(box))
    image.paste(ImageChops.multiply(image.crop(box), layer), box)
    return image


def softened(mask: Image.Image, radius: float) -> Image.Image:
    """A blurred copy at full size; the blur is computed at 1/8, so that a large radius is fast."""
    small = mask.reduce(8)
    blurred = small.filter(ImageFilter.GaussianBlur(radius * SOFT[0] / CANVAS_WIDTH))
    return blurred.resize(mask.size, Image.Resampling.BILINEAR)


def grained(image: Image.Image, rng: Random, amount: float) -> Image.Image:
    """The image with film grain of about `amount` levels."""
    side = 384
    tile = Image.frombytes("L", (side, side), rng.randbytes(side * side))
    tile = tile.filter(ImageFilter.GaussianBlur(0.7))
    tile = tile.point([round(128 + (value - 128) * amount / 32) for value in range(256)])
    sheet = Image.new("L", image.size)
    for top in range(0, image.height, side):
        for left in range(0, image.width, side):
            sheet.paste(tile, (left, top))
    grain = Image.merge("RGB", (sheet, sheet, sheet))
    return ImageChops.add(image, grain, scale=1, offset=-128)


def curve(points: Sequence[Point], *, closed: bool = True, steps: int = 10) -> list[Point]:
    """A smooth line through `points` (Catmull-Rom) with `steps` segments per span."""
    count = len(points)
    spans = count if closed else count - 1
    line: list[Point] = []
    for index in range(spans):
        line += _span(_neighbours(points, index, closed), steps)
    if not closed:
        line.append(points[-1])
    return line


def moved(points: Iterable[Point], x: float, y: float, scale: float = 1.0) -> list[Point]:
    """Points scaled about the origin, then moved by (x, y)."""
    return [(x + px * scale, y + py * scale) for px, py in points]


def turned(points: Iterable[Point], degrees: float, centre: Point) -> list[Point]:
    """Points rotated clockwise about `centre`."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    cx, cy = centre
    return [
        (cx + (x - cx) * cosine - (y - cy) * sine, cy + (x - cx) * sine + (y - cy) * cosine)
        for x, y in points
    ]


def ridge(rng: Random, base: float, height: float, roughness: float = 0.55) -> list[Point]:
    """A mountain ridge from edge to edge (midpoint displacement), closed below the poster."""
    heights = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    spread = 1.0
    for _ in range(8):
        spread *= roughness
        between = [(a + b) / 2 + rng.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [value for pair in zip(heights, between, strict=False) for value in pair] + [
            heights[-1]
        ]
    step = (CANVAS_WIDTH + 40) / (len(heights) - 1)
    line = [(-20 + i * step, base - height * value) for i, value in enumerate(heights)]
    return [*line, (CANVAS_WIDTH + 20, CANVAS_HEIGHT + 20), (-20, CANVAS_HEIGHT + 20)]


def disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour | int) -> None:
    """A filled circle."""
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _at(stops: Sequence[Stop], share: float) -> Colour:
    for (start, first), (end, second) in pairwise(stops):
        if share <= end:
            part = 0.0 if end == start else max(0.0, (share - start) / (end - start))
            red, green, blue = (
                round(a + (b - a) * part) for a, b in zip(first, second, strict=True)
            )
            return red, green, blue
    return stops[-1][1]


def _noise(rng: Random, cells: int, side: int) -> Image.Image:
    grid = Image.frombytes("L", (cells, cells), rng.randbytes(cells * cells))
    smooth = grid.resize((side, side), Image.Resampling.BICUBIC)
    return smooth.filter(ImageFilter.GaussianBlur(side / cells / 3))


def _neighbours(
    points: Sequence[Point], index: int, closed: bool
) -> tuple[Point, Point, Point, Point]:
    last = len(points) - 1
    places = [index - 1, index, index + 1, index + 2]
    if closed:
        a, b, c, d = (points[place % len(points)] for place in places)
    else:
        a, b, c, d = (points[min(last, max(0, place))] for place in places)
    return a, b, c, d


def _span(points: tuple[Point, Point, Point, Point], steps: int) -> list[Point]:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    return [
        (_spline(ax, bx, cx, dx, step / steps), _spline(ay, by, cy, dy, step / steps))
        for step in range(steps)
    ]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (
        2 * b
        + (c - a) * t
        + (2 * a - 5 * b + 4 * c - d) * t * t
        + (3 * b - a - 3 * c + d) * t * t * t
    )
