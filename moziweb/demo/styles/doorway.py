"""Style of a person in a bright doorway, with a long shadow."""

from random import Random

from PIL import Image, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import (
    clouds,
    enlarge,
    fill_foot,
    glow,
    haze,
    lay,
    sky,
    softened,
    tinted,
)
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import BEBAS, CORMORANT, JOST_THIN, OSWALD, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """A bright door, arch or window, and its light on the floor."""
    rng, palette = brief.rng, brief.palette
    soft = sky([(0, palette.ink), (0.5, palette.deep), (1, palette.ink)])
    tinted(soft, clouds(rng, soft.size), palette.ink, 0.4)
    x = rng.uniform(760, 1240)
    half, top, floor = rng.uniform(180, 300), rng.uniform(620, 860), 1720.0
    glow(soft, (x, (top + floor) / 2), 1350, palette.mid, 0.85)
    image = enlarge(soft)
    _floor(image, rng, palette, (x, half, floor))
    opening = _opening(rng, (x, half, top, floor))
    lay(image, palette.warm, softened(opening, 90), 0.8)
    box = opening.getbbox() or (0, 0, 1, 1)
    light = sky([(0, palette.warm), (0.7, palette.light), (1, palette.paper)])
    fitted = light.resize((box[2] - box[0], box[3] - box[1]))
    image.paste(fitted, box, opening.crop(box))
    haze(image, 0, 420, palette.ink, 0.85, 0.0)
    _person(image, rng, palette, (x, half, floor))
    haze(image, 2000, 2640, palette.ink, 0.0, 1.0)
    fill_foot(image, 2640, palette.ink)
    face, tracking = rng.choice(
        ((JOST_THIN, 0.2), (BEBAS, 0.14), (CORMORANT, 0.08), (OSWALD, 0.1), (PLAYFAIR, 0.03))
    )
    title = TitlePlan(
        face,
        (180, 1990, 1820, 2440),
        palette.paper,
        tracking=tracking,
        valign="middle",
        largest=310,
        lines=3,
        leading=0.24,
        halo=palette.ink,
    )
    return Artwork(image, title, BillingPlan(palette.light, palette.light), grain=11)


def _opening(rng: Random, place: tuple[float, float, float, float]) -> Image.Image:
    x, half, top, floor = place
    kind = rng.choice(("door", "arch", "gap"))
    mask = Image.new("L", (2000, 3000), 0)
    draw = ImageDraw.Draw(mask)
    if kind == "arch":
        draw.ellipse((x - half, top, x + half, top + 2 * half), fill=255)
        draw.rectangle((x - half, top + half, x + half, floor), fill=255)
    elif kind == "gap":
        draw.polygon(
            [(x - half * 0.5, -10), (x + half * 0.7, -10), (x + half, floor), (x - half, floor)],
            fill=255,
        )
    else:
        draw.rectangle((x - half, top, x + half, floor), fill=255)
    return mask


def _floor(
    image: Image.Image, rng: Random, palette: Palette, place: tuple[float, float, float]
) -> None:
    """The floor, darker than the wall, with the light on it."""
    x, half, floor = place
    haze(image, floor, 3000, palette.ink, 0.75, 1.0)
    spread = Image.new("L", (500, 750), 0)
    lean = rng.uniform(-500, 500)
    ImageDraw.Draw(spread).polygon(
        [
            ((x - half) / 4, floor / 4),
            ((x + half) / 4, floor / 4),
            ((x + half * 3.4 + lean) / 4, 750),
            ((x - half * 3.4 + lean) / 4, 750),
        ],
        fill=225,
    )
    fade = Image.linear_gradient("L").resize((500, 750 - round(floor / 4)))
    spread.paste(0, (0, round(floor / 4)), fade)
    blurred = spread.filter(ImageFilter.GaussianBlur(4)).resize(image.size)
    lay(image, mix(palette.warm, palette.light, 0.4), blurred)


def _person(
    image: Image.Image, rng: Random, palette: Palette, place: tuple[float, float, float]
) -> None:
    x, _, floor = place
    draw = ImageDraw.Draw(image)
    tall = rng.uniform(430, 560)
    shade = mix(palette.ink, palette.deep, 0.3)
    lean = rng.uniform(-240, 240)
    draw.polygon(
        [
            (x - tall * 0.1, floor + 50),
            (x + tall * 0.1, floor + 50),
            (x + tall * 0.34 + lean, 2650),
            (x - tall * 0.34 + lean, 2650),
        ],
        fill=shade,
    )
    standing(draw, rng, x, floor + 60, tall, palette.ink)
    if rng.random() < 0.25:
        standing(draw, rng, x + tall * 0.3, floor + 50, tall * rng.choice((0.6, 0.95)), palette.ink)


STYLE = Style(
    "doorway",
    paint,
    {
        "Thriller": 1.8,
        "Horror": 2,
        "Mystery": 1.5,
        "Drama": 0.8,
        "Crime": 0.8,
        "War": 0.8,
        "Sci-Fi": 0.8,
    },
    ("night", "eerie", "noir"),
)
