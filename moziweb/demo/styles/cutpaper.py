"""Style of cut paper, like posters of the 1950s."""

import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, disc, flat, moved, turned
from moziweb.demo.styles.figures import PROFILE
from moziweb.demo.styles.palette import Colour, Palette, readable
from moziweb.demo.styles.typography import ANTON, BEBAS, JOST_BLACK, OSWALD


def paint(brief: Brief) -> Artwork:
    """A few flat shapes on a flat colour, and a title of cut letters."""
    rng, palette = brief.rng, brief.palette
    ground = rng.choice((palette.mid, palette.warm, palette.paper, palette.light, palette.ink))
    image = flat(ground)
    rng.choice(_MOTIFS)(ImageDraw.Draw(image), rng, _inks(rng, palette, ground))
    ink = readable(ground, palette)
    face = rng.choice((ANTON, JOST_BLACK, OSWALD, BEBAS))
    title = TitlePlan(
        face,
        (150, 1900, 1850, 2440),
        ink,
        align=rng.choice(("left", "centre")),
        valign="bottom",
        jitter=3.2,
        largest=400,
        leading=0.16,
    )
    return Artwork(image, title, BillingPlan(ink, ink, align=title.align), grain=9)


def _inks(rng: Random, palette: Palette, ground: Colour) -> list[Colour]:
    """The palette's flat colours without that of the ground, shuffled; contrasting ones first."""
    rest = [palette.ink, palette.paper, palette.warm, palette.mid, palette.accent]
    inks = [colour for colour in rest if colour != ground]
    first = readable(ground, palette)
    others = [colour for colour in inks if colour != first]
    rng.shuffle(others)
    return [first, *others]


def cut(rng: Random, points: Sequence[Point], slip: float = 26) -> list[Point]:
    """The outline with every corner moved a little."""
    return [(x + rng.uniform(-slip, slip), y + rng.uniform(-slip, slip)) for x, y in points]


def _box(rng: Random, left: float, top: float, right: float, bottom: float) -> list[Point]:
    return cut(rng, [(left, top), (right, top), (right, bottom), (left, bottom)])


