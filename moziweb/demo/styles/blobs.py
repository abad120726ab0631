"""Style of round characters, for family movies."""

import math
from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, curve, disc, enlarge, glow, sky
from moziweb.demo.styles.palette import Colour, Palette, mix
from moziweb.demo.styles.typography import RIGHTEOUS, TITAN


def paint(brief: Brief) -> Artwork:
    """Two to four round characters at the bottom, with rays or hills behind them."""
    rng, palette = brief.rng, brief.palette
    soft = sky([(0, palette.mid), (0.65, palette.light), (1, palette.light)])
    glow(soft, (1000, 1500), 1500, palette.paper, 0.8)
    image = enlarge(soft)
    (_rays if rng.random() < 0.5 else _hills)(image, rng, palette)
    colours = [palette.accent, palette.warm, palette.mid, palette.deep]
    rng.shuffle(colours)
    places = rng.sample((430, 1000, 1570), rng.randint(2, 3))
    for place, colour in zip(sorted(places, key=lambda x: -abs(x - 1000)), colours, strict=False):
        _character(image, rng, place + rng.uniform(-60, 60), colour, palette)
    draw = ImageDraw.Draw(image)
    ground = curve(
        [
            (-300, 2560),
            (400, 2440),
            (1000, 2500),
            (1700, 2420),
            (2300, 2560),
            (2300, 3200),
            (-300, 3200),
        ]
    )
    draw.polygon(ground, fill=palette.ink)
    title = TitlePlan(
        rng.choice((TITAN, TITAN, RIGHTEOUS)),
        (150, 280, 1850, 1010),
        palette.paper,
        shadow=palette.deep,
        valign="middle",
        jitter=3.0,
        largest=460,
        leading=0.2,
    )
    return Artwork(image, title, BillingPlan(palette.ink, palette.paper), grain=4)


def _rays(image: Image.Image, rng: Random, palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    centre = (1000.0, 1700.0)
    count = rng.choice((9, 12, 15))
    tone = mix(palette.mid, palette.light, 0.45)
    for ray in range(count):
        angle = 2 * math.pi * ray / count
        half = math.pi / count / 1.6
        tips = [
            (centre[0] + 2600 * math.cos(a), centre[1] + 2600 * math.sin(a))
            for a in (angle - half, angle + half)
        ]
        draw.polygon([centre, *tips], fill=tone)


def _hills(image: Image.Image, rng: Random, palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    for layer in range(3):
        tone = mix(mix(palette.light, palette.mid, 0.4), palette.deep, layer * 0.25)
        x = rng.uniform(200, 1800)
        top = 1300 + layer * 260
        draw.ellipse((x - 1500, top, x + 1500, top + 2400), fill=tone)


def _character(image: Image.Image, rng: Random, x: float, colour: Colour, palette: Palette) -> None:
    draw = ImageDraw.Draw(image)
    half = rng.uniform(290, 380)
    top = rng.uniform(1180, 1620)
    _horns(draw, rng, (x, top), half, mix(colour, palette.ink, 0.25))
    body = [
        (x - half * 0.9, 2900),
        (x - half, 2100),
        (x - half * 0.86, top + half * 0.55),
        (x, top),
        (x + half * 0.86, top + half * 0.55),
        (x + half, 2100),
        (x + half * 0.9, 2900),
    ]
    draw.polygon(curve(body), fill=colour)
    belly = mix(colour, palette.paper, 0.4)
    draw.ellipse((x - half * 0.62, top + half * 1.7, x + half * 0.62, 3200), fill=belly)
    _face(draw, rng, (x, top + half * 0.85), half, palette)


def _horns(
    draw: ImageDraw.ImageDraw, rng: Random, crown: Point, half: float, colour: Colour
) -> None:
    """Ears, horns or an antenna."""
    x, y = crown
    kind = rng.choice(("ears", "horns", "feeler", "none"))
    if kind == "ears":
        for side in (-1, 1):
            disc(draw, (x + side * half * 0.62, y + half * 0.18), half * 0.34, colour)
    elif kind == "horns":
        for side in (-1, 1):
            base = x + side * half * 0.5
            draw.polygon(
                [
                    (base - 70, y + half * 0.4),
                    (base + side * 90, y - half * 0.45),
                    (base + 80, y + half * 0.4),
                ],
                fill=colour,
            )
    elif kind == "feeler":
        draw.line((x, y + 40, x + 40, y - half * 0.5), fill=colour, width=26)
        disc(draw, (x + 40, y - half * 0.5), 58, colour)


def _face(
    draw: ImageDraw.ImageDraw, rng: Random, centre: Point, half: float, palette: Palette
) -> None:
    x, y = centre
    eyes = rng.choice(((-0.36, 0.36), (-0.34, 0.34), (0.0,)))
    radius = half * (0.34 if len(eyes) == 1 else rng.uniform(0.22, 0.28))
    look = rng.uniform(-0.3, 0.3)
    for eye in eyes:
        place = (x + eye * half, y)
        disc(draw, place, radius, palette.paper)
        pupil = (place[0] + look * radius, y + radius * 0.15)
        disc(draw, pupil, radius * 0.52, palette.ink)
        glint = (pupil[0] + radius * 0.18, pupil[1] - radius * 0.2)
        disc(draw, glint, radius * 0.16, palette.paper)
    mouth = (x - half * 0.3, y + half * 0.28, x + half * 0.3, y + half * 0.68)
    if rng.random() < 0.5:
        draw.chord(mouth, 0, 180, fill=palette.ink)
    else:
        draw.arc(mouth, 20, 160, fill=palette.ink, width=22)


STYLE = Style(
    "blobs",
    paint,
    {"Animation": 14, "Family": 9, "Comedy": 0.15},
    ("bright",),
    base_weight=0.0,
)
