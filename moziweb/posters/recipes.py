"""The recipes of the fifteen variants of a poster.

A recipe contains everything that determines a variant's bytes: equal sources and recipes give equal
bytes in every process and with any other recipes. It therefore includes the intermediate sizes
(`Master`, ``path``): a thumb scaled from the poster differs from one scaled from the source.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import ClassVar, Final, Literal, NamedTuple

EPOCH: Final = 2
"""Increase it if the code or a library changes the bytes of variants: all hashes change."""

Format = Literal["jpg", "webp", "avif"]

Point = tuple[float, float]
"""A point in an upright image, as fractions of its width and height from the top left."""

CENTRE: Final[Point] = (0.5, 0.5)

_SLUG: Final = re.compile(r"[a-z0-9-]+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Box(NamedTuple):
    """A maximum size in pixels."""

    width: int
    height: int

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size of a ``width`` x ``height`` image scaled down into this box.

        A smaller image keeps its size: enlarging would add bytes, but no detail. Sides are rounded
        to the nearest pixel and are at least 1.

        >>> Box(185, 278).fit(2000, 3000), Box(185, 278).fit(90, 60), Box(185, 278).fit(9000, 3)
        ((185, 278), (90, 60), (185, 1))
        """
        if width <= self.width and height <= self.height:
            return width, height
        if width * self.height >= height * self.width:
            return self.width, max(1, _rounded(height * self.width, width))
        return max(1, _rounded(width * self.height, height)), self.height

    def fill(self, width: int, height: int) -> tuple[int, int]:
        """The size of a ``width`` x ``height`` image cropped to this box's ratio and scaled down.

        It is that of the box, or smaller if the image is smaller.

        >>> Box(600, 600).fill(780, 1170), Box(600, 600).fill(780, 520), Box(1200, 630).fill(9, 9)
        ((600, 600), (520, 520), (9, 5))
        """
        if width >= self.width and height >= self.height:
            return self.width, self.height
        return Box(width, height).fit(self.width, self.height)


def _rounded(numerator: int, denominator: int) -> int:
    """Divide and round half up, without floats."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True)
class Master:
    """Parameters of the scaled-down, upright, opaque sRGB image that all variants are made from.

    A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that has at least ``headroom`` times
    the master's size. The image is then reduced by an integer factor to at least ``gap`` times the
    target size and resampled by Lanczos. With both at 2 the PSNR to a Lanczos of the full image is
    about 46 dB (49 in luminance); a headroom of 1.25 decodes most sources at half the size in half
    the time, with 42 dB (44). ``benchmarks.variants`` prints current figures. ``background`` is the
    colour behind transparent sources.
    """

    box: Box
    headroom: float = 2.0
    gap: float = 2.0
    background: str = "#ffffff"


@dataclass(frozen=True)
class JPEG:
    """Settings of Pillow's JPEG encoder."""

    format: ClassVar[Format] = "jpg"
    mime: ClassVar[str] = "image/jpeg"
    pillow_format: ClassVar[str] = "JPEG"

    quality: int = 85
    optimize: bool = True
    progressive: bool = False
    subsampling: str = "4:2:0"


@dataclass(frozen=True)
class WebP:
    """Settings of Pillow's WebP encoder.

    ``method`` 4 takes 2.8 times as long as 1 and saves 6 to 8 % of the bytes at equal quality; 6
    takes three times as long as 4 and saves another 4 %.
    """

    format: ClassVar[Format] = "webp"
    mime: ClassVar[str] = "image/webp"
    pillow_format: ClassVar[str] = "WEBP"

    quality: int = 80
    method: int = 4


@dataclass(frozen=True)
class AVIF:
    """Settings of Pillow's AVIF encoder, on one thread.

    Speed 9 takes two thirds of WebP's time at equal quality, and 5 to 14 % fewer bytes; the default
    speed, 6, takes eleven times as long for 7 % less. docs/decisions/0008 has the figures.
    """

    format: ClassVar[Format] = "avif"
    mime: ClassVar[str] = "image/avif"
    pillow_format: ClassVar[str] = "AVIF"

    quality: int = 65
    speed: int = 9
    max_threads: int = 1


Encoder = JPEG | WebP | AVIF


class Blurring(NamedTuple):
    """How an image is scaled down before a blur (``gap`` as in `Master`) and up after it.

    The blur hides a coarse reduction and a simple filter; both together save a third of the time.
    """

    gap: float
    up: Literal["bilinear"]


BLURRING: Final = Blurring(gap=1.0, up="bilinear")


