"""Speed: everything leans forward."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, Brief, Small, Style, TitlePlan
from moziweb.demo.styles.canvas import enlarge, glow, haze, masked, sky
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import ANTON, BEBAS, JOST_BLACK

_SLOPE = 0.42


def paint(brief: Brief) -> Artwork:
    """Slanted bands of light and colour; a slanted title."""
    rng, palette = brief.rng, brief.palette
    soft = sky([(0, palette.ink), (0.45, palette.deep), (1, palette.ink)])
    glow(soft, (rng.uniform(700, 1300), 1250), 1300, palette.mid, 0.9)
    image = enlarge(soft)
    _bands(image, rng, palette)
    _streaks(image, rng, palette)
    if rng.random() < 0.75:
        _athlete(image, rng, palette)
    haze(image, 1800, 2500, palette.ink, 0.0, 0.92)
    haze(image, 2500, 3000, palette.ink, 0.92, 1.0)
    title = TitlePlan(rng.choice((ANTON, BEBAS, JOST_BLACK)), (200, 1860, 1800, 2440),
                      rng.choice((palette.paper, palette.accent)), shear=0.2, stand="bottom",
                      align="left", largest=430, leading=0.14, shadow=palette.ink, lines=3)
    return Artwork(image, title, Small(palette.paper, palette.paper, align="left"), grain=9)


def _bands(image: Image.Image, rng: Random, palette: Palette) -> None:
    colours = [palette.mid, palette.warm, palette.accent, palette.paper, palette.mid]
    rng.shuffle(colours)
    x = rng.uniform(-500, 100)
    for colour in colours:
        across = rng.choice((40, 90, 180, 420, 560))
        left = x

        def band(
            draw: ImageDraw.ImageDraw, left: float = left, across: float = across
        ) -> None:
            draw.polygon([(left, 3000), (left + 3000 * _SLOPE, 0),
                          (left + across + 3000 * _SLOPE, 0), (left + across, 3000)], fill=255)

        strength = rng.choice((0.55, 0.8, 1.0))
        image.paste(colour, (0, 0), masked(band).point(lambda v, s=strength: v * s))
        x += across + rng.uniform(60, 330)


def _streaks(image: Image.Image, rng: Random, palette: Palette) -> None:
    """Thin lines of speed along the slope."""
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = rng.uniform(-400, 2000), rng.uniform(0, 2400)
        length = rng.uniform(90, 620)
        tone = mix(palette.mid, palette.paper, rng.random())
        draw.line((x, y, x + length * _SLOPE, y - length), fill=tone, width=rng.choice((2, 3, 5)))


def _athlete(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A dark figure with its trail, leaning as the bands do."""
    sheet = Image.new("L", (1000, 1500), 0)
    draw = ImageDraw.Draw(sheet)
    foot = rng.uniform(380, 560)
    for ghost, tone in ((3, 46), (2, 74), (1, 110), (0, 255)):
        standing(draw, foot - ghost * 66, 1240, 900, tone)
    leaned = sheet.transform(
        (1000, 1500), Image.Transform.AFFINE, (1, 0.26, -240, 0, 1, 0), Image.Resampling.BICUBIC
    )
    image.paste(palette.ink, (0, 0), leaned.resize(image.size, Image.Resampling.BICUBIC))


STYLE = Style("diagonal", paint, {"Sport": 8, "Action": 2, "Thriller": 0.3}, ("sport",))
