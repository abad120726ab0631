"""Outlines of people: from a distance, from behind, in profile."""

import math
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
    (0.20, 0.56),
    (0.175, 0.38),
    (0.22, 0.20),
    (0.33, 0.085),
    (0.49, 0.045),
    (0.635, 0.085),
    (0.72, 0.19),
    (0.748, 0.29),
    (0.765, 0.352),
    (0.752, 0.395),
    (0.778, 0.455),
    (0.816, 0.518),
    (0.822, 0.543),
    (0.798, 0.562),
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
"""Head and shoulders from the front or behind; the origin is the middle of the face, 1.31 high."""

_COAT: Final[tuple[Point, ...]] = (
    (-0.034, -0.875),
    (-0.05, -0.845),
    (-0.115, -0.815),
    (-0.14, -0.74),
    (-0.145, -0.58),
    (-0.135, -0.44),
    (-0.118, -0.425),
    (-0.112, -0.36),
    (-0.125, -0.25),
    (-0.09, -0.24),
    (-0.078, -0.05),
    (-0.095, 0.0),
    (-0.03, 0.0),
    (-0.014, -0.2),
    (0.01, -0.2),
    (0.028, 0.0),
    (0.095, 0.0),
    (0.075, -0.05),
    (0.085, -0.24),
    (0.122, -0.25),
    (0.112, -0.36),
    (0.118, -0.425),
    (0.135, -0.44),
    (0.142, -0.58),
    (0.135, -0.74),
    (0.112, -0.815),
    (0.05, -0.845),
    (0.034, -0.875),
)
_JACKET: Final[tuple[Point, ...]] = (
    (-0.034, -0.875),
    (-0.05, -0.848),
    (-0.12, -0.82),
    (-0.15, -0.75),
    (-0.165, -0.6),
    (-0.172, -0.47),
    (-0.145, -0.44),
    (-0.125, -0.5),
    (-0.105, -0.64),
    (-0.1, -0.5),
    (-0.105, -0.4),
    (-0.125, -0.2),
    (-0.135, -0.03),
    (-0.165, 0.0),
    (-0.085, 0.0),
    (-0.062, -0.2),
    (-0.012, -0.42),
    (0.02, -0.42),
    (0.055, -0.2),
    (0.062, 0.0),
    (0.135, 0.0),
    (0.112, -0.03),
    (0.112, -0.2),
    (0.1, -0.4),
    (0.1, -0.5),
    (0.105, -0.64),
    (0.13, -0.5),
    (0.15, -0.44),
    (0.172, -0.47),
    (0.165, -0.6),
    (0.148, -0.75),
    (0.12, -0.82),
    (0.05, -0.848),
    (0.034, -0.875),
)
_DRESS: Final[tuple[Point, ...]] = (
    (-0.03, -0.88),
    (-0.042, -0.842),
    (-0.095, -0.815),
    (-0.115, -0.74),
    (-0.122, -0.6),
    (-0.128, -0.47),
    (-0.105, -0.45),
    (-0.095, -0.56),
    (-0.072, -0.64),
    (-0.085, -0.55),
    (-0.125, -0.38),
    (-0.15, -0.22),
    (-0.06, -0.205),
    (-0.05, -0.04),
    (-0.065, 0.0),
    (-0.015, 0.0),
    (-0.008, -0.2),
    (0.012, -0.2),
    (0.02, 0.0),
    (0.068, 0.0),
    (0.05, -0.04),
    (0.06, -0.205),
    (0.15, -0.22),
    (0.125, -0.38),
    (0.085, -0.55),
    (0.072, -0.64),
    (0.095, -0.56),
    (0.108, -0.45),
    (0.128, -0.47),
    (0.122, -0.6),
    (0.112, -0.74),
    (0.092, -0.815),
    (0.042, -0.842),
    (0.03, -0.88),
)
_OUTFITS: Final = (_COAT, _JACKET, _DRESS)


def standing(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    ground: float,
    height: float,
    fill: Colour | int,
) -> None:
    """A person from behind, `height` tall, with the feet at (x, ground)."""
    outfit = rng.choice(_OUTFITS)
    draw.polygon(moved(curve(outfit, steps=4), x, ground, height), fill=fill)
    draw.ellipse(_about(x, ground - height * 0.932, height * 0.05, height * 0.068), fill=fill)
    if outfit is _DRESS:
        lock = [(-0.056, -0.93), (0.056, -0.93), (0.066, -0.8), (0.0, -0.775), (-0.066, -0.8)]
        draw.polygon(moved(curve(lock, steps=4), x, ground, height), fill=fill)


_RUNNER: Final[tuple[tuple[Point, Point, float, float], ...]] = (
    ((0.03, -0.80), (-0.05, -0.50), 0.085, 0.065),
    ((0.05, -0.80), (0.20, -0.66), 0.036, 0.03),
    ((0.20, -0.66), (0.27, -0.82), 0.028, 0.022),
    ((0.00, -0.79), (-0.17, -0.68), 0.036, 0.03),
    ((-0.17, -0.68), (-0.26, -0.53), 0.028, 0.022),
    ((-0.03, -0.50), (0.19, -0.40), 0.058, 0.045),
    ((0.19, -0.40), (0.17, -0.14), 0.042, 0.026),
    ((0.17, -0.14), (0.26, -0.11), 0.026, 0.018),
    ((-0.06, -0.50), (-0.16, -0.25), 0.058, 0.042),
    ((-0.16, -0.25), (-0.38, -0.16), 0.04, 0.024),
    ((-0.38, -0.16), (-0.42, -0.07), 0.024, 0.016),
)
"""Limbs of a person who runs to the right: start, end, half widths."""


