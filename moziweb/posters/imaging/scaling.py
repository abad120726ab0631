"""Scales an image down in a mode that can be resampled, without a copy of the whole image in it."""

from math import ceil
from typing import Final

from PIL import Image

_LANCZOS: Final = Image.Resampling.LANCZOS

_STRIP_ROWS: Final = 64


def scaled(image: Image.Image, size: tuple[int, int], gap: float) -> Image.Image:
    """Scale to ``size`` by Lanczos, with ``gap`` as Pillow's ``reducing_gap``.

    The result has no palette or padding, and its colours are premultiplied by alpha. Its bytes are
    those of a conversion of the whole image and ``resize``, which would take 4 bytes per pixel
    more.
    """
    if not _needs_conversion(image):
        return image.resize(size, _LANCZOS, reducing_gap=gap)
    factors = _factor(image.width, size[0], gap), _factor(image.height, size[1], gap)
    box = image.width / factors[0], image.height / factors[1]
    narrow: Image.Image | None = None
    rows = _STRIP_ROWS * factors[1]
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        reduced = _resampleable(strip).reduce(factors)
        part = reduced.resize((size[0], reduced.height), _LANCZOS, (0, 0, box[0], reduced.height))
        if narrow is None:
            narrow = Image.new(part.mode, (size[0], ceil(box[1])))
        narrow.paste(part, (0, top // factors[1]))
    if narrow is None:
        raise ValueError("the image has no rows")
    return narrow.resize(size, _LANCZOS, (0, 0, size[0], box[1]))


def _factor(side: int, wanted: int, gap: float) -> int:
    """By how much a side is reduced before it is resampled, as in Pillow."""
    return int(side / wanted / gap) or 1


def _needs_conversion(image: Image.Image) -> bool:
    return image.mode in ("P", "1", "RGBX") or image.has_transparency_data


def _resampleable(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode.replace("A", "a"))
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGBa")
    return image.convert("L" if image.mode == "1" else "RGB")
