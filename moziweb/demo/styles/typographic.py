"""Style of a very large title over one shape."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, flat, lay, masked, multiplied
from moziweb.demo.styles.palette import Colour, Palette, luminance, mix, readable
from moziweb.demo.styles.typography import ABRIL, ALFA, ANTON, BEBAS, JOST_BLACK, PLAYFAIR_BLACK


def paint(brief: Brief) -> Artwork:
    """A block of letters over a circle, a band or a wedge in transparent ink."""
    rng, palette = brief.rng, brief.palette
    ground = rng.choice((palette.paper, palette.light, palette.warm, palette.mid))
    image = _overprinted(flat(ground), rng, palette, ground)
    ink = readable(ground, palette)
    face = rng.choice((ANTON, BEBAS, ALFA, ABRIL, JOST_BLACK, PLAYFAIR_BLACK))
    title = TitlePlan(
        face,
        (130, 430, 1870, 2390),
        ink,
        mode="block",
        align="left",
        valign=rng.choice(("top", "bottom", "bottom")),
        lines=6,
        leading=0.12,
        largest=1150,
    )
    return Artwork(image, title, BillingPlan(ink, ink, align="left", stacked=True), grain=8)


def _overprinted(image: Image.Image, rng: Random, palette: Palette, ground: Colour) -> Image.Image:
    """One or two large shapes; on a darker ground they are painted rather than printed."""
    shapes = rng.sample(("disc", "half", "band", "wedge", "ring"), 2)
    pool = (palette.accent, palette.warm, palette.mid, palette.light)
    inks = [_thinned(ink, palette) for ink in pool if ink != ground]
    for kind, ink in zip(shapes, inks, strict=False):
        mask = _shape(kind, rng)
        if luminance(ground) > 0.7:
            image = multiplied(image, mask, ink)
        else:
            lay(image, ink, mask, 0.45)
    return image


def _thinned(ink: Colour, palette: Palette) -> Colour:
    """An ink mixed with paper, so that dark letters on it are readable."""
    share = 0.0
    while luminance(mix(ink, palette.paper, share)) < 0.52:
        share += 0.05
    return mix(ink, palette.paper, share)


def _shape(kind: str, rng: Random) -> Image.Image:
    x, y = rng.uniform(700, 1400), rng.uniform(900, 1700)
    radius = rng.uniform(560, 820)

    def draw_shape(draw: ImageDraw.ImageDraw) -> None:
        if kind == "band":
            slope = rng.uniform(-500, 500)
            draw.polygon([(0, y), (2000, y + slope), (2000, y + slope + 620), (0, y + 620)], 255)
        elif kind == "wedge":
            draw.polygon([(x, y - 700), (2100, 2500), (-100, rng.uniform(2200, 2600))], 255)
        elif kind == "half":
            draw.pieslice((x - 900, y - 900, x + 900, y + 900), 180, 360, 255)
        else:
            disc(draw, (x, y), radius, 255)
            if kind == "ring":
                disc(draw, (x, y), radius * 0.55, 0)

    return masked(draw_shape)


STYLE = Style(
    "typographic",
    paint,
    {
        "Documentary": 2.5,
        "Comedy": 1.2,
        "Biography": 1.5,
        "Drama": 0.55,
        "Music": 2,
        "Crime": 0.6,
        "History": 0.8,
    },
    ("flat", "airy"),
)
