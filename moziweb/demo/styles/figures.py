"""People as outlines: seen from afar, from behind, in profile."""

from random import Random
from typing import Final

from PIL import ImageDraw

from moziweb.demo.styles.canvas import Point, curve, disc, moved
from moziweb.demo.styles.palette import Colour

PROFILE: Final[tuple[Point, ...]] = (
    (0.02, 1.22),
    (0.10, 1.05),
    (0.22, 0.93),
    (0.285, 0.80),
    (0.255, 0.68),
    (0.185, 0.55),
    (0.155, 0.38),
    (0.205, 0.20),
    (0.33, 0.085),
    (0.49, 0.045),
    (0.635, 0.085),
    (0.72, 0.19),
    (0.748, 0.29),
    (0.765, 0.352),
    (0.752, 0.395),
    (0.785, 0.455),
    (0.832, 0.522),
    (0.836, 0.546),
    (0.806, 0.562),
    (0.772, 0.572),
    (0.776, 0.590),
    (0.796, 0.616),
    (0.792, 0.634),
    (0.762, 0.645),
    (0.786, 0.662),
    (0.782, 0.686),
    (0.758, 0.706),
    (0.768, 0.738),
    (0.765, 0.775),
    (0.725, 0.805),
    (0.65, 0.812),
    (0.575, 0.835),
    (0.545, 0.90),
    (0.56, 0.985),
    (0.66, 1.06),
    (0.84, 1.12),
    (0.96, 1.22),
)
"""A head facing right with neck and shoulders, in a box of about 1 x 1.22."""

BUST: Final[tuple[Point, ...]] = (
    (-0.62, 1.0),
    (-0.60, 0.62),
    (-0.46, 0.44),
    (-0.20, 0.35),
    (-0.125, 0.27),
    (-0.135, 0.20),
    (-0.185, 0.09),
    (-0.205, -0.06),
    (-0.175, -0.20),
    (-0.10, -0.285),
    (0.0, -0.31),
    (0.10, -0.285),
    (0.175, -0.20),
    (0.205, -0.06),
    (0.185, 0.09),
    (0.135, 0.20),
    (0.125, 0.27),
    (0.20, 0.35),
    (0.46, 0.44),
    (0.60, 0.62),
    (0.62, 1.0),
)
"""Head and shoulders from the front or behind, about the middle of the face, 1.31 high."""

_COAT: Final[tuple[Point, ...]] = (
    (-0.045, -0.845),
    (-0.115, -0.80),
    (-0.135, -0.62),
    (-0.13, -0.44),
    (-0.105, -0.41),
    (-0.125, -0.20),
    (-0.09, -0.19),
    (-0.085, -0.01),
    (-0.10, 0.0),
    (-0.03, 0.0),
    (-0.02, -0.18),
    (0.01, -0.20),
    (0.03, 0.0),
    (0.10, 0.0),
    (0.085, -0.02),
    (0.085, -0.19),
    (0.12, -0.20),
    (0.105, -0.41),
    (0.13, -0.44),
    (0.135, -0.62),
    (0.115, -0.80),
    (0.045, -0.845),
)


def standing(
    draw: ImageDraw.ImageDraw, x: float, ground: float, height: float, fill: Colour | int
) -> None:
    """Somebody in a coat, seen from behind, `height` tall with the feet at (x, ground)."""
    draw.polygon(moved(_COAT, x, ground, height), fill=fill)
    head = height * 0.062
    draw.rectangle(
        (x - head * 0.45, ground - height * 0.88, x + head * 0.45, ground - height * 0.82), fill
    )
    draw.ellipse(
        (x - head, ground - height, x + head, ground - height * 0.855),
        fill=fill,
    )


