"""Style of halftone portraits over colour."""

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, flat, glow, masked, multiplied
from moziweb.demo.styles.figures import bust, hair, profile, profile_hair
from moziweb.demo.styles.palette import Colour, luminance, readable
from moziweb.demo.styles.typography import ANTON, BEBAS, JOST_BLACK, PLAYFAIR_BLACK, RIGHTEOUS


def paint(brief: Brief) -> Artwork:
    """One or two heads in dots of ink on paper, with a coloured disc behind them."""
    rng, palette = brief.rng, brief.palette
    ground = rng.choice((palette.paper, palette.light, palette.warm))
    image = flat(ground)
    colours = [c for c in (palette.accent, palette.mid, palette.warm) if c != ground]
    first, second = rng.sample(colours, 2)
    spot = (rng.uniform(760, 1240), rng.uniform(950, 1150))
    disc(ImageDraw.Draw(image), spot, rng.uniform(620, 800), first)
    dark = palette.ink if luminance(palette.deep) < 0.25 else palette.deep
    pair = rng.random() < 0.35
    if pair:
        image = multiplied(image, screened(_side(rng, left=True), 30, 15), second)
    portrait = _side(rng, left=False) if pair or rng.random() < 0.45 else _front(rng)
    image = multiplied(image, screened(portrait, 30, 45), dark)
    return Artwork(
        _footed(image, second),
        _title(rng, readable(second, palette)),
        BillingPlan(palette.ink, readable(second, palette)),
        grain=8,
    )


def screened(portrait: Image.Image, cell: float, angle: float) -> Image.Image:
    """A mask of dots, larger for darker pixels of `portrait` (small, mode L, dark on white)."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    greys = portrait.tobytes()
    across, down = portrait.size
    reach = int(1900 / cell)

    def dots(draw: ImageDraw.ImageDraw) -> None:
        for row in range(-reach, reach):
            for column in range(-reach, reach):
                x = 1000 + (column * cosine - row * sine) * cell
                y = 1200 + (column * sine + row * cosine) * cell
                if not (0 <= x < 2000 and 0 <= y < 3000):
                    continue
                value = greys[int(y * down / 3000) * across + int(x * across / 2000)]
                radius = cell * 0.74 * math.sqrt(1 - value / 255)
                if radius > 2:
                    disc(draw, (x, y), radius, 255)

    return masked(dots)


def _front(rng: Random) -> Image.Image:
    """Head and shoulders, lit from one side, as a small grey image."""
    mask = Image.new("L", (400, 600), 0)
    draw = ImageDraw.Draw(mask)
    draw.polygon(bust(200, 205, 290), fill=255)
    hair_mask = mask.copy()
    hair(ImageDraw.Draw(hair_mask), rng, 200, 205, 290, 255)
    side = rng.choice((-1, 1))
    return _lit(mask, hair_mask, (1000 + side * 420, 900), 1150)


def _side(rng: Random, *, left: bool) -> Image.Image:
    mask = Image.new("L", (400, 600), 0)
    x = -30 if left else 60
    ImageDraw.Draw(mask).polygon(profile(rng, x, 84, 350, left=left), fill=255)
    whole = mask.copy()
    profile_hair(ImageDraw.Draw(whole), rng, (x, 84, 350), 255, left=left)
    toward = 300 if left else 1700
    return _lit(mask, whole, (toward, 950), 1300)


def _lit(
    face: Image.Image, whole: Image.Image, light: tuple[float, float], reach: float
) -> Image.Image:
    """Grey for lit skin, black for hair and shadow, white for the background."""
    shade = Image.new("RGB", face.size, (26, 26, 26))
    glow(shade, light, reach, (225, 225, 225), 1.0)
    grey = shade.convert("L").filter(ImageFilter.GaussianBlur(9))
    portrait = Image.new("L", face.size, 255)
    portrait.paste(18, (0, 0), whole)
    inner = face.filter(ImageFilter.GaussianBlur(4)).point([0] * 150 + [255] * 106)
    skin = ImageChops.multiply(inner, face)
    portrait.paste(grey, (0, 0), skin)
    return portrait.filter(ImageFilter.GaussianBlur(1.2))


def _footed(image: Image.Image, colour: Colour) -> Image.Image:
    """A solid area with a slanted edge for the text at the bottom."""
    ImageDraw.Draw(image).polygon([(0, 1960), (2000, 1830), (2000, 3000), (0, 3000)], fill=colour)
    return image


def _title(rng: Random, ink: Colour) -> TitlePlan:
    face = rng.choice((ANTON, BEBAS, JOST_BLACK, PLAYFAIR_BLACK, RIGHTEOUS))
    return TitlePlan(face, (150, 2030, 1850, 2410), ink, largest=330, leading=0.16, lines=3)


STYLE = Style(
    "halftone",
    paint,
    {
        "Biography": 3,
        "Documentary": 2,
        "Drama": 0.9,
        "Music": 3,
        "Musical": 2,
        "Comedy": 0.9,
        "Crime": 1,
        "History": 1.2,
        "Sport": 1.2,
        "War": 0.6,
    },
    ("flat",),
)
