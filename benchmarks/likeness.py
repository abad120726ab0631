"""Similarity of two images: PSNR and SSIM."""

import math
from typing import Any

from PIL import Image, ImageChops, ImageStat

_SIGMA = 1.5
_STABLE_MEAN = (0.01 * 255) ** 2
_STABLE_CONTRAST = (0.03 * 255) ** 2


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Peak signal to noise in decibels over all channels, at most 99."""
    difference = ImageStat.Stat(ImageChops.difference(one, other))
    error = sum(difference.sum2) / sum(difference.count)
    return min(99.0, 10 * math.log10(255**2 / error)) if error else 99.0


def ssim(one: Image.Image, other: Image.Image) -> float:
    """The mean structural similarity of the two in grey, 1 for equal ones.

    With a Gaussian window of 1.5 pixels and the constants of Wang, Bovik, Sheikh and Simoncelli,
    "Image Quality Assessment", IEEE Transactions on Image Processing 13(4), 2004.
    """
    x, y = _floats(one), _floats(other)
    mean_x, mean_y = x.gaussblur(_SIGMA), y.gaussblur(_SIGMA)
    var_x = (x * x).gaussblur(_SIGMA) - mean_x * mean_x
    var_y = (y * y).gaussblur(_SIGMA) - mean_y * mean_y
    covariance = (x * y).gaussblur(_SIGMA) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _STABLE_MEAN) * (2 * covariance + _STABLE_CONTRAST)
    scale = (mean_x**2 + mean_y**2 + _STABLE_MEAN) * (var_x + var_y + _STABLE_CONTRAST)
    return float((likeness / scale).avg())


def _floats(picture: Image.Image) -> Any:
    import pyvips

    grey = picture.convert("L")
    pixels = pyvips.Image.new_from_memory(grey.tobytes(), *grey.size, 1, "uchar")
    # The blur keeps the precision of its input; with less than doubles, variances become negative.
    return pixels.cast("double")
