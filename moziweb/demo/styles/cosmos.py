"""Style of planets, eclipses and grids."""

from random import Random

from PIL import Image, ImageDraw

from moziweb.demo.styles.artwork import Artwork, BillingPlan, Brief, Style, TitlePlan
from moziweb.demo.styles.canvas import clouds, disc, enlarge, glow, haze, lay, sky, softened, tinted
from moziweb.demo.styles.figures import standing
from moziweb.demo.styles.palette import Palette, mix
from moziweb.demo.styles.typography import BEBAS, JOST_THIN, OSWALD_LIGHT, UNBOUNDED


def paint(brief: Brief) -> Artwork:
    """Stars and dust behind one of three scenes; wide, thin letters."""
    rng, palette = brief.rng, brief.palette
    image = _space(rng, palette)
    view = rng.choice((_planet, _eclipse, _grid))
    view(image, rng, palette)
    haze(image, 2200, 2620, palette.ink, 0.0, 0.9)
    haze(image, 2620, 3000, palette.ink, 0.9, 1.0)
    face, tracking = rng.choice(
        ((JOST_THIN, 0.22), (UNBOUNDED, 0.04), (BEBAS, 0.12), (OSWALD_LIGHT, 0.2))
    )
    high = view is _grid
    box = (170, 300, 1830, 780) if high else (170, 1930, 1830, 2420)
    title = TitlePlan(
        face,
        box,
        palette.paper,
        tracking=tracking,
        largest=330,
        leading=0.26,
        valign="top" if high else "bottom",
        lines=3,
        halo=palette.mid,
    )
    return Artwork(image, title, BillingPlan(palette.light, palette.light), grain=8)


def _space(rng: Random, palette: Palette) -> Image.Image:
    ground = sky([(0, palette.ink), (0.5, palette.deep), (1, palette.ink)])
    for colour, strength in ((palette.mid, 0.75), (palette.warm, 0.35)):
        dust = clouds(rng, ground.size, octaves=5, first=2)
        tinted(
            ground,
            dust.point([max(0, min(255, (v - 95) * 2)) for v in range(256)]),
            colour,
            strength,
        )
    image = enlarge(ground)
    draw = ImageDraw.Draw(image)
    for _ in range(520):
        size = rng.choice((1.5, 2, 2, 3, 3, 5))
        tone = mix(palette.mid, palette.paper, rng.uniform(0.3, 1))
        disc(draw, (rng.uniform(0, 2000), rng.uniform(0, 2600)), size, tone)
    return image


