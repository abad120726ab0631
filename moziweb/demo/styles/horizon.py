"""Far mountains, a low sun, somebody small."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, Brief, Small, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, enlarge, glow, haze, ridge, sky
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import CINZEL, JOSEFIN, JOST_THIN, OSWALD, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """A sky, a sun and four or five ridges; the title in the sky."""
    rng, palette = brief.rng, brief.palette
    horizon = rng.randint(1750, 1980)
    image = _sky(rng, palette, horizon)
    _land(image, rng, palette, horizon)
    haze(image, 0, 900, palette.ink, 0.45, 0.0)
    face, tracking = rng.choice(
        ((CINZEL, 0.06), (JOSEFIN, 0.1), (OSWALD, 0.08), (PLAYFAIR, 0.02), (JOST_THIN, 0.16))
    )
    title = TitlePlan(
        face, (190, 300, 1810, 980), palette.paper, tracking=tracking, stand="top", largest=380
    )
    return Artwork(image, title, Small(palette.paper, palette.light, tagline=None))


def _sky(rng: Random, palette: Palette, horizon: int) -> Image.Image:
    low = horizon / 3000
    image = sky(
        [
            (0, palette.deep),
            (low * 0.5, palette.mid),
            (low * 0.84, palette.warm),
            (low, palette.light),
            (1, palette.warm),
        ]
    )
    sun = (rng.uniform(520, 1480), horizon - rng.uniform(60, 420))
    glow(image, sun, 1500, palette.light, 0.75)
    image = enlarge(image)
    radius = rng.uniform(190, 430)
    disc(ImageDraw.Draw(image), sun, radius, mix(palette.light, palette.paper, 0.7))
    if rng.random() < 0.4:
        _bars(image, sun, radius, palette)
    return image


def _bars(image: Image.Image, sun: tuple[float, float], radius: float, palette: Palette) -> None:
    """Slits across the lower half of the sun, as in a print."""
    draw = ImageDraw.Draw(image)
    for step in range(6):
        y = sun[1] + radius * (0.05 + step * 0.17)
        thick = radius * (0.018 + step * 0.012)
        draw.rectangle(
            (sun[0] - radius, y, sun[0] + radius, y + thick), mix(palette.warm, palette.light, 0.5)
        )


def _land(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    draw = ImageDraw.Draw(image)
    count = rng.randint(4, 5)
    height = rng.uniform(110, 300)
    for layer in range(count):
        near = layer / (count - 1)
        base = horizon + 40 + near**1.4 * 560
        colour = mix(mix(palette.warm, palette.mid, 0.45), palette.ink, 0.12 + 0.83 * near)
        draw.polygon(ridge(rng, base, height * (1 - 0.45 * near)), fill=colour)
        if layer < count - 1:
            haze(image, base - 120, base + 380, palette.light, 0.0, 0.30 * (1 - near))
    _walkers(image, rng, palette, horizon)


def _walkers(image: Image.Image, rng: Random, palette: Palette, horizon: int) -> None:
    """One or two people on a rise in front of the light."""
    draw = ImageDraw.Draw(image)
    ground = horizon + 330
    centre = rng.uniform(620, 1380)
    draw.ellipse((centre - 1500, ground - 14, centre + 1500, ground + 1900), fill=palette.ink)
    tall = rng.uniform(250, 360)
    standing(draw, rng, centre, ground, tall, palette.ink)
    if rng.random() < 0.45:
        standing(
            draw,
            rng,
            centre + tall * 0.34,
            ground + 4,
            tall * rng.choice((0.62, 0.93)),
            palette.ink,
        )
    draw.rectangle((0, 2600, 2000, 3000), fill=palette.ink)


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
