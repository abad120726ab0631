"""Style of paper waves and a small boat."""

import math
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, disc, enlarge, glow, moved, sky, turned
from moziweb.demo.styles.palette import Colour, Palette, mix, readable
from moziweb.demo.styles.typography import ABRIL, CINZEL, JOST_BLACK, PLAYFAIR_BLACK, RIGHTEOUS


def paint(brief: Brief) -> Artwork:
    """Seven layers of waves, each with a shadow on the layer behind it."""
    rng, palette = brief.rng, brief.palette
    soft = sky([(0, palette.mid), (0.45, palette.light), (1, palette.paper)])
    sun = (rng.uniform(550, 1450), rng.uniform(1050, 1300))
    glow(soft, sun, 1100, palette.paper, 0.9)
    image = enlarge(soft)
    disc(ImageDraw.Draw(image), sun, rng.uniform(240, 380), palette.warm)
    boat = rng.randint(1, 2)
    for layer in range(7):
        tone = mix(mix(palette.light, palette.mid, 0.55), palette.deep, layer / 5)
        line = _wave(rng, 1420 + layer * 165, 46 + layer * 9)
        _paper(image, line, tone if layer < 6 else palette.ink)
        if layer == boat:
            _boat(ImageDraw.Draw(image), rng, line, palette)
    ink = readable(mix(palette.mid, palette.light, 0.3), palette)
    face = rng.choice((ABRIL, CINZEL, JOST_BLACK, PLAYFAIR_BLACK, RIGHTEOUS))
    halo = palette.deep if ink == palette.paper else None
    title = TitlePlan(face, (170, 280, 1830, 960), ink, halo=halo, largest=380, leading=0.22)
    return Artwork(image, title, BillingPlan(ink, palette.paper), grain=6)


def _wave(rng: Random, base: float, height: float) -> list[Point]:
    """A line of slanted crests from edge to edge."""
    length, shift = rng.uniform(360, 620), rng.uniform(0, 1000)
    line: list[Point] = []
    for x in range(-40, 2061, 20):
        turn = (x + shift) / length * 2 * math.pi
        swell = math.sin(turn) + 0.35 * math.sin(2 * turn + 0.8)
        line.append((x, base - height * swell - 30 * math.sin(x / 900)))
    return line


def _paper(image: Image.Image, line: list[Point], tone: Colour) -> None:
    shape = [*line, (2060, 3020), (-40, 3020)]
    shadow = Image.new("L", (250, 375), 0)
    ImageDraw.Draw(shadow).polygon([(x / 8, y / 8 - 5) for x, y in shape], fill=110)
    soft = shadow.filter(ImageFilter.GaussianBlur(4)).resize(image.size)
    top = max(0, round(min(y for _, y in line)) - 140)
    dark = mix(tone, (0, 0, 0), 0.65)
    bottom = min(3000, round(max(y for _, y in line)))
    image.paste(dark, (0, top, 2000, bottom), soft.crop((0, top, 2000, bottom)))
    ImageDraw.Draw(image).polygon(shape, fill=tone)


def _boat(draw: ImageDraw.ImageDraw, rng: Random, line: list[Point], palette: Palette) -> None:
    x, y = line[rng.randint(25, len(line) - 25)]
    tilt = rng.uniform(-12, 12)
    size = rng.uniform(190, 270)

    def put(points: list[Point], colour: Colour) -> None:
        draw.polygon(turned(moved(points, x, y + 20, size), tilt, (x, y)), fill=colour)

    put([(-0.6, -0.12), (0.66, -0.12), (0.42, 0.16), (-0.42, 0.16)], palette.ink)
    put([(0.0, -1.35), (0.03, -1.35), (0.03, -0.12), (0.0, -0.12)], palette.ink)
    put([(0.06, -1.28), (0.62, -0.24), (0.06, -0.2)], palette.accent)
    put([(-0.03, -1.12), (-0.46, -0.26), (-0.03, -0.2)], palette.paper)


STYLE = Style(
    "waves",
    paint,
    {"Adventure": 2, "Family": 2.5, "Fantasy": 1.8, "Animation": 2, "Comedy": 0.5, "Romance": 0.4},
    ("cold", "bright", "dusk", "organic"),
)
