"""Colours out of focus and a few quiet words: the festival poster."""

from random import Random

from PIL import Image, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, Brief, Small, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, enlarge, flat, sky, softened
from moziweb.demo.styles.figures import bust, hair, profile
from moziweb.demo.styles.palette import Palette, mix, readable
from moziweb.demo.styles.typography import ABRIL, CORMORANT, JOST, PLAYFAIR, UNBOUNDED, VIBES


def paint(brief: Brief) -> Artwork:
    """Blurred discs; in front, at times, somebody's outline in a colour of their own."""
    rng, palette = brief.rng, brief.palette
    image = enlarge(_blur(rng, palette))
    framed = rng.random() < 0.4
    if rng.random() < 0.62:
        _somebody(image, rng, palette)
    ground = palette.paper
    if framed:
        image = _framed(image, ground)
        ink, foot = palette.paper, palette.ink
    else:
        bottom = image.resize((1, 6)).getpixel((0, 5))
        red, green, blue = bottom if isinstance(bottom, tuple) else (0, 0, 0)
        ink = foot = readable((red, green, blue), palette)
    face, tracking, upper = rng.choice(
        ((CORMORANT, 0.0, False), (PLAYFAIR, 0.0, False), (UNBOUNDED, 0.0, False),
         (JOST, 0.02, False), (ABRIL, 0.0, False), (VIBES, 0.0, False), (JOST, 0.16, True))
    )
    title = TitlePlan(face, (200, 1730, 1800, 2330), ink, upper=upper, tracking=tracking,
                      leading=0.24 if upper else 0.46, stand="bottom", largest=340,
                      align="left" if rng.random() < 0.5 else "centre")
    return Artwork(image, title, Small(ink, foot, align=title.align, names=250 if framed else 150),
                   grain=12)


def _blur(rng: Random, palette: Palette) -> Image.Image:
    dark = rng.random() < 0.5
    ends = (palette.deep, palette.mid) if dark else (palette.light, palette.warm)
    small = sky([(0, ends[0]), (1, ends[1])])
    draw = ImageDraw.Draw(small)
    colours = [palette.warm, palette.light, palette.mid, palette.accent, palette.warm]
    rng.shuffle(colours)
    for colour in colours:
        disc(draw, (rng.uniform(0, 250), rng.uniform(-20, 330)), rng.uniform(40, 105), colour)
    blurred = small.filter(ImageFilter.GaussianBlur(rng.uniform(20, 32)))
    low = palette.ink if dark else palette.paper
    foot = Image.linear_gradient("L").resize(small.size)
    blurred.paste(low, (0, 0), foot.point([round(max(0, v - 120) * 1.35) for v in range(256)]))
    return blurred


def _somebody(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A face or a back in one tone, its edge a little soft."""
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    if rng.random() < 0.5:
        draw.polygon(profile(rng, 240, 520, 1500, left=rng.random() < 0.5), fill=255)
    else:
        draw.polygon(bust(1000, 1250, 1180), fill=255)
        hair(draw, rng, 1000, 1250, 1180, 255)
    tone = mix(rng.choice((palette.deep, palette.mid, palette.warm)), palette.ink, 0.2)
    fade = Image.linear_gradient("L").resize(image.size)
    fade = fade.point([min(255, max(0, round((205 - v) * 2.6))) for v in range(256)])
    shape = Image.composite(softened(mask, 14), Image.new("L", image.size, 0), fade)
    image.paste(tone, (0, 0), shape.point(lambda v: v * 0.86))


def _framed(image: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """The picture as a print on paper with room for the credits below."""
    page = flat(ground)
    page.paste(image.crop((0, 250, 2000, 2600)).resize((1800, 2330)), (100, 110))
    return page


STYLE = Style(
    "bloom",
    paint,
    {"Drama": 1.3, "Romance": 2, "Comedy": 0.8, "Biography": 0.6, "Music": 1, "Documentary": 0.6},
    ("romance", "airy", "dusk", "neon", "organic"),
)
