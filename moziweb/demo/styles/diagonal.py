"""Style of slanted bands that suggest speed."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import enlarge, fill_foot, glow, haze, sky
from moziweb.demo.styles.figures import running
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import ANTON, BEBAS, JOST_BLACK

_SLOPE = 0.42


def paint(brief: Brief) -> Artwork:
    """Slanted bands of light and colour, and a slanted title."""
    rng, palette = brief.rng, brief.palette
    soft = sky([(0, palette.ink), (0.45, palette.deep), (1, palette.ink)])
    glow(soft, (rng.uniform(700, 1300), 1250), 1300, palette.mid, 0.9)
    image = enlarge(soft)
    _bands(image, rng, palette)
    _streaks(image, rng, palette)
    if rng.random() < 0.75:
        _athlete(image, rng, palette)
    haze(image, 1800, 2500, palette.ink, 0.0, 1.0)
    fill_foot(image, 2500, palette.ink)
    haze(image, 0, 520, palette.ink, 0.75, 0.0)
    title = TitlePlan(
        rng.choice((ANTON, BEBAS, JOST_BLACK)),
        (200, 1860, 1800, 2440),
        rng.choice((palette.paper, palette.accent)),
        shear=0.2,
        valign="bottom",
        align="left",
        largest=430,
        leading=0.14,
        shadow=palette.ink,
        lines=3,
    )
    return Artwork(image, title, BillingPlan(palette.paper, palette.paper, align="left"), grain=9)


def _bands(image: Image.Image, rng: Random, palette: Palette) -> None:
    colours = [palette.mid, palette.warm, palette.accent, palette.paper, palette.mid]
    rng.shuffle(colours)
    draw = ImageDraw.Draw(image)
    x = rng.uniform(-500, 100)
    for colour in colours:
        across = rng.choice((40, 90, 180, 420, 560))
        tone = mix(palette.deep, colour, rng.choice((0.6, 0.85, 1.0)))
        draw.polygon(
            [
                (x, 3000),
                (x + 3000 * _SLOPE, 0),
                (x + across + 3000 * _SLOPE, 0),
                (x + across, 3000),
            ],
            fill=tone,
        )
        x += across + rng.uniform(60, 330)


def _streaks(image: Image.Image, rng: Random, palette: Palette) -> None:
    """Thin lines along the slope."""
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = rng.uniform(-400, 2000), rng.uniform(0, 2400)
        length = rng.uniform(90, 620)
        tone = mix(palette.mid, palette.paper, rng.random())
        draw.line((x, y, x + length * _SLOPE, y - length), fill=tone, width=rng.choice((2, 3, 5)))


def _athlete(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A dark figure with a trail, slanted like the bands."""
    draw = ImageDraw.Draw(image)
    x, ground = rng.uniform(900, 1150), 2060
    for ghost in (4, 3, 2, 1):
        tone = mix(palette.deep, palette.mid, 0.75 - ghost * 0.14)
        running(draw, x - ghost * 105, ground + ghost * 30, 1480, tone)
    running(draw, x, ground, 1480, palette.ink)


STYLE = Style("diagonal", paint, {"Sport": 8, "Action": 2, "Thriller": 0.3}, ("sport",))
