"""Style of a city at night across a river."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import (
    clouds,
    disc,
    enlarge,
    fill_foot,
    glow,
    haze,
    sky,
    tinted,
    vignette,
)
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Colour, Palette, mix
from moziweb.demo.styles.typography import ANTON, BEBAS, JOST_BLACK, OSWALD


def paint(brief: Brief) -> Artwork:
    """Three rows of towers with lit windows, and their reflection in the water."""
    rng, palette = brief.rng, brief.palette
    shore = 2020
    soft = sky(
        [
            (0, palette.ink),
            (0.3, palette.deep),
            (0.55, palette.mid),
            (0.68, palette.warm),
            (1, palette.deep),
        ]
    )
    glow(soft, (rng.uniform(500, 1500), 1900), 1300, palette.warm, 0.7)
    tinted(soft, clouds(rng, soft.size), palette.deep, 0.45)
    vignette(soft, palette.ink, 0.5)
    image = enlarge(soft)
    if rng.random() < 0.6:
        centre = (rng.uniform(500, 1500), rng.uniform(1060, 1330))
        glow(image, centre, 700, palette.light, 0.4)
        disc(
            ImageDraw.Draw(image),
            centre,
            rng.uniform(120, 330),
            mix(palette.light, palette.warm, 0.3),
        )
    for depth in range(3):
        _towers(image, rng, palette, depth, shore)
        haze(image, 1300, shore, palette.warm, 0.0, 0.22 - depth * 0.09)
    _water(image, shore, palette)
    if rng.random() < 0.5:
        _onlooker(image, rng, palette.ink, palette.warm)
    title = _title(rng, palette)
    return Artwork(image, title, BillingPlan(palette.light, palette.light), grain=10)


def _title(rng: Random, palette: Palette) -> TitlePlan:
    """Tall letters in the night sky."""
    face, tracking = rng.choice(((BEBAS, 0.06), (ANTON, 0.02), (OSWALD, 0.05), (JOST_BLACK, 0.0)))
    return TitlePlan(
        face,
        (150, 290, 1850, 960),
        palette.paper,
        tracking=tracking,
        valign="top",
        largest=420,
        halo=palette.deep,
        leading=0.2,
    )


def _towers(image: Image.Image, rng: Random, palette: Palette, depth: int, shore: int) -> None:
    draw = ImageDraw.Draw(image)
    tone = mix(palette.mid, palette.ink, 0.35 + depth * 0.3)
    left = rng.uniform(-120, 0)
    while left < 2000:
        across = rng.uniform(90, 240)
        top = shore - rng.uniform(260, 1180 - depth * 270) * rng.uniform(0.55, 1)
        draw.rectangle((left, top, left + across, shore), fill=tone)
        _roof(draw, rng, left, across, top, tone)
        if depth:
            _windows(draw, rng, (left, top, left + across, shore), palette, tone)
        left += across + rng.choice((0, 0, 14, 60))


def _roof(
    draw: ImageDraw.ImageDraw, rng: Random, left: float, across: float, top: float, tone: Colour
) -> None:
    kind = rng.random()
    middle = left + across / 2
    if kind < 0.2:
        draw.line((middle, top, middle, top - rng.uniform(90, 200)), fill=tone, width=8)
    elif kind < 0.4:
        draw.rectangle((left + across * 0.2, top - 60, left + across * 0.8, top), fill=tone)
    elif kind < 0.5:
        draw.polygon([(left, top), (middle, top - across * 0.8), (left + across, top)], fill=tone)


def _windows(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    box: tuple[float, float, float, float],
    palette: Palette,
    tone: Colour,
) -> None:
    lit = rng.uniform(0.12, 0.42)
    colours = (palette.light, palette.warm, mix(palette.warm, tone, 0.5))
    y = box[1] + 30
    while y < box[3] - 50:
        x = box[0] + 16
        while x < box[2] - 26:
            if rng.random() < lit:
                draw.rectangle((x, y, x + 13, y + 22), fill=rng.choice(colours))
            x += 29
        y += 46


def _water(image: Image.Image, shore: int, palette: Palette) -> None:
    """The reflection: the city mirrored, compressed and darkened."""
    city = image.crop((0, shore - 900, 2000, shore)).resize((200, 45))
    mirrored = city.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.paste(mirrored.resize((2000, 980), Image.Resampling.BICUBIC), (0, shore))
    haze(image, shore, 2480, palette.ink, 0.0, 0.85)
    fill_foot(image, 2480, palette.ink)
    ImageDraw.Draw(image).rectangle((0, shore - 6, 2000, shore + 8), fill=palette.ink)


def _onlooker(image: Image.Image, rng: Random, ink: Colour, light: Colour) -> None:
    draw = ImageDraw.Draw(image)
    x = rng.choice((520, 1480, 1000))
    glow(image, (x, 2120), 520, light, 0.5)
    standing(draw, rng, x, 2500, 640, ink)
    fill_foot(image, 2478, ink)


STYLE = Style(
    "skyline",
    paint,
    {"Thriller": 2.2, "Crime": 1.8, "Action": 1.6, "Sci-Fi": 0.8, "Drama": 0.3, "Romance": 0.4},
    ("night",),
)
