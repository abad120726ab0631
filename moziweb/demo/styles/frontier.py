"""Style of a woodcut with sun, mesas and wooden type."""

import math
from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, clouds, disc, flat, ridge, tinted
from moziweb.demo.styles.figures import hatted
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import ALFA, ALUMNI_BOLD, CINZEL, JOST, OSWALD, PLAYFAIR_BLACK


def paint(brief: Brief) -> Artwork:
    """Printed in three or four inks on old paper, inside a border."""
    rng, palette = brief.rng, brief.palette
    image = flat(palette.light)
    sun = (rng.uniform(650, 1350), rng.uniform(1380, 1560))
    _rays(ImageDraw.Draw(image), rng, sun, palette)
    disc(ImageDraw.Draw(image), sun, rng.uniform(300, 420), palette.accent)
    _ground(ImageDraw.Draw(image), rng, palette)
    tinted(image, clouds(rng, (125, 188), octaves=5, first=9), palette.paper, 0.16)
    _border(image, palette)
    face = rng.choice((ALFA, PLAYFAIR_BLACK, CINZEL, OSWALD))
    title = TitlePlan(
        face,
        (210, 300, 1790, 980),
        palette.ink,
        mode="block",
        valign="middle",
        worn=0.85,
        lines=4,
        largest=420,
        leading=0.16,
    )
    small = BillingPlan(palette.deep, palette.paper, face=JOST, credit=ALUMNI_BOLD, names=200)
    return Artwork(image, title, small, grain=11)


def _rays(draw: ImageDraw.ImageDraw, rng: Random, sun: Point, palette: Palette) -> None:
    count = rng.choice((14, 18, 24))
    tone = mix(palette.light, palette.warm, 0.42)
    for ray in range(count):
        angle = 2 * math.pi * (ray + 0.3) / count
        half = math.pi / count * 0.5
        tips = [
            (sun[0] + 2700 * math.cos(a), sun[1] + 2700 * math.sin(a))
            for a in (angle - half, angle + half)
        ]
        draw.polygon([sun, *tips], fill=tone)


def _ground(draw: ImageDraw.ImageDraw, rng: Random, palette: Palette) -> None:
    for index in range(rng.randint(2, 4)):
        tone = mix(palette.warm, palette.mid, index / 3)
        _mesa(draw, rng, rng.uniform(100, 1900), 1800 + index * 60, tone, palette)
    draw.polygon(ridge(rng, 1900, 60), fill=palette.mid)
    for y in range(1990, 2300, 34):
        left = rng.uniform(-200, 900)
        draw.line((left, y, left + rng.uniform(300, 1300), y), fill=palette.deep, width=7)
    draw.polygon(ridge(rng, 2270, 70, 0.5), fill=palette.ink)
    x = rng.uniform(600, 1400)
    if rng.random() < 0.7:
        hatted(draw, x, 2330, rng.uniform(560, 760), palette.ink)


def _mesa(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    base: float,
    tone: tuple[int, int, int],
    palette: Palette,
) -> None:
    """A mesa with steps, lit from one side."""
    half, high = rng.uniform(190, 420), rng.uniform(260, 520)
    left = [
        (x - half * 1.5, base + 200),
        (x - half * 1.2, base - high * 0.3),
        (x - half, base - high * 0.35),
        (x - half * 0.9, base - high),
    ]
    right = [
        (x + half * 0.85, base - high),
        (x + half * 0.95, base - high * 0.42),
        (x + half * 1.3, base - high * 0.3),
        (x + half * 1.6, base + 200),
    ]
    draw.polygon([*left, *right], fill=tone)
    for _ in range(7):
        cut = x + rng.uniform(-0.1, 0.85) * half
        draw.line(
            (cut, base - high * rng.uniform(0.6, 0.97), cut + 12, base - high * 0.2),
            fill=mix(tone, palette.ink, 0.45),
            width=rng.choice((8, 12, 20)),
        )


def _border(image: Image.Image, palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1999, 2999), outline=palette.paper, width=72)
    draw.rectangle((84, 84, 1915, 2915), outline=palette.ink, width=10)
    draw.rectangle((79, 2480, 1920, 2920), fill=palette.ink)


STYLE = Style(
    "frontier",
    paint,
    {"Western": 14, "Adventure": 1.5, "War": 1.2, "History": 2, "Comedy": 0.3, "Drama": 0.35},
    ("earth",),
)
