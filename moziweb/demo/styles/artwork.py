"""What a style is given, what it gives back, and how styles are told apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from PIL import Image

from moziweb.demo.styles.palette import Colour, Palette
from moziweb.demo.styles.typography import ALUMNI_BOLD, JOST, Face

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Brief:
    """What a poster is drawn from: its colours, its chance and the title's length."""

    rng: Random
    palette: Palette
    title: str
    genres: tuple[str, ...]


@dataclass(frozen=True)
class TitlePlan:
    """How and where the title stands.

    `box` is (left, top, right, bottom). `mode` is "fit" (all lines of one size) or "block" (every
    line as wide as the box). `align` is "left", "centre" or "right"; `stand` says to which edge of
    the box the lines cling: "top", "middle" or "bottom". `tracking` is in ems, `shear` a slope.
    """

    face: Face
    box: Box
    fill: Colour
    align: str = "centre"
    stand: str = "middle"
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
class Small:
    """The small print: its colours at the top and the bottom, its alignment and its face.

    `names` is the baseline of the cast's names, None for none; `stacked` names stand one below
    the other.
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
    """A painted ground (2000x3000, RGB) and the plan for the words on it."""

    image: Image.Image
    title: TitlePlan
    small: Small
    grain: float = 7.0


@dataclass(frozen=True)
class Style:
    """A way to draw posters: the genres it suits, with weights, and its palettes' moods.

    `elsewhere` is what it weighs for any film on top of that, so that no genre is all alike.
    """

    name: str
    paint: Callable[[Brief], Artwork]
    genres: Mapping[str, float]
    moods: tuple[str, ...]
    elsewhere: float = 0.02
