"""Style of leaves and flowers around the title."""

import math
from random import Random

from PIL import ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, curve, disc, enlarge, glow, moved, sky, turned
from moziweb.demo.styles.palette import Colour, Palette, mix, readable
from moziweb.demo.styles.typography import ABRIL, CORMORANT, JOSEFIN, PACIFICO, PLAYFAIR, VIBES


def paint(brief: Brief) -> Artwork:
    """Branches from the edges, paler in the background, and flowers."""
    rng, palette = brief.rng, brief.palette
    dark = rng.random() < 0.45
    low, high = (palette.ink, palette.deep) if dark else (palette.paper, palette.light)
    soft = sky([(0, high), (0.5, mix(low, high, 0.4)), (1, low)])
    glow(soft, (1000, 1250), 1100, mix(low, palette.warm, 0.35), 0.7)
    image = enlarge(soft)
    draw = ImageDraw.Draw(image)
    tones = _tones(palette, low, dark=dark)
    for depth, tone in enumerate(tones):
        for _ in range(8 + depth * 2):
            root = _rim(rng)
            reach = rng.uniform(0.85, 1.2) * (420 + 300 * abs(root[1] - 1330) / 1380) - depth * 40
            _branch(draw, rng, root, reach, tone)
    for _ in range(rng.randint(5, 9)):
        _flower(draw, rng, _rim(rng, 0.9), rng.uniform(90, 170), palette, tones[-1])
    ink = readable(low, palette)
    return Artwork(
        image, _title(rng, brief.title, palette, ink), BillingPlan(ink, ink, names=None), grain=7
    )


def _tones(palette: Palette, ground: Colour, *, dark: bool) -> tuple[Colour, ...]:
    """Leaf colours from the back to the front."""
    near = palette.mid if dark else palette.deep
    return mix(ground, palette.mid, 0.28), mix(ground, palette.mid, 0.62), near


def _rim(rng: Random, reach: float = 1.0) -> Point:
    """A random point near the edge, more often at the top and the sides than at the bottom."""
    angle = rng.uniform(-math.pi * 1.25, math.pi * 0.25)
    return 1000 + 1090 * reach * math.cos(angle), 1330 + 1380 * reach * math.sin(angle)


def _branch(
    draw: ImageDraw.ImageDraw, rng: Random, root: Point, length: float, fill: Colour
) -> None:
    """A bent stem towards the middle with pairs of leaves."""
    heading = math.degrees(math.atan2(1330 - root[1], 1000 - root[0])) + rng.uniform(-62, 62)
    bend = rng.uniform(-7, 7)
    slim = rng.uniform(0.11, 0.2)
    x, y = root
    for step in range(9):
        nx = x + length / 9 * math.cos(math.radians(heading))
        ny = y + length / 9 * math.sin(math.radians(heading))
        draw.line((x, y, nx, ny), fill=fill, width=max(3, 14 - step))
        size = length * 0.34 * math.sin(math.pi * (step + 2) / 12)
        for side in (-1, 1):
            _leaf(draw, (nx, ny), size, slim, heading + side * rng.uniform(38, 58), fill)
        x, y, heading = nx, ny, heading + bend
    _leaf(draw, (x, y), length * 0.2, slim, heading, fill)


def _leaf(
    draw: ImageDraw.ImageDraw, root: Point, size: float, slim: float, heading: float, fill: Colour
) -> None:
    outline = [
        (0.0, 0.0),
        (0.3, -slim),
        (0.62, -slim * 0.85),
        (1.0, 0.0),
        (0.62, slim * 0.75),
        (0.3, slim * 0.9),
    ]
    shape = curve(outline, steps=5)
    draw.polygon(turned(moved(shape, *root, size), heading, root), fill=fill)


def _flower(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    centre: Point,
    size: float,
    palette: Palette,
    shade: Colour,
) -> None:
    petals = rng.randint(5, 8)
    colour = rng.choice((palette.warm, palette.accent, palette.warm, palette.light))
    for ring, (reach, tone) in enumerate(((1.0, mix(colour, shade, 0.35)), (0.72, colour))):
        for petal in range(petals):
            heading = 360 * petal / petals + ring * 180 / petals
            _leaf(draw, centre, size * reach, 0.36, heading, tone)
    disc(draw, centre, size * 0.2, palette.paper if colour != palette.light else palette.warm)


def _title(rng: Random, title: str, palette: Palette, ink: Colour) -> TitlePlan:
    box = (470, 900, 1530, 1780)
    if len(title) < 22 and rng.random() < 0.5:
        face = rng.choice((VIBES, PACIFICO))
        return TitlePlan(face, (430, 880, 1570, 1780), ink, upper=False, leading=0.5, largest=420)
    face, tracking = rng.choice(((CORMORANT, 0.05), (PLAYFAIR, 0.01), (JOSEFIN, 0.1), (ABRIL, 0.0)))
    return TitlePlan(
        face,
        box,
        ink,
        tracking=tracking,
        upper=face is not PLAYFAIR,
        largest=330,
        leading=0.45 if face is PLAYFAIR else 0.26,
        lines=5,
    )


STYLE = Style(
    "botanical",
    paint,
    {"Romance": 3, "Drama": 0.6, "History": 1, "Family": 0.5, "Fantasy": 0.8},
    ("organic",),
)
