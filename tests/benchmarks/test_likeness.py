"""The measure of likeness follows its definition."""

from PIL import Image, ImageFilter

from benchmarks.likeness import psnr, ssim
from tests.posters.pictures import photograph

PICTURE = photograph(120, 180)


def test_equal_pictures_have_the_highest_likeness() -> None:
    assert psnr(PICTURE, PICTURE) == 99.0
    assert abs(ssim(PICTURE, PICTURE) - 1) < 1e-6


def test_a_known_difference() -> None:
    grey, lighter = Image.new("L", (64, 64), 100), Image.new("L", (64, 64), 110)
    assert abs(psnr(grey, lighter) - 28.13) < 0.01  # 20 log10(255 / 10)
    # Two flat pictures differ in their means alone: (2ab + c) / (a² + b² + c).
    expected = (2 * 100 * 110 + 6.5025) / (100**2 + 110**2 + 6.5025)
    assert abs(ssim(grey, lighter) - expected) < 1e-6


def test_more_blur_is_less_alike() -> None:
    little, much = (PICTURE.filter(ImageFilter.GaussianBlur(radius)) for radius in (1, 4))
    assert 1 > ssim(PICTURE, little) > ssim(PICTURE, much) > 0
    assert psnr(PICTURE, little) > psnr(PICTURE, much)