@dataclass(frozen=True)
class Recipe:
    """How one variant is made.

    The master is scaled down through the boxes of ``path`` to ``box``, each step from the previous
    one. With ``crop``, the image is instead cropped to the ratio of ``box``, around the ``focal``
    point as far as possible. With ``blur`` (a Gaussian radius in pixels), the image is blurred in
    the last box of the path and then enlarged to ``box``: a blur at a quarter of the width looks
    the same and takes a hundredth of the time. With ``from_decoded``, the image is scaled from the
    decoded source, which has twice the pixels of the master or all of the source's.
    """

    name: str
    box: Box
    master: Master
    encoder: Encoder
    path: tuple[Box, ...] = ()
    blur: float | None = None
    crop: bool = False
    focal: Point = CENTRE
    from_decoded: bool = False

    @property
    def format(self) -> Format:
        """The format, which is also the file name extension."""
        return self.encoder.format

    @property
    def mime(self) -> str:
        """The media type."""
        return self.encoder.mime

    @property
    def suffix(self) -> str:
        """The end of URLs and keys: ``.webp`` for the poster, else ``.thumb.webp``."""
        name = "" if self.name == POSTER else f".{self.name}"
        return f"{name}.{self.format}"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of all fields that change the bytes, which excludes the name.

        The focal point is a property of the source: see `focal_hash`.
        """
        fields: dict[str, object] = {
            "epoch": EPOCH,
            "format": self.format,
            "encoder": asdict(self.encoder),
            "master": asdict(self.master),
            "path": self.path,
            "box": self.box,
            "blur": self.blur,
        }
        if self.crop:
            fields["crop"] = True
        if self.blur is not None:
            fields["blurring"] = BLURRING
        if self.from_decoded:
            fields["from_decoded"] = True
        return _hash_of(fields)

    @cached_property
    def focal_hash(self) -> str:
        """As `hash`, but different for each focal point that changes the bytes."""
        is_moved = self.crop and self.focal != CENTRE
        return _hash_of({"recipe": self.hash, "focal": self.focal}) if is_moved else self.hash

    def with_focal(self, focal: Point) -> "Recipe":
        """The recipe for a source with this focal point; only crops depend on it."""
        return replace(self, focal=focal) if self.crop else self

    def fitted_size(self, source_width: int, source_height: int) -> tuple[int, int]:
        """The variant's width and height in pixels, from those of the upright source."""
        if self.crop:
            return self.box.fill(*self.master.box.fit(source_width, source_height))
        return self.box.fit(source_width, source_height)


def _hash_of(fields: Mapping[str, object]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


FULL_SIZE: Final = "full"
POSTER: Final = "poster"
MEDIUM: Final = "medium"
THUMB: Final = "thumb"
SMALL: Final = "small"
BLUR: Final = "blur"
SQUARE: Final = "square"

_FULL_BOX: Final = Box(1200, 1800)
_POSTER_BOX: Final = Box(780, 1170)
_MEDIUM_BOX: Final = Box(540, 810)
_THUMB_BOX: Final = Box(370, 555)
_SMALL_BOX: Final = Box(185, 278)

_MASTER: Final = Master(_POSTER_BOX)


def _jpeg_and_webp(
    name: str, box: Box, *path: Box, blur: float | None = None, webp: WebP | None = None
) -> tuple[Recipe, Recipe]:
    jpeg = Recipe(name, box, _MASTER, JPEG(), path, blur)
    return jpeg, Recipe(name, box, _MASTER, webp or WebP(), path, blur)


RECIPES: Final[tuple[Recipe, ...]] = (
    *_jpeg_and_webp(POSTER, _POSTER_BOX),
    *_jpeg_and_webp(THUMB, _THUMB_BOX),
    *_jpeg_and_webp(SMALL, _SMALL_BOX, _THUMB_BOX),
    # For a blurred image a faster method of WebP gives as few bytes in a third of the time.
    *_jpeg_and_webp(
        BLUR, Box(342, 513), _THUMB_BOX, _SMALL_BOX, Box(86, 129), blur=3.5, webp=WebP(method=1)
    ),
    Recipe(POSTER, _POSTER_BOX, _MASTER, AVIF()),
    Recipe(THUMB, _THUMB_BOX, _MASTER, AVIF()),
    Recipe(SMALL, _SMALL_BOX, _MASTER, AVIF(), (_THUMB_BOX,)),
    # For previews on other sites, which show squares and read only JPEG.
    Recipe(SQUARE, Box(600, 600), _MASTER, JPEG(), crop=True),
    # For cards on phones with three pixels per CSS pixel. Other browsers take another size.
    Recipe(MEDIUM, _MEDIUM_BOX, _MASTER, WebP()),
    Recipe(MEDIUM, _MEDIUM_BOX, _MASTER, AVIF()),
    # A link leads to it, and no page shows it: the fast method takes a third of the time.
    Recipe(FULL_SIZE, _FULL_BOX, _MASTER, WebP(method=1), from_decoded=True),
)
"""All variants. URLs and keys of the poster omit the name."""

_BY_NAME: Final[Mapping[tuple[str, str], Recipe]] = {
    (recipe.name, recipe.format): recipe for recipe in RECIPES
}


def find_recipe(name: str, extension: str) -> Recipe | None:
    """The recipe called ``name`` (``poster``, ``thumb`` …) in ``jpg``, ``webp`` or ``avif``.

    None if there is no such recipe; both arguments may come from an untrusted URL.
    """
    return _BY_NAME.get((name, extension))


def object_key(movie_id: int, slug: str, source_sha256: str, recipe: Recipe) -> str:
    """The storage key of a variant; it depends on everything that changes the bytes.

    ``poster/{movie}-{slug}/{source}-{recipe}[.{name}].{ext}``, with the first 16 hex digits of the
    source's SHA-256 and the first 8 of the recipe's `focal_hash`. Raises ValueError for a malformed
    slug or hash.
    """
    if not _SLUG.fullmatch(slug):
        raise ValueError(f"not a slug: {slug!r}")
    if not _SHA256.fullmatch(source_sha256):
        raise ValueError(f"not a SHA-256 in lower case hex: {source_sha256!r}")
    content = f"{source_sha256[:16]}-{recipe.focal_hash[:8]}"
    return f"poster/{movie_id}-{slug}/{content}{recipe.suffix}"