def _shards(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """Bars of different lengths from the top, one of them bent."""
    count = rng.randint(4, 6)
    across = 1700 / count
    for index in range(count):
        left = 150 + index * across
        bottom = rng.uniform(900, 1750)
        draw.polygon(_box(rng, left, 240, left + across * 0.82, bottom), fill=inks[index % 4])
        if index == count // 2:
            arm = [(left, bottom - 60), (left + across * 0.8, bottom - 90)]
            hand = [(left + across * 1.2, bottom + 160), (left - 60, bottom + 190)]
            draw.polygon(cut(rng, arm + hand, 40), fill=inks[index % 4])


def _spiral(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """Rotated squares inside each other, with a falling person in the middle."""
    centre = (1000.0, 1040.0)
    sides = rng.choice((3, 4, 5, 6))
    for index in range(11):
        radius = 980 * 0.82**index
        corners = [
            (
                centre[0] + radius * math.cos(2 * math.pi * side / sides),
                centre[1] + radius * math.sin(2 * math.pi * side / sides),
            )
            for side in range(sides)
        ]
        shape = cut(rng, turned(corners, index * 13, centre), radius * 0.03)
        draw.polygon(shape, fill=inks[index % 3])
    _falling(draw, rng, centre, 330, inks[(11) % 3])


def _falling(
    draw: ImageDraw.ImageDraw, rng: Random, centre: Point, size: float, fill: Colour
) -> None:
    body = [
        (-0.10, -0.25),
        (0.12, -0.28),
        (0.14, 0.1),
        (0.42, 0.42),
        (0.33, 0.5),
        (0.02, 0.22),
        (-0.12, 0.55),
        (-0.24, 0.52),
        (-0.12, 0.08),
        (-0.16, -0.1),
        (-0.45, -0.32),
        (-0.4, -0.42),
    ]
    tilt = rng.uniform(-40, 60)
    draw.polygon(cut(rng, turned(moved(body, *centre, size), tilt, centre), 5), fill=fill)
    head = turned([(centre[0] + 0.02 * size, centre[1] - 0.4 * size)], tilt, centre)[0]
    disc(draw, head, size * 0.11, fill)


def _watcher(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """A large eye of a few shapes."""
    y = 1040
    lid = [
        (160, y),
        (520, y - 400),
        (1000, y - 540),
        (1480, y - 410),
        (1840, y),
        (1480, y + 380),
        (1000, y + 500),
        (520, y + 390),
    ]
    draw.polygon(cut(rng, lid, 36), fill=inks[0])
    draw.polygon(_ring(rng, (1000, y), 430, 9), fill=inks[1])
    draw.polygon(_ring(rng, (1000, y), 250, 8), fill=inks[2])
    draw.polygon(_ring(rng, (1000 + rng.uniform(-40, 40), y), 118, 7), fill=inks[0])
    for index in range(rng.randint(5, 8)):
        x = 330 + index * 190
        tip = (x + (x - 1000) * 0.25, y - 760 - rng.uniform(0, 110))
        root = y - 560 + abs(x - 1000) * 0.32
        draw.polygon(cut(rng, [(x - 42, root), tip, (x + 42, root)], 12), fill=inks[1])


def _ring(rng: Random, centre: Point, radius: float, corners: int) -> list[Point]:
    return [
        (
            centre[0] + radius * rng.uniform(0.92, 1.06) * math.cos(2 * math.pi * i / corners),
            centre[1] + radius * rng.uniform(0.92, 1.06) * math.sin(2 * math.pi * i / corners),
        )
        for i in range(corners)
    ]


def _stairs(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """Steps from corner to corner under a sun; a small figure at the top."""
    disc(draw, (rng.uniform(1250, 1500), 640), rng.uniform(230, 360), inks[1])
    steps = rng.randint(5, 7)
    for index in range(steps):
        left = index * 2000 / steps
        top = 1760 - index * (900 / steps)
        colour = inks[0] if index % 2 else inks[2]
        draw.polygon(_box(rng, left - 30, top, left + 2000 / steps + 30, 1800), fill=colour)
    x, ground = 2000 - 1000 / steps, 1760 - (steps - 1) * 900 / steps + 10
    draw.polygon(
        cut(
            rng,
            [(x - 70, ground), (x - 40, ground - 330), (x + 60, ground - 320), (x + 80, ground)],
            10,
        ),
        fill=inks[3],
    )
    disc(draw, (x + 8, ground - 390), 62, inks[3])


def _blocks(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """A town or a crowd of slanted rectangles and circles."""
    for row in range(4):
        left = 140.0
        while left < 1750:
            across = rng.uniform(190, 460)
            right = min(1860.0, left + across)
            top = 270 + row * 385
            fill = rng.choice(inks[:4])
            if rng.random() < 0.22 and right - left > 220:
                disc(draw, ((left + right) / 2, top + 175), min(170, (right - left) / 2), fill)
            else:
                draw.polygon(_box(rng, left, top, right - 30, top + 350), fill=fill)
            left = right


def _head(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour]) -> None:
    """A head in profile with straight edges over a disc, with a small shape in the head."""
    disc(draw, (rng.uniform(800, 1200), 900), rng.uniform(560, 680), inks[1])
    left = rng.random() < 0.5
    points = [(1 - x if left else x, y) for x, y in PROFILE[1:-1:2]]
    draw.polygon(cut(rng, moved(points, 240, 380, 1420), 14), fill=inks[0])
    centre = (1000 + (60 if left else -60), 860)
    for ring, colour in enumerate((inks[2], inks[1], inks[3])):
        draw.polygon(_ring(rng, centre, 300 - ring * 95, 7), fill=colour)


_MOTIFS: tuple[Callable[[ImageDraw.ImageDraw, Random, list[Colour]], None], ...] = (
    _shards,
    _spiral,
    _watcher,
    _stairs,
    _blocks,
    _head,
)

STYLE = Style(
    "cutpaper",
    paint,
    {
        "Crime": 2.5,
        "Thriller": 1.3,
        "Mystery": 2,
        "Comedy": 1.6,
        "Drama": 0.7,
        "Musical": 1.5,
        "Documentary": 0.8,
    },
    ("flat",),
)
