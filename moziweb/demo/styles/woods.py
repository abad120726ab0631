"""Style of a forest in fog with a figure or a house."""

import math
from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import (
    disc,
    enlarge,
    fill_foot,
    glow,
    haze,
    sky,
    vignette,
)
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Colour, Palette, mix
from moziweb.demo.styles.typography import BEBAS, CINZEL, CORMORANT, OSWALD, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """Fog lit from behind, three rows of trunks, and one figure or house."""
    rng, palette = brief.rng, brief.palette
    fog = mix(palette.mid, palette.light, rng.uniform(0.15, 0.5))
    soft = sky(
        [
            (0, palette.ink),
            (0.34, mix(palette.deep, fog, 0.5)),
            (0.56, fog),
            (0.8, palette.deep),
            (1, palette.ink),
        ]
    )
    glow(soft, (rng.uniform(850, 1150), 1500), 1000, palette.light, 0.7)
    vignette(soft, palette.ink, 0.85)
    image = enlarge(soft)
    moon = rng.random() < 0.4
    if moon:
        centre = (rng.uniform(800, 1200), rng.uniform(900, 1050))
        glow(image, centre, 900, palette.accent, 0.55)
        disc(ImageDraw.Draw(image), centre, rng.uniform(250, 380), mix(palette.accent, fog, 0.15))
    _trees(image, rng, palette, fog)
    if not moon:
        _visitor(image, rng, palette)
    haze(image, 1860, 2500, palette.ink, 0.0, 1.0)
    fill_foot(image, 2500, palette.ink)
    haze(image, 0, 700, palette.ink, 0.6, 0.0)
    title = _title(rng, palette)
    return Artwork(image, title, BillingPlan(palette.light, palette.light), grain=10)


def _title(rng: Random, palette: Palette) -> TitlePlan:
    """Worn letters at the bottom; heavy faces may have the accent colour."""
    face, tracking = rng.choice(
        ((CINZEL, 0.05), (BEBAS, 0.1), (OSWALD, 0.06), (PLAYFAIR, 0.02), (CORMORANT, 0.1))
    )
    bold = face in (BEBAS, OSWALD)
    colour = mix(palette.accent, palette.paper, 0.2) if bold else palette.paper
    return TitlePlan(
        face,
        (170, 1950, 1830, 2430),
        colour,
        tracking=tracking,
        valign="bottom",
        worn=0.75,
        largest=360,
        lines=3,
    )


def _trees(image: Image.Image, rng: Random, palette: Palette, fog: Colour) -> None:
    draw = ImageDraw.Draw(image)
    for depth in range(3):
        near = depth / 2
        tone = mix(fog, palette.ink, 0.28 + 0.70 * near)
        for _ in range((16, 10, 6)[depth]):
            x = rng.uniform(-50, 2050)
            if depth == 2 and 560 < x < 1440:
                x = rng.choice((rng.uniform(-60, 420), rng.uniform(1580, 2060)))
            _trunk(draw, rng, x, 12 + 46 * near + rng.uniform(0, 26), tone)
        if depth < 2:
            haze(image, 1300, 2300, fog, 0.0, 0.42)


def _trunk(draw: ImageDraw.ImageDraw, rng: Random, x: float, half: float, tone: Colour) -> None:
    lean = rng.uniform(-60, 60)
    draw.polygon(
        [
            (x - half, 2600),
            (x + lean - half * 0.55, -20),
            (x + lean + half * 0.55, -20),
            (x + half, 2600),
        ],
        fill=tone,
    )
    for _ in range(rng.randint(3, 6)):
        y = rng.uniform(100, 1500)
        _limb(draw, rng, (x + lean * (1 - y / 2600), y), half * 0.5, rng.choice((-1, 1)), tone)


def _limb(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    root: tuple[float, float],
    thick: float,
    side: int,
    tone: Colour,
) -> None:
    """A bare, bent branch with twigs."""
    x, y = root
    heading = -math.pi / 2 + side * rng.uniform(0.6, 1.2)
    while thick > 2:
        reach = rng.uniform(70, 130)
        nx, ny = x + reach * math.cos(heading), y + reach * math.sin(heading)
        draw.line((x, y, nx, ny), fill=tone, width=round(thick))
        twig = heading + rng.uniform(-0.9, 0.9)
        draw.line((nx, ny, nx + 80 * math.cos(twig), ny + 80 * math.sin(twig)), fill=tone, width=3)
        x, y, thick = nx, ny, thick * 0.66
        heading += rng.uniform(-0.45, 0.45)


def _visitor(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A figure in the light, or a house with one lit window."""
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.55:
        x = rng.uniform(850, 1150)
        glow(image, (x, 1780), 620, palette.light, 0.6)
        standing(draw, rng, x, 2120, rng.uniform(420, 640), palette.ink)
        return
    x = rng.uniform(800, 1200)
    draw.polygon(
        [
            (x - 260, 2150),
            (x - 260, 1720),
            (x - 300, 1720),
            (x, 1430),
            (x + 300, 1720),
            (x + 260, 1720),
            (x + 260, 2150),
        ],
        fill=palette.ink,
    )
    draw.rectangle((x + 120, 1440, x + 175, 1640), fill=palette.ink)
    glow(image, (x - 90, 1850), 380, palette.accent, 0.8)
    draw.rectangle((x - 140, 1790, x - 40, 1920), fill=mix(palette.accent, palette.paper, 0.45))
    draw.line((x - 90, 1790, x - 90, 1920), fill=palette.ink, width=9)
    draw.line((x - 140, 1855, x - 40, 1855), fill=palette.ink, width=9)


STYLE = Style(
    "woods", paint, {"Horror": 4, "Mystery": 1.2, "Thriller": 0.6, "Fantasy": 0.6}, ("eerie",)
)
