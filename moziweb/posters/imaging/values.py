"""Values of imaging: limits, source images, encoded variants, texts of share pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from ..recipes import Box, Recipe

_MEGAPIXEL: Final = 1_000_000

FORMATS: Final = frozenset({"jpeg", "png", "webp", "gif", "avif"})
"""The accepted values of `SourceImage.format`."""


SHARE_BOX: Final = Box(1200, 630)
"""The size that the previews of other sites have room for, in pixels."""

MAX_POSTERS: Final = 5

NIGHT: Final = "#17101c"


@dataclass(frozen=True)
class Limits:
    """Limits of a source. Pixels have a limit by format, because decoders need different memory."""

    bytes: int = 15_000_000
    side: int = 10_000
    pixels: int = 24 * _MEGAPIXEL
    pixels_by_format: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"avif": 16 * _MEGAPIXEL, "webp": 12 * _MEGAPIXEL})
    )
    scans: int = 64

    def max_pixels(self, format_: str) -> int:
        """The limit of pixels for a format."""
        return self.pixels_by_format.get(format_, self.pixels)


LIMITS: Final = Limits()


@dataclass(frozen=True)
class SourceImage:
    """The properties of an image that is within the limits, from its header.

    ``width`` and ``height`` are in pixels, after the EXIF ``orientation`` (1 to 8) is applied.
    """

    format: str
    mime: str
    width: int
    height: int
    orientation: int


SKETCH_SIZE: Final = (3, 4)
"""Columns and rows of a sketch."""


@dataclass(frozen=True)
class EncodedImage:
    """One variant: its file and its size in pixels."""

    recipe: Recipe
    data: bytes
    width: int
    height: int

    @property
    def mime(self) -> str:
        """The media type."""
        return self.recipe.mime


class VariantSet(NamedTuple):
    """The variants of a source, in the order of the recipes.

    ``dominant_colour`` is ``#rrggbb``. ``sketch`` has the mean colours of three columns and four
    rows, row by row, each as ``rgb`` with one hex digit per channel.
    """

    source: SourceImage
    dominant_colour: str
    sketch: str
    variants: tuple[EncodedImage, ...]


@dataclass(frozen=True, slots=True)
class ShareText:
    """The texts of a picture, and the ``#rrggbb`` behind them.

    The first of ``titles`` that the font has the letters of is drawn. ``note`` is the line below
    it, ``kicker`` the one above; both may be "".
    """

    titles: tuple[str, ...]
    note: str = ""
    kicker: str = ""
    colour: str = NIGHT
