"""Style of light through blinds and a person in a hat."""

from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import enlarge, fill_foot, glow, haze, lay, sky, vignette
from moziweb.demo.styles.figures import hatted, standing
from moziweb.demo.styles.typography import BEBAS, CORMORANT, OSWALD_LIGHT, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """A dark wall with bars of light, and a figure with its shadow."""
    rng, palette = brief.rng, brief.palette
    wall = sky([(0, palette.deep), (0.6, palette.mid), (1, palette.ink)])
    lean = rng.choice((-1, 1))
    centre = (1000 + lean * rng.uniform(0, 260), 1080.0)
    light = _blinds(rng, lean)
    bright = Image.new("RGB", wall.size, palette.ink)
    glow(bright, centre, 2000, palette.warm, 1.0)
    glow(bright, centre, 1250, palette.light, 1.0)
    wall = ImageChops.screen(wall, ImageChops.multiply(bright, _grey(light)))
    vignette(wall, palette.ink, 0.7)
    image = enlarge(wall)
    _figure(image, rng, centre[0], palette.ink, lean)
    haze(image, 1850, 2450, palette.ink, 0.0, 1.0)
    fill_foot(image, 2450, palette.ink)
    haze(image, 0, 360, palette.ink, 0.5, 0.0)
    face = rng.choice((PLAYFAIR, BEBAS, OSWALD_LIGHT, CORMORANT))
    title = TitlePlan(
        face,
        (170, 1980, 1830, 2440),
        palette.paper,
        valign="bottom",
        largest=330,
        tracking=0.05,
        lines=3,
    )
    return Artwork(image, title, BillingPlan(palette.light, palette.light), grain=10)


def _grey(mask: Image.Image) -> Image.Image:
    return Image.merge("RGB", (mask, mask, mask))


def _blinds(rng: Random, lean: int) -> Image.Image:
    """Bars of light as a small, skewed mask."""
    mask = Image.new("L", (500, 750), 0)
    draw = ImageDraw.Draw(mask)
    slope = lean * rng.uniform(50, 130)
    pitch = rng.uniform(34, 46)
    left, right = rng.uniform(40, 90), rng.uniform(410, 460)
    y = 60.0
    while y < 560:
        draw.polygon(
            [
                (left, y),
                (right, y + slope),
                (right, y + slope + pitch * 0.55),
                (left, y + pitch * 0.55),
            ],
            fill=255,
        )
        y += pitch
    middle = (left + right) / 2
    draw.rectangle((middle - 4, 0, middle + 4, 750), fill=0)
    return mask.filter(ImageFilter.GaussianBlur(2.2)).resize((250, 375))


def _figure(
    image: Image.Image, rng: Random, x: float, ink: tuple[int, int, int], lean: int
) -> None:
    """The soft shadow on the wall and the sharp figure."""
    figure = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(figure)
    if rng.random() < 0.65:
        hatted(draw, x - lean * 190, 2880, 2000, 255)
    else:
        standing(draw, rng, x - lean * 190, 2880, 2000, 255)
    large = figure.resize((294, 441), Image.Resampling.BILINEAR)
    shadow = ImageChops.offset(large, lean * 62, 0).crop((22, 66, 272, 441))
    soft = shadow.filter(ImageFilter.GaussianBlur(3)).resize(image.size)
    lay(image, ink, soft, 0.8)
    lay(image, ink, figure)


STYLE = Style(
    "noir",
    paint,
    {"Crime": 3, "Mystery": 2.5, "Thriller": 1.6, "Drama": 0.25},
    ("noir",),
)
