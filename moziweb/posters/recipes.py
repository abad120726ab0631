"""What can be made of a poster: the twelve variants, each as a value.

A recipe says everything that decides a variant's bytes, so that equal sources and recipes give
equal bytes whichever process makes them, together with whichever other variants. That is why a
recipe names the way it is cut (`Master`, ``path``): a thumb cut from the poster is not, byte for
byte, the thumb cut from the source.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import ClassVar, Final, Literal, NamedTuple

EPOCH: Final = 1
"""Raise it when the code, or a library under it, changes what a recipe makes: all hashes change."""

Format = Literal["jpg", "webp", "avif"]

Point = tuple[float, float]
"""A place in an upright picture, in shares of its width and height from the top left."""

CENTRE: Final[Point] = (0.5, 0.5)

_SLUG: Final = re.compile(r"[a-z0-9-]+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Box(NamedTuple):
    """The room that a picture has to fit in, in pixels."""

    width: int
    height: int

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size of a ``width`` x ``height`` picture inside this box, its ratio kept.

        A smaller picture keeps its size: enlarging adds bytes, not detail, and the page scales it
        anyway. Sides round to the nearest pixel and are never 0, however long the picture.

        >>> Box(185, 278).fit(2000, 3000), Box(185, 278).fit(90, 60), Box(185, 278).fit(9000, 3)
        ((185, 278), (90, 60), (185, 1))
        """
        if width <= self.width and height <= self.height:
            return width, height
        if width * self.height >= height * self.width:
            return self.width, max(1, _rounded(height * self.width, width))
        return max(1, _rounded(width * self.height, height)), self.height

    def fill(self, width: int, height: int) -> tuple[int, int]:
        """The size of what is cut to this box's ratio out of a ``width`` x ``height`` picture.

        As large as the box, or smaller where the picture is: nothing is enlarged.

        >>> Box(600, 600).fill(780, 1170), Box(600, 600).fill(780, 520), Box(1200, 630).fill(9, 9)
        ((600, 600), (520, 520), (9, 5))
        """
        if width >= self.width and height >= self.height:
            return self.width, self.height
        return Box(width, height).fit(self.width, self.height)


def _rounded(numerator: int, denominator: int) -> int:
    """Division to the nearest integer, halves upwards, without a float in between."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True)
class Master:
    """The one shrunken, upright, opaque sRGB picture that all variants of a source are cut from.

    A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that still has ``headroom`` times
    the master's size; other formats, and what is left, are first reduced by whole numbers to
    ``gap`` times the target, then resampled by Lanczos. With both at 2 the result keeps about
    46 dB (49 in luminance) to a Lanczos of the full picture; a headroom of 1.25 decodes most
    sources at half the size, in half the time, and keeps 42 (44). ``benchmarks.variants`` has
    the figures of the day. ``background`` is what shows through transparent sources.
    """

    box: Box
    headroom: float = 2.0
    gap: float = 2.0
    background: str = "#ffffff"


@dataclass(frozen=True)
class JPEG:
    """Encoder settings of Pillow's JPEG plugin; chroma is halved both ways (4:2:0)."""

    format: ClassVar[Format] = "jpg"
    mime: ClassVar[str] = "image/jpeg"
    pillow_format: ClassVar[str] = "JPEG"

    quality: int = 85
    optimize: bool = True
    progressive: bool = False
    subsampling: str = "4:2:0"


@dataclass(frozen=True)
class WebP:
    """Encoder settings of Pillow's WebP plugin.

    ``method`` 4 takes 2.8 times as long as 1 and saves 6 to 8 % of the bytes at equal quality; 6
    takes three times as long as 4 for another 4 %.
    """

    format: ClassVar[Format] = "webp"
    mime: ClassVar[str] = "image/webp"
    pillow_format: ClassVar[str] = "WEBP"

    quality: int = 80
    method: int = 4


@dataclass(frozen=True)
class AVIF:
    """Encoder settings of Pillow's AVIF plugin, on one thread.

    At speed 9 it takes two thirds of WebP's time at equal likeness, and 5 to 14 % fewer bytes; at
    the default speed, 6, eleven times as long for 7 % less. docs/decisions/0008 has the figures.
    """

    format: ClassVar[Format] = "avif"
    mime: ClassVar[str] = "image/avif"
    pillow_format: ClassVar[str] = "AVIF"

    quality: int = 65
    speed: int = 9
    max_threads: int = 1


Encoder = JPEG | WebP | AVIF


class Blurring(NamedTuple):
    """How a picture gets to the small size that it is blurred at, and from there to its box.

    A blurred picture shows neither a coarse reduction (``gap``, as a `Master`'s) nor a plain filter
    on the way up: both together save a third of its time.
    """

    gap: float
    up: Literal["bilinear"]


BLURRING: Final = Blurring(gap=1.0, up="bilinear")


