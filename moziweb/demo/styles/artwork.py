"""The interface of styles: their input, their result, and when they are chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from PIL import Image

from moziweb.demo.styles.palette import Colour, Palette
from moziweb.demo.styles.typography import ALUMNI_BOLD, JOST, Face

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Brief:
    """The input of a style: random generator, colours, title and genres."""

    rng: Random
    palette: Palette
    title: str
    genres: tuple[str, ...]


@dataclass(frozen=True)
class TitlePlan:
    """Position and look of the title.

    `box` is (left, top, right, bottom). `mode` is "fit" (all lines of one size) or "block" (every
    line as wide as the box). `align` is "left", "centre" or "right"; `valign` is "top", "middle" or
    "bottom". `tracking` is in ems, `shear` is a slope; `worn` is the share of missing ink.
    """

    face: Face
    box: Box
    fill: Colour
    align: str = "centre"
    valign: str = "middle"
    mode: str = "fit"
    upper: bool = True
    tracking: float = 0.0
    leading: float = 0.34
    lines: int = 4
    largest: int = 620
    shear: float = 0.0
    worn: float = 0.0
    jitter: float = 0.0
    halo: Colour | None = None
    shadow: Colour | None = None


@dataclass(frozen=True)
class BillingPlan:
    """Look of the small print: its colours at the top and the bottom, its alignment and its face.

    `names` is the baseline of the cast's names, None to omit them; if `stacked`, each name has a
    line.
    """

    top: Colour
    bottom: Colour
    align: str = "centre"
    face: Face = JOST
    credit: Face = ALUMNI_BOLD
    names: int | None = 130
    stacked: bool = False


@dataclass(frozen=True)
class Artwork:
    """A painted background (2000x3000, RGB) and the plans of its texts."""

    image: Image.Image
    title: TitlePlan
    billing: BillingPlan
    grain: float = 7.0


@dataclass(frozen=True)
class Style:
    """A style of posters: its weight for genres, and the moods of its palettes.

    `base_weight` is added for every movie, so that a genre has several styles.
    """

    name: str
    paint: Callable[[Brief], Artwork]
    genres: Mapping[str, float]
    moods: tuple[str, ...]
    base_weight: float = 0.02
