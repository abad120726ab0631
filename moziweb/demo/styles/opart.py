"""Style of op art: stripes, rings and waves."""

import math
from random import Random

from PIL import ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import Point, disc, flat
from moziweb.demo.styles.palette import Colour, readable
from moziweb.demo.styles.typography import ANTON, JOST_BLACK, RIGHTEOUS, UNBOUNDED


def paint(brief: Brief) -> Artwork:
    """One of four patterns above a plain area for the text."""
    rng, palette = brief.rng, brief.palette
    ground = rng.choice((palette.paper, palette.ink, palette.deep, palette.light))
    image = flat(ground)
    pool = (palette.ink, palette.mid, palette.warm, palette.accent, palette.paper)
    inks = rng.sample([colour for colour in pool if colour != ground], 3)
    draw = ImageDraw.Draw(image)
    rng.choice((_rings, _waves, _arches, _record))(draw, rng, inks, ground)
    draw.rectangle((0, 1930, 2000, 3000), fill=ground)
    ink = readable(ground, palette)
    face = rng.choice((ANTON, JOST_BLACK, RIGHTEOUS, UNBOUNDED))
    title = TitlePlan(
        face,
        (130, 1990, 1870, 2410),
        ink,
        align="left",
        valign="bottom",
        leading=0.14,
        largest=360,
        lines=3,
    )
    return Artwork(
        image, title, BillingPlan(readable(ground, palette), ink, align="left", names=None), grain=6
    )


def _rings(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour], ground: Colour) -> None:
    """Nested circles with moving centres."""
    drift = (rng.uniform(-16, 16), rng.uniform(-22, 22))
    for step in range(26):
        radius = 1560 - step * 60
        centre = (1000 + drift[0] * step, 960 + drift[1] * step)
        disc(draw, centre, radius, (inks[(step // 2) % 3] if step % 2 else ground))


def _waves(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour], ground: Colour) -> None:
    """Parallel curved bands."""
    height = rng.uniform(70, 190)
    length = rng.uniform(500, 1100)
    count = rng.randint(13, 20)
    for band in range(count):
        top = -250 + band * 2400 / count
        line: list[Point] = [
            (x, top + height * math.sin(x / length * 2 * math.pi + band * 0.24))
            for x in range(-20, 2041, 20)
        ]
        colour = inks[band % 3] if band % 2 else ground
        draw.polygon([*line, (2040, 2600), (-20, 2600)], fill=colour)


def _arches(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour], ground: Colour) -> None:
    """Randomly rotated quarter circles on a grid."""
    side = rng.choice((400, 500, 667))
    for row in range(math.ceil(1930 / side)):
        for column in range(math.ceil(2000 / side)):
            left, top = column * side, row * side
            corner = rng.randrange(4)
            x = left + (side if corner in (1, 2) else 0)
            y = top + (side if corner in (2, 3) else 0)
            for ring in range(4):
                radius = side * (1 - ring * 0.25)
                colour = inks[(ring // 2 + row) % 3] if ring % 2 == 0 else ground
                start = (0, 90, 180, 270)[corner]
                draw.pieslice(
                    (x - radius, y - radius, x + radius, y + radius), start, start + 90, fill=colour
                )


def _record(draw: ImageDraw.ImageDraw, rng: Random, inks: list[Colour], ground: Colour) -> None:
    """A part of a record, and the bars of an equaliser."""
    x, y = rng.choice(((1000.0, 980.0), (1800.0, 1000.0), (300.0, 900.0)))
    disc(draw, (x, y), 900, inks[0])
    for groove in range(14):
        radius = 860 - groove * 34
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=ground, width=5)
    disc(draw, (x, y), 340, inks[1])
    disc(draw, (x, y), 200, inks[2])
    disc(draw, (x, y), 36, ground)


STYLE = Style(
    "opart",
    paint,
    {"Music": 9, "Musical": 6, "Documentary": 1.4, "Comedy": 0.7, "Drama": 0.35},
    ("flat", "bright"),
)