def running(
    draw: ImageDraw.ImageDraw, x: float, ground: float, height: float, fill: Colour | int
) -> None:
    """A person who runs to the right."""
    for start, end, wide, narrow in _RUNNER:
        (ax, ay), (bx, by) = moved((start, end), x, ground, height)
        length = math.hypot(bx - ax, by - ay)
        nx, ny = (ay - by) / length, (bx - ax) / length
        w, n = wide * height, narrow * height
        sides = [(ax + nx * w, ay + ny * w), (bx + nx * n, by + ny * n)]
        back = [(bx - nx * n, by - ny * n), (ax - nx * w, ay - ny * w)]
        draw.polygon(sides + back, fill=fill)
        disc(draw, (ax, ay), w, fill)
        disc(draw, (bx, by), n, fill)
    draw.ellipse(
        _about(x + 0.085 * height, ground - 0.915 * height, 0.056 * height, 0.07 * height), fill
    )


def hatted(
    draw: ImageDraw.ImageDraw, x: float, ground: float, height: float, fill: Colour | int
) -> None:
    """A person in a long coat and a hat."""
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
    """A head in profile, with random variations, whose box starts at (x, y)."""
    nose = rng.uniform(-0.012, 0.008)
    chin = rng.uniform(-0.012, 0.012)
    shaped = [
        (px + (nose if 0.44 < py < 0.56 and px > 0.7 else chin if 0.7 < py < 0.8 else 0), py)
        for px, py in PROFILE
    ]
    outline = curve(shaped, closed=False, steps=8)
    return moved(_facing(outline, left=left), x, y, scale)


_LOCKS: Final[tuple[tuple[Point, ...], ...]] = (
    (),
    (
        (0.74, 0.21),
        (0.72, 0.09),
        (0.56, 0.0),
        (0.38, 0.01),
        (0.2, 0.1),
        (0.14, 0.3),
        (0.19, 0.55),
        (0.3, 0.6),
        (0.45, 0.3),
    ),
    (
        (0.73, 0.24),
        (0.65, 0.05),
        (0.45, -0.01),
        (0.24, 0.04),
        (0.11, 0.24),
        (0.07, 0.55),
        (0.11, 0.82),
        (0.28, 0.90),
        (0.44, 0.78),
        (0.5, 0.5),
        (0.58, 0.33),
    ),
    (
        (0.72, 0.2),
        (0.62, 0.05),
        (0.44, 0.01),
        (0.26, 0.07),
        (0.16, 0.22),
        (0.04, 0.17),
        (-0.05, 0.3),
        (0.0, 0.5),
        (-0.03, 0.72),
        (0.1, 0.55),
        (0.17, 0.42),
        (0.3, 0.5),
        (0.5, 0.3),
    ),
)
"""Hair in the box of `PROFILE`: none, short, to the chin, tied."""


def profile_hair(
    draw: ImageDraw.ImageDraw,
    rng: Random,
    place: tuple[float, float, float],
    fill: Colour | int,
    *,
    left: bool,
) -> None:
    """Hair, a bun or a hat for a `profile` at `place` (x, y, scale)."""
    x, y, scale = place
    kind = rng.randrange(len(_LOCKS) + 2)
    if kind < len(_LOCKS):
        lock = _facing(curve(_LOCKS[kind], steps=6), left=left)
        if lock:
            draw.polygon(moved(lock, x, y, scale), fill=fill)
    elif kind == len(_LOCKS):
        knot = moved(_facing([(0.19, 0.13)], left=left), x, y, scale)[0]
        disc(draw, knot, 0.105 * scale, fill)
    else:
        brim = [(0.04, 0.25), (0.2, 0.17), (0.72, 0.2), (0.94, 0.25), (0.94, 0.27), (0.04, 0.285)]
        crown = [(0.17, 0.2), (0.22, 0.0), (0.34, -0.05), (0.5, -0.02), (0.66, -0.03), (0.75, 0.22)]
        draw.polygon(moved(_facing(brim, left=left), x, y, scale), fill=fill)
        draw.polygon(moved(_facing(crown, left=left), x, y, scale), fill=fill)


def _facing(points: list[Point], *, left: bool) -> list[Point]:
    return [(1 - x, y) for x, y in points] if left else points


def bust(x: float, y: float, scale: float) -> list[Point]:
    """Head and shoulders; (x, y) is the middle of the face."""
    return moved(curve(BUST, closed=False, steps=8), x, y, scale)


def hair(
    draw: ImageDraw.ImageDraw, rng: Random, x: float, y: float, scale: float, fill: Colour | int
) -> None:
    """Random hair or a hat for a `bust`."""
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
