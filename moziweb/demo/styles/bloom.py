"""Style of blurred colours and small text, like a festival poster."""

from random import Random

from PIL import Image, ImageDraw, ImageFilter

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import disc, enlarge, flat, lay, sky, softened
from moziweb.demo.styles.figures import profile, profile_hair
from moziweb.demo.styles.palette import Colour, Palette, mix, readable
from moziweb.demo.styles.typography import ABRIL, CORMORANT, JOST, PLAYFAIR, UNBOUNDED, VIBES


def paint(brief: Brief) -> Artwork:
    """Blurred discs; sometimes the outline of a person in front."""
    rng, palette = brief.rng, brief.palette
    image = enlarge(_blur(rng, palette))
    framed = rng.random() < 0.4
    if rng.random() < 0.62:
        _somebody(image, rng, palette)
    ground = palette.paper
    top, ink = _tone(image, 0, palette), _tone(image, 5, palette)
    foot = ink
    if framed:
        image = _framed(image, ground)
        foot = palette.ink
    face, tracking, upper = rng.choice(
        (
            (CORMORANT, 0.0, False),
            (PLAYFAIR, 0.0, False),
            (UNBOUNDED, 0.0, False),
            (JOST, 0.02, False),
            (ABRIL, 0.0, False),
            (VIBES, 0.0, False),
            (JOST, 0.16, True),
        )
    )
    title = TitlePlan(
        face,
        (200, 1730, 1800, 2330),
        ink,
        upper=upper,
        tracking=tracking,
        leading=0.24 if upper else 0.46,
        valign="bottom",
        largest=340,
        align="left" if rng.random() < 0.5 else "centre",
    )
    return Artwork(
        image,
        title,
        BillingPlan(top, foot, align=title.align, names=250 if framed else 150),
        grain=12,
    )


def _tone(image: Image.Image, part: int, palette: Palette) -> Colour:
    """Ink or paper for text on the given sixth of the image, counted from the top."""
    average = image.resize((1, 6), Image.Resampling.BOX).getpixel((0, part))
    red, green, blue = average if isinstance(average, tuple) else (0, 0, 0)
    return readable((int(red), int(green), int(blue)), palette)


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
    """A face or a back in one colour, with a soft edge."""
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    left = rng.random() < 0.5
    x = rng.uniform(60, 380)
    draw.polygon(profile(rng, x, 480, 1560, left=left), fill=255)
    profile_hair(draw, rng, (x, 480, 1560), 255, left=left)
    tone = mix(rng.choice((palette.deep, palette.mid, palette.warm)), palette.ink, 0.2)
    fade = Image.linear_gradient("L").resize(image.size)
    fade = fade.point([min(255, max(0, round((205 - v) * 2.6))) for v in range(256)])
    shape = Image.composite(softened(mask, 14), Image.new("L", image.size, 0), fade)
    lay(image, tone, shape, 0.86)


def _framed(image: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """The image as a print on paper with room for the credits below."""
    page = flat(ground)
    page.paste(image.crop((0, 250, 2000, 2600)).resize((1800, 2330)), (100, 110))
    return page


STYLE = Style(
    "bloom",
    paint,
    {"Drama": 1.3, "Romance": 2, "Comedy": 0.8, "Biography": 0.6, "Music": 1, "Documentary": 0.6},
    ("romance", "airy", "dusk", "neon", "organic"),
)