@dataclass(frozen=True)
class Recipe:
    """How one variant is made.

    From the master it is cut down through ``path``, each step from the one before, to ``box``.
    With ``crop`` the box is filled instead: what does not fit is cut off, evenly around the
    ``focal`` point as far as the picture reaches. With ``blur`` (a Gaussian radius in pixels) the
    last box of the path is where the blur is done, and ``box`` is what the small blurred picture
    is stretched to: at a quarter of the width it looks the same for a hundredth of the work.
    """

    name: str
    box: Box
    master: Master
    encoder: Encoder
    path: tuple[Box, ...] = ()
    blur: float | None = None
    crop: bool = False
    focal: Point = CENTRE

    @property
    def format(self) -> Format:
        """Also the extension, without its dot."""
        return self.encoder.format

    @property
    def mime(self) -> str:
        return self.encoder.mime

    @property
    def suffix(self) -> str:
        """How addresses and keys end: ``.webp`` for the full poster, else ``.thumb.webp``."""
        name = "" if self.name == POSTER else f".{self.name}"
        return f"{name}.{self.format}"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of all that changes the bytes; the name does not.

        The focal point is a fact of the source, as its pixels are: see `placed_hash`.
        """
        told: dict[str, object] = {
            "epoch": EPOCH,
            "format": self.format,
            "encoder": asdict(self.encoder),
            "master": asdict(self.master),
            "path": self.path,
            "box": self.box,
            "blur": self.blur,
        }
        if self.crop:
            told["crop"] = True
        if self.blur is not None:
            told["blurring"] = BLURRING
        return _hash_of(told)

    @cached_property
    def placed_hash(self) -> str:
        """As `hash`, and another one for each focal point that changes the bytes."""
        is_moved = self.crop and self.focal != CENTRE
        return _hash_of({"recipe": self.hash, "focal": self.focal}) if is_moved else self.hash

    def at(self, focal: Point) -> "Recipe":
        """The recipe for a source with this focal point, for which only a crop cares."""
        return replace(self, focal=focal) if self.crop else self

    def fitted_size(self, source_width: int, source_height: int) -> tuple[int, int]:
        """Width and height in pixels of the variant of a source, both sizes after orientation."""
        if self.crop:
            return self.box.fill(*self.master.box.fit(source_width, source_height))
        return self.box.fit(source_width, source_height)


def _hash_of(told: Mapping[str, object]) -> str:
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


POSTER: Final = "poster"
THUMB: Final = "thumb"
SMALL: Final = "small"
BLUR: Final = "blur"
SQUARE: Final = "square"

_POSTER_BOX: Final = Box(780, 1170)
_THUMB_BOX: Final = Box(370, 555)
_SMALL_BOX: Final = Box(185, 278)
_BLUR_BOX: Final = Box(342, 513)
_BLURRED_AT: Final = Box(86, 129)
_SQUARE_BOX: Final = Box(600, 600)

_MASTER: Final = Master(_POSTER_BOX)


def _in_both_formats(
    name: str, box: Box, *path: Box, blur: float | None = None, webp: WebP | None = None
) -> tuple[Recipe, Recipe]:
    jpeg = Recipe(name, box, _MASTER, JPEG(), path, blur)
    return jpeg, Recipe(name, box, _MASTER, webp or WebP(), path, blur)


RECIPES: Final[tuple[Recipe, ...]] = (
    *_in_both_formats(POSTER, _POSTER_BOX),
    *_in_both_formats(THUMB, _THUMB_BOX),
    *_in_both_formats(SMALL, _SMALL_BOX, _THUMB_BOX),
    *_in_both_formats(
        BLUR,
        _BLUR_BOX,
        _THUMB_BOX,
        _SMALL_BOX,
        _BLURRED_AT,
        blur=3.5,
        # Nothing is left to search for in a blurred picture: the bytes are the same, at a third
        # of the time.
        webp=WebP(method=1),
    ),
    Recipe(POSTER, _POSTER_BOX, _MASTER, AVIF()),
    Recipe(THUMB, _THUMB_BOX, _MASTER, AVIF()),
    Recipe(SMALL, _SMALL_BOX, _MASTER, AVIF(), (_THUMB_BOX,)),
    # For previews on other sites, which show squares and read JPEG alone.
    Recipe(SQUARE, _SQUARE_BOX, _MASTER, JPEG(), crop=True),
)
"""Every variant there is. The full poster has no name in addresses and keys."""

_BY_NAME: Final[Mapping[tuple[str, str], Recipe]] = MappingProxyType(
    {(recipe.name, recipe.format): recipe for recipe in RECIPES}
)


def find_recipe(name: str, extension: str) -> Recipe | None:
    """The recipe called ``name`` (``poster``, ``thumb`` …) in ``jpg``, ``webp`` or ``avif``.

    None for any other: both words usually come from an address, that is, from anybody.
    """
    return _BY_NAME.get((name, extension))


def object_key(movie_id: int, slug: str, source_sha256: str, recipe: Recipe) -> str:
    """Where a variant is stored: known before it is made, different when its bytes would be.

    ``poster/{movie}-{slug}/{source}-{recipe}[.{name}].{ext}``, with the first 16 hex digits of
    the source's SHA-256 and the first 8 of the recipe's `placed_hash`. ValueError when a part is
    not of the form that keys are made of.
    """
    if not _SLUG.fullmatch(slug):
        raise ValueError(f"not a slug: {slug!r}")
    if not _SHA256.fullmatch(source_sha256):
        raise ValueError(f"not a SHA-256 in lower case hex: {source_sha256!r}")
    content = f"{source_sha256[:16]}-{recipe.placed_hash[:8]}"
    return f"poster/{movie_id}-{slug}/{content}{recipe.suffix}"
