"""Style of a double exposure: a landscape inside a head."""

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
    lay,
    ridge,
    sky,
    softened,
    tinted,
)
from moziweb.demo.styles.figures import profile, profile_hair, standing
from moziweb.demo.styles.palette import Colour, Palette, mix
from moziweb.demo.styles.typography import CORMORANT, JOSEFIN, JOST_THIN, OSWALD_LIGHT, PLAYFAIR


def paint(brief: Brief) -> Artwork:
    """A landscape inside a head in profile, on pale paper."""
    rng, palette = brief.rng, brief.palette
    dark = rng.random() < 0.35
    page = palette.ink if dark else palette.paper
    far = palette.deep if dark else palette.light
    soft = sky([(0, far), (0.6, page), (1, page)])
    tinted(soft, clouds(rng, soft.size), page, 0.5)
    image = enlarge(soft)
    left = rng.random() < 0.5
    scale = rng.uniform(1560, 1720)
    x = 1000 - scale * (0.52 if left else 0.48)
    head = Image.new("L", image.size, 0)
    outline = ImageDraw.Draw(head)
    outline.polygon(profile(rng, x, 330, scale, left=left), fill=255)
    profile_hair(outline, rng, (x, 330, scale), 255, left=left)
    lay(image, mix(far, palette.mid, 0.35), softened(head, 60), 0.5)
    image.paste(_view(rng, palette), (0, 0), head)
    haze(image, 1650, 2150, page, 0.0, 1.0)
    fill_foot(image, 2150, page)
    ink = palette.paper if dark else palette.ink
    title = _title(rng, ink)
    return Artwork(image, title, BillingPlan(ink, palette.light if dark else palette.deep), grain=7)


def _title(rng: Random, ink: Colour) -> TitlePlan:
    """Thin letters below the shoulders."""
    face, tracking = rng.choice(
        (
            (JOST_THIN, 0.14),
            (CORMORANT, 0.05),
            (PLAYFAIR, 0.01),
            (JOSEFIN, 0.1),
            (OSWALD_LIGHT, 0.1),
        )
    )
    return TitlePlan(
        face,
        (180, 2010, 1820, 2440),
        ink,
        tracking=tracking,
        valign="middle",
        largest=300,
        lines=3,
        leading=0.24,
    )


def _view(rng: Random, palette: Palette) -> Image.Image:
    """Sky, hills and trees (or a town) in the palette's darker tones."""
    soft = sky(
        [
            (0, palette.deep),
            (0.3, palette.mid),
            (0.5, palette.warm),
            (0.64, palette.light),
            (1, palette.paper),
        ]
    )
    sun = (rng.uniform(700, 1300), rng.uniform(850, 1250))
    glow(soft, sun, 900, palette.light, 0.8)
    view = enlarge(soft)
    draw = ImageDraw.Draw(view)
    disc(draw, sun, rng.uniform(90, 200), mix(palette.light, palette.paper, 0.7))
    for layer in range(4):
        near = layer / 3
        base = 1230 + layer * 150
        tone = mix(palette.mid, palette.ink, 0.1 + 0.8 * near)
        draw.polygon(ridge(rng, base, 150 - 60 * near), fill=tone)
        haze(view, base - 60, base + 220, palette.light, 0.0, 0.28 * (1 - near))
    (_pines if rng.random() < 0.6 else _houses)(draw, rng, palette)
    if rng.random() < 0.5:
        standing(draw, rng, rng.uniform(850, 1150), 1700, 210, palette.ink)
    _birds(draw, rng, palette)
    return view


def _pines(draw: ImageDraw.ImageDraw, rng: Random, palette: Palette) -> None:
    for _ in range(46):
        x, foot = rng.uniform(100, 1900), rng.uniform(1640, 1860)
        high = rng.uniform(150, 420)
        for tier in range(5):
            top = foot - high + tier * high * 0.17
            half = high * (0.06 + 0.045 * tier)
            draw.polygon(
                [(x - half, top + high * 0.24), (x, top), (x + half, top + high * 0.24)],
                fill=palette.ink,
            )


def _houses(draw: ImageDraw.ImageDraw, rng: Random, palette: Palette) -> None:
    left = 60.0
    while left < 1950:
        across, high = rng.uniform(50, 130), rng.uniform(150, 520)
        draw.rectangle((left, 1720 - high, left + across, 1900), fill=palette.ink)
        for _ in range(6):
            x, y = left + rng.uniform(8, across - 18), 1720 - rng.uniform(20, high - 20)
            draw.rectangle((x, y, x + 9, y + 14), fill=palette.warm)
        left += across + rng.choice((0, 0, 20))


def _birds(draw: ImageDraw.ImageDraw, rng: Random, palette: Palette) -> None:
    x, y = rng.uniform(600, 1200), rng.uniform(560, 800)
    for _ in range(rng.randint(5, 11)):
        bx, by, wing = x + rng.uniform(-260, 260), y + rng.uniform(-160, 160), rng.uniform(16, 34)
        draw.line(
            (bx - wing, by - wing * 0.4, bx, by, bx + wing, by - wing * 0.5),
            fill=palette.paper,
            width=6,
        )


STYLE = Style(
    "exposure",
    paint,
    {
        "Drama": 1.2,
        "Biography": 1.6,
        "Sci-Fi": 1,
        "Mystery": 1.2,
        "Romance": 0.9,
        "Fantasy": 0.8,
        "Documentary": 1,
        "History": 0.8,
        "Thriller": 0.5,
    },
    ("airy", "dusk", "cold"),
)
