"""Style of distant mountains, a low sun and a small person."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, enlarge, fill_foot, glow, haze, ridge, sky
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Colour, Palette, mix
from moziweb.demo.styles.typography import CINZEL, JOSEFIN, JOST_THIN, OSWALD, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """Sky, sun and four or five ridges, with a hill, a shore or a forest in front."""
    rng, palette = brief.rng, brief.palette
    horizon = rng.randint(1680, 1900)
    image = _sky(rng, palette, horizon)
    _land(image, rng, palette, horizon)
    rng.choice((_hill, _hill, _shore, _wood))(image, rng, palette, horizon)
    haze(image, 0, 900, palette.ink, 0.45, 0.0)
    face, tracking = rng.choice(
        ((CINZEL, 0.06), (JOSEFIN, 0.1), (OSWALD, 0.08), (PLAYFAIR, 0.02), (JOST_THIN, 0.16))
    )
    title = TitlePlan(
        face, (190, 300, 1810, 980), palette.paper, tracking=tracking, valign="top", largest=380
    )
    return Artwork(image, title, BillingPlan(palette.paper, palette.light))


def _sky(rng: Random, palette: Palette, horizon: int) -> Image.Image:
    low = horizon / 3000
    stops = [(0.0, palette.deep), (low * 0.5, palette.mid), (low * 0.84, palette.warm)]
    image = sky([*stops, (low, palette.light), (1, palette.warm)])
    sun = (rng.uniform(520, 1480), horizon - rng.uniform(60, 420))
    glow(image, sun, 1500, palette.light, 0.75)
    image = enlarge(image)
    radius = rng.uniform(190, 430)
    disc(ImageDraw.Draw(image), sun, radius, mix(palette.light, palette.paper, 0.7))
    return image


def _land(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    """Ridges from the palest to the darkest, with mist between them."""
    draw = ImageDraw.Draw(image)
    count = rng.randint(4, 6)
    height = rng.uniform(110, 330)
    for layer in range(count):
        near = layer / (count - 1)
        base = horizon + 30 + near**1.3 * 480
        colour = mix(mix(palette.warm, palette.mid, 0.45), palette.ink, 0.05 + 0.8 * near)
        draw.polygon(ridge(rng, base, height * (1 - 0.5 * near)), fill=colour)
        haze(image, base - 120, base + 340, palette.light, 0.0, 0.32 * (1 - near))


def _hill(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    """One or two people on a hill in front of the light."""
    draw = ImageDraw.Draw(image)
    ground = horizon + 390
    centre = rng.uniform(620, 1380)
    draw.ellipse((centre - 1500, ground - 14, centre + 1500, ground + 1900), fill=palette.ink)
    tall = rng.uniform(270, 400)
    standing(draw, rng, centre, ground, tall, palette.ink)
    if rng.random() < 0.5:
        other = tall * rng.choice((0.62, 0.93))
        standing(draw, rng, centre + tall * 0.34, ground + 4, other, palette.ink)
    fill_foot(image, 2490, palette.ink)


def _shore(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    """A lake that reflects the sky, and a shore."""
    top = horizon + 300
    view = image.crop((0, top - 1000, 2000, top)).resize((250, 63), Image.Resampling.BILINEAR)
    mirrored = view.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.paste(mirrored.resize((2000, 620), Image.Resampling.BICUBIC), (0, top))
    haze(image, top, top + 620, palette.deep, 0.15, 0.6)
    draw = ImageDraw.Draw(image)
    draw.line((0, top, 2000, top), fill=mix(palette.light, palette.warm, 0.5), width=5)
    for _ in range(46):
        x, y = rng.uniform(-100, 1900), top + 14 + 420 * rng.random() ** 1.5
        tone = mix(palette.light, palette.warm, rng.random())
        draw.line((x, y, x + rng.uniform(40, 260), y), fill=tone, width=3)
    draw.polygon(ridge(rng, 2430, 40), fill=palette.ink)
    x = rng.uniform(500, 1500)
    standing(draw, rng, x, 2450, rng.uniform(330, 440), palette.ink)
    fill_foot(image, 2480, palette.ink)


def _wood(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    """Two rows of firs at the bottom."""
    draw = ImageDraw.Draw(image)
    for tone, ground, high in (
        (mix(palette.mid, palette.ink, 0.72), min(horizon + 540, 2330), 330),
        (palette.ink, min(horizon + 740, 2480), 520),
    ):
        x = -60.0
        while x < 2060:
            _fir(draw, x, ground + rng.uniform(-30, 60), high * rng.uniform(0.5, 1.25), tone)
            x += rng.uniform(40, 130)
        fill_foot(image, ground, tone)


def _fir(draw: ImageDraw.ImageDraw, x: float, foot: float, high: float, tone: Colour) -> None:
    for tier in range(6):
        top = foot - high + tier * high * 0.14
        half = high * (0.045 + 0.035 * tier)
        draw.polygon([(x - half, top + high * 0.22), (x, top), (x + half, top + high * 0.22)], tone)
    draw.rectangle((x - high * 0.02, foot - high * 0.1, x + high * 0.02, foot + 80), fill=tone)


STYLE = Style(
    "horizon",
    paint,
    {
        "Adventure": 3,
        "Drama": 1.3,
        "War": 2.5,
        "Fantasy": 2.5,
        "History": 2,
        "Romance": 1,
        "Biography": 1,
        "Documentary": 1,
        "Sci-Fi": 0.6,
        "Action": 0.6,
        "Western": 1,
    },
    ("dusk",),
)