def _planet(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A banded, half-lit sphere, usually with a ring."""
    x, y = rng.uniform(700, 1300), rng.uniform(950, 1250)
    radius = rng.uniform(480, 720)
    tilt = rng.uniform(-28, 28)
    ringed = rng.random() < 0.6
    if ringed:
        _ring(image, (x, y), radius, tilt, palette, (180, 360))
    sphere = _sphere(rng, palette, round(radius * 2)).rotate(tilt, Image.Resampling.BICUBIC)
    mask = Image.new("L", sphere.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, sphere.width - 1, sphere.height - 1), fill=255)
    image.paste(sphere, (round(x - radius), round(y - radius)), mask)
    if ringed:
        _ring(image, (x, y), radius, tilt, palette, (0, 180))
    moon = (x + radius * rng.choice((-1.05, 1.05)), y - radius * rng.uniform(0.7, 1.0))
    disc(ImageDraw.Draw(image), moon, radius * 0.09, palette.light)


def _sphere(rng: Random, palette: Palette, side: int) -> Image.Image:
    bands = Image.new("RGB", (1, 24))
    for row in range(24):
        tone = mix(palette.mid, palette.warm, rng.random())
        bands.putpixel((0, row), mix(tone, palette.light, rng.uniform(0, 0.35)))
    ball = bands.resize((200, 200), Image.Resampling.BICUBIC)
    lit = Image.new("RGB", (200, 200), palette.ink)
    light = Image.radial_gradient("L").resize((380, 380)).crop((130, 130, 330, 330))
    falloff = light.point([min(255, round(max(0, v - 30) * 1.75)) for v in range(256)])
    ball.paste(lit, (0, 0), falloff.rotate(rng.choice((0, 90))))
    return ball.resize((side, side), Image.Resampling.BICUBIC)


def _ring(
    image: Image.Image,
    centre: tuple[float, float],
    radius: float,
    tilt: float,
    palette: Palette,
    half: tuple[int, int],
) -> None:
    """Half of a ring: the far half is behind the planet, the near half in front."""
    side = round(radius * 2.25 / 3)
    mask = Image.new("L", (side * 2, side * 2), 0)
    draw = ImageDraw.Draw(mask)
    for share, tone in ((1.0, 120), (0.93, 210), (0.86, 90), (0.80, 240), (0.74, 150), (0.68, 0)):
        across, down = side * share, side * share * 0.2
        box = (side - across, side - down, side + across, side + down)
        draw.pieslice(box, *half, fill=tone)
    mask = mask.rotate(-tilt, Image.Resampling.BICUBIC)
    sheet = Image.new("L", image.size, 0)
    corner = (round(centre[0] - side * 3), round(centre[1] - side * 3))
    sheet.paste(mask.resize((side * 6, side * 6), Image.Resampling.BICUBIC), corner)
    lay(image, palette.light, sheet)


def _eclipse(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A black disc with a bright rim, and a person who looks at it."""
    centre = (1000.0, rng.uniform(940, 1060))
    radius = rng.uniform(500, 640)
    glow(image, centre, radius * 2.5, palette.warm, 0.8)
    glow(image, (centre[0], centre[1] - 40), radius * 1.7, palette.light, 0.95)
    disc(ImageDraw.Draw(image), centre, radius * 1.015, palette.paper)
    offset = rng.uniform(-14, 14)
    disc(ImageDraw.Draw(image), (centre[0] + offset, centre[1] + 12), radius, palette.ink)
    if rng.random() < 0.7:
        draw = ImageDraw.Draw(image)
        draw.ellipse((-900, 1830, 2900, 4200), fill=palette.ink)
        standing(draw, rng, 1000, 1842, 300, palette.ink)


def _grid(image: Image.Image, rng: Random, palette: Palette) -> None:
    """A sun of horizontal bars over a plain with a grid."""
    horizon = rng.randint(1660, 1740)
    glow(image, (1000, horizon), 1500, palette.warm, 0.8)
    sun = _cut_sun(rng, palette, horizon)
    image.paste(sun[0], (0, 0), sun[1])
    ground = Image.new("RGB", image.size, palette.ink)
    lines = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(lines)
    for column in range(-24, 25):
        draw.line((1000 + column * 42, horizon, 1000 + column * 330, 3000), fill=255, width=5)
    for row in range(16):
        y = horizon + 1500 * (row / 16) ** 2.2
        draw.line((0, y, 2000, y), fill=255, width=2 + row // 3)
    lay(ground, palette.accent, softened(lines, 26), 0.55)
    lay(ground, mix(palette.accent, palette.paper, 0.35), lines)
    image.paste(ground.crop((0, horizon, 2000, 3000)), (0, horizon))
    haze(image, horizon, horizon + 260, palette.warm, 0.75, 0.0)


def _cut_sun(rng: Random, palette: Palette, horizon: int) -> tuple[Image.Image, Image.Image]:
    radius = rng.randint(440, 560)
    centre = (1000.0, horizon - radius * 0.62)
    mask = Image.new("L", (2000, 3000), 0)
    draw = ImageDraw.Draw(mask)
    disc(draw, centre, radius, 255)
    for step in range(7):
        y = centre[1] - radius * 0.05 + step * radius * 0.155
        draw.rectangle((0, y, 2000, y + 8 + step * 7), fill=0)
    colours = sky(
        [(0, palette.accent), (0.25, palette.light), (0.55, palette.warm), (1, palette.mid)]
    )
    return enlarge(colours), mask


STYLE = Style("cosmos", paint, {"Sci-Fi": 5, "Adventure": 0.5, "Fantasy": 0.5}, ("space",))