def hatted(
    draw: ImageDraw.ImageDraw, x: float, ground: float, height: float, fill: Colour | int
) -> None:
    """Somebody in a long coat and a hat, the shoulders squared."""
    coat = [
        (-0.05, -0.85),
        (-0.17, -0.80),
        (-0.20, -0.55),
        (-0.175, -0.42),
        (-0.155, -0.42),
        (-0.19, -0.10),
        (-0.09, -0.085),
        (-0.085, 0.0),
        (-0.015, 0.0),
        (0.0, -0.08),
        (0.015, 0.0),
        (0.085, 0.0),
        (0.09, -0.085),
        (0.19, -0.10),
        (0.155, -0.42),
        (0.175, -0.42),
        (0.20, -0.55),
        (0.17, -0.80),
        (0.05, -0.85),
    ]
    draw.polygon(moved(coat, x, ground, height), fill=fill)
    draw.ellipse(_about(x, ground - height * 0.90, height * 0.056, height * 0.07), fill=fill)
    draw.ellipse(_about(x, ground - height * 0.936, height * 0.125, height * 0.02), fill=fill)
    crown = [(-0.07, -0.935), (-0.062, -1.0), (-0.02, -1.012), (0.02, -1.0), (0.06, -1.008)]
    draw.polygon(moved([*crown, (0.07, -0.935)], x, ground, height), fill=fill)


def profile(rng: Random, x: float, y: float, scale: float, *, left: bool = False) -> list[Point]:
    """A head in profile whose box starts at (x, y); each one a little different."""
    nose = rng.uniform(-0.012, 0.02)
    chin = rng.uniform(-0.012, 0.012)
    shaped = [
        (px + (nose if 0.44 < py < 0.56 and px > 0.7 else chin if 0.7 < py < 0.8 else 0), py)
        for px, py in PROFILE
    ]
    outline = curve(shaped, closed=False, steps=8)
    facing = [(1 - px, py) for px, py in outline] if left else outline
    return moved(facing, x, y, scale)


def bust(x: float, y: float, scale: float) -> list[Point]:
    """Head and shoulders about (x, y), the middle of the face."""
    return moved(curve(BUST, closed=False, steps=8), x, y, scale)


def hair(
    draw: ImageDraw.ImageDraw, rng: Random, x: float, y: float, scale: float, fill: Colour | int
) -> None:
    """One of several heads of hair (or a hat) on a `bust`."""
    kind = rng.choice(("short", "long", "bun", "round", "hat", "short"))
    if kind == "long":
        lock = [(-0.24, -0.1), (-0.2, -0.33), (0, -0.39), (0.2, -0.33), (0.24, -0.1)]
        ends = [(0.29, 0.25), (0.25, 0.52), (0.0, 0.56), (-0.25, 0.52), (-0.29, 0.25)]
        draw.polygon(moved(curve([*lock, *ends]), x, y, scale), fill=fill)
    elif kind == "bun":
        disc(draw, (x, y - 0.37 * scale), 0.11 * scale, fill)
        draw.ellipse(_about(x, y - 0.1 * scale, 0.225 * scale, 0.235 * scale), fill=fill)
    elif kind == "round":
        disc(draw, (x, y - 0.13 * scale), 0.315 * scale, fill)
    elif kind == "hat":
        draw.ellipse(_about(x, y - 0.2 * scale, 0.42 * scale, 0.06 * scale), fill=fill)
        crown = [(-0.22, -0.2), (-0.2, -0.43), (-0.05, -0.46), (0.08, -0.43), (0.2, -0.45)]
        draw.polygon(moved([*crown, (0.22, -0.2)], x, y, scale), fill=fill)
    else:
        tuft = [(-0.215, -0.02), (-0.22, -0.22), (-0.08, -0.37), (0.1, -0.36), (0.22, -0.2)]
        draw.polygon(moved(curve([*tuft, (0.215, -0.02), (0, -0.12)]), x, y, scale), fill=fill)


def _about(x: float, y: float, across: float, down: float) -> tuple[float, float, float, float]:
    return x - across, y - down, x + across, y + down
