"""Implementations that make the variants of a poster from the same recipes.

All use the sizes, qualities and blur of the recipes, and the same encoders.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter, ImageOps

from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import AVIF, JPEG, Recipe, WebP

Contender = Callable[[bytes, Sequence[Recipe]], list[bytes]]


def ours(data: bytes, recipes: Sequence[Recipe]) -> list[bytes]:
    """The code of the site, with its checks and the dominant colour."""
    return [variant.data for variant in make_variants(data, recipes).variants]


def naive(data: bytes, recipes: Sequence[Recipe]) -> list[bytes]:
    """A simple implementation: open, blur, resize and save for each variant."""
    return [_naive_variant(data, recipe) for recipe in recipes]


def _naive_variant(data: bytes, recipe: Recipe) -> bytes:
    buffer = BytesIO()
    picture = full_resolution(data, recipe)
    picture.save(buffer, recipe.encoder.pillow_format, **asdict(recipe.encoder))
    return buffer.getvalue()


def full_resolution(data: bytes, recipe: Recipe) -> Image.Image:
    """A variant by Lanczos from every pixel of the source; also the reference for similarity."""
    with Image.open(BytesIO(data)) as source:
        picture = source.convert("RGB")
    if recipe.blur is not None:
        # The recipe's radius is in pixels of its small picture, this one in those of the source.
        picture = picture.filter(_blur(recipe.blur * picture.width / recipe.path[-1].width))
    size = recipe.fitted_size(*picture.size)
    if recipe.crop:
        return ImageOps.fit(picture, size, Image.Resampling.LANCZOS, centering=recipe.focal)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _blur(radius: float) -> ImageFilter.GaussianBlur:
    return ImageFilter.GaussianBlur(radius)


def easy_thumbnails(data: bytes, recipes: Sequence[Recipe]) -> list[bytes]:
    """The pipeline of easy-thumbnails for Django, without its database and storage.

    As in the library, each thumbnail opens its source. The blur is a processor of one line, at the
    size of the thumbnail, as a site would add it.
    """
    engine = _easy_thumbnails_engine()
    return [_easy_thumbnail(engine, data, recipe) for recipe in recipes]


@cache
def _easy_thumbnails_engine() -> Any:
    import django
    from django.conf import settings

    # Its save routine passes a quality to JPEG and WebP alone.
    options = {"AVIF": {"quality": AVIF().quality}}
    settings.configure(THUMBNAIL_IMAGE_SAVE_OPTIONS=options)
    django.setup()
    from easy_thumbnails import engine

    return engine


def _easy_thumbnail(engine: Any, data: bytes, recipe: Recipe) -> bytes:
    options = {"size": tuple(recipe.box), "crop": recipe.crop}
    source = engine.generate_source_image(BytesIO(data), options, fail_silently=False)
    picture = engine.process_image(source, options)
    if recipe.blur is not None:
        radius = recipe.blur * recipe.box.width / recipe.path[-1].width
        picture = picture.filter(_blur(radius))
    encoder = {name: value for name, value in asdict(recipe.encoder).items() if name != "optimize"}
    filename = f"thumbnail.{recipe.format}"
    saved: BytesIO = engine.save_pil_image(picture, filename=filename, **encoder)
    return saved.getvalue()


def vips_shared(data: bytes, recipes: Sequence[Recipe]) -> list[bytes]:
    """libvips with one decode (with our headroom) that is kept in memory for all thumbnails.

    The blur is computed on a small image, as in ours; otherwise it would take several times as
    long as everything else.
    """
    import pyvips  # reads VIPS_CONCURRENCY when imported

    # The operations repeat: with the cache, later rounds would do nothing.
    pyvips.cache_set_max(0)
    largest = recipes[0].master
    header = pyvips.Image.new_from_buffer(data, "")
    width, height = largest.box.fit(header.width, header.height)
    room = min(header.width / width, header.height / height) / largest.headroom
    shrink = max(factor for factor in (1, 2, 4, 8) if factor <= max(1, room))
    decoded = pyvips.Image.jpegload_buffer(data, shrink=shrink).copy_memory()
    return [_vips_encoded(_vips_picture(decoded, recipe), recipe) for recipe in recipes]


def _vips_picture(decoded: Any, recipe: Recipe) -> Any:
    if recipe.crop:
        return decoded.thumbnail_image(recipe.box.width, height=recipe.box.height, crop="centre")
    if recipe.blur is None:
        box = recipe.box
        return decoded.thumbnail_image(box.width, height=box.height, size="down")
    at = recipe.path[-1]
    small = decoded.thumbnail_image(at.width, height=at.height).gaussblur(recipe.blur)
    return small.thumbnail_image(recipe.box.width, height=recipe.box.height)


def _vips_encoded(picture: Any, recipe: Recipe) -> bytes:
    encoder = recipe.encoder
    if isinstance(encoder, JPEG):
        found = picture.jpegsave_buffer(
            Q=encoder.quality,
            optimize_coding=encoder.optimize,
            interlace=encoder.progressive,
            subsample_mode="on",
        )
    elif isinstance(encoder, WebP):
        found = picture.webpsave_buffer(Q=encoder.quality, effort=encoder.method)
    else:  # its effort is the inverse of our speed
        found = picture.heifsave_buffer(
            Q=encoder.quality, effort=9 - encoder.speed, compression="av1", subsample_mode="on"
        )
    return bytes(found)


def prepare(
    contender: Contender, recipes: Sequence[Recipe], sources: Sequence[Path]
) -> Callable[[], object]:
    """For `children.Child`: each call makes the recipes of the next source, in a cycle."""
    files = cycle([path.read_bytes() for path in sources])
    return lambda: contender(next(files), recipes)
