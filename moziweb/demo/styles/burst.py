"""Style of an explosion with figures in front of it."""

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import (
    SOFT,
    clouds,
    disc,
    enlarge,
    fill_foot,
    glow,
    haze,
    sky,
    softened,
    tinted,
    vignette,
)
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import ANTON, BEBAS, CINZEL, JOST_BLACK, OSWALD


def paint(brief: Brief) -> Artwork:
    """Smoke, light and embers from one point, and one to three figures in front."""
    rng, palette = brief.rng, brief.palette
    centre = (rng.uniform(850, 1150), rng.uniform(1150, 1350))
    soft = sky([(0, palette.ink), (0.5, palette.deep), (1, palette.ink)], SOFT)
    glow(soft, centre, 1700, palette.mid, 1.0)
    glow(soft, centre, 1150, palette.warm, 0.95)
    smoke = clouds(rng, SOFT, octaves=6, first=3)
    tinted(
        soft, smoke.point([max(0, min(255, (v - 70) * 2)) for v in range(256)]), palette.ink, 0.8
    )
    glow(soft, centre, 620, palette.light, 0.95)
    glow(soft, centre, 330, palette.paper, 1.0)
    soft = ImageChops.screen(soft, _beams(rng, centre, palette))
    vignette(soft, palette.ink, 0.6)
    image = enlarge(soft)
    _embers(image, rng, centre, palette)
    _crew(image, rng, palette)
    haze(image, 1900, 2480, palette.ink, 0.0, 1.0)
    fill_foot(image, 2480, palette.ink)
    face, tracking = rng.choice(
        ((ANTON, 0.02), (BEBAS, 0.08), (CINZEL, 0.04), (JOST_BLACK, 0.0), (OSWALD, 0.08))
    )
    title = TitlePlan(
        face,
        (150, 1930, 1850, 2430),
        palette.paper,
        tracking=tracking,
        valign="bottom",
        largest=400,
        lines=3,
        leading=0.17,
        halo=palette.mid,
    )
    return Artwork(image, title, BillingPlan(palette.paper, palette.light), grain=11)


def _beams(rng: Random, centre: tuple[float, float], palette: Palette) -> Image.Image:
    """Soft rays of light from the centre, as a small image."""
    mask = Image.new("L", SOFT, 0)
    draw = ImageDraw.Draw(mask)
    x, y = centre[0] / 8, centre[1] / 8
    for _ in range(16):
        angle, half = rng.uniform(0, 2 * math.pi), rng.uniform(0.01, 0.06)
        tips = [
            (x + 420 * math.cos(a), y + 420 * math.sin(a)) for a in (angle - half, angle + half)
        ]
        draw.polygon([(x, y), *tips], fill=rng.randint(30, 90))
    light = Image.new("RGB", SOFT)
    light.paste(palette.warm, (0, 0), softened(mask, 24))
    return light


def _embers(image: Image.Image, rng: Random, centre: tuple[float, float], palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(230):
        angle, reach = rng.uniform(0, 2 * math.pi), 200 + 1500 * rng.random() ** 1.3
        x, y = centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle)
        tone = mix(palette.warm, palette.light, rng.random())
        size = rng.choice((2, 3, 3, 4, 6, 9))
        if rng.random() < 0.3:
            tail = rng.uniform(10, 50)
            end = (x + tail * math.cos(angle), y + tail * math.sin(angle))
            draw.line((x, y, *end), fill=tone, width=size)
        else:
            disc(draw, (x, y), size, tone)


def _crew(image: Image.Image, rng: Random, palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    places = rng.choice(((1000,), (1000,), (640, 1340), (520, 1000, 1480)))
    tall = 1150 if len(places) == 1 else 860
    for place in places:
        size = tall * rng.uniform(0.9, 1.05)
        standing(draw, rng, place + rng.uniform(-40, 40), 2260, size, palette.ink)


STYLE = Style(
    "burst",
    paint,
    {"Action": 3, "War": 2, "Adventure": 1, "Sci-Fi": 1.2, "Fantasy": 1.2, "Thriller": 0.5},
    ("hot", "dusk", "night", "space"),
)
