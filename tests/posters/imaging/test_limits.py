"""Format, size and limits are checked by the header."""

from dataclasses import replace

import pytest
from PIL import ExifTags, Image, ImageFile

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import probe
from moziweb.posters.imaging.values import LIMITS, Limits, SourceImage
from tests.posters.pictures import (
    encoded,
    photograph,
    png_announcing,
    quarters,
    with_scans,
    with_segment,
)

PICTURE = photograph(60, 90)


def rejection_of(data: bytes, limits: Limits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejection:
        probe(data, limits)
    return rejection.value


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "gif", "avif"])
def test_probe_returns_format_and_size(format_: str) -> None:
    source = probe(encoded(PICTURE, format_))
    expected = SourceImage(format_, f"image/{format_}", 60, 90, 1)
    assert source == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_that_of_the_upright_image(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    source = probe(encoded(quarters(80, 120), exif=exif))
    assert source.orientation == orientation
    assert (source.width, source.height) == ((120, 80) if orientation >= 5 else (80, 120))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_orientation_counts_as_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert probe(encoded(PICTURE, exif=exif)).orientation == 1


def test_broken_exif_is_ignored() -> None:
    assert probe(with_segment(encoded(PICTURE), 0xE1, b"Exif\0\0II*\0\xff\xff")).orientation == 1


def test_mpo_is_a_jpeg() -> None:
    data = encoded(PICTURE, "MPO", save_all=True, append_images=[PICTURE.rotate(180)])
    assert probe(data).format == "jpeg"


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (encoded(PICTURE), Limits(bytes=100), RejectCode.TOO_MANY_BYTES),
        (png_announcing(10_001, 1), LIMITS, RejectCode.TOO_LARGE_SIDE),
        (png_announcing(1, 10_001), LIMITS, RejectCode.TOO_LARGE_SIDE),
        (png_announcing(4900, 4900), LIMITS, RejectCode.TOO_MANY_PIXELS),
        (png_announcing(2**31 - 1, 2**31 - 1), LIMITS, RejectCode.TOO_LARGE_SIDE),
        (png_announcing(4900, 4900, before=b"abCd"), LIMITS, RejectCode.TOO_MANY_PIXELS),
        (with_scans(65), LIMITS, RejectCode.TOO_MANY_SCANS),
        (b"<html>", LIMITS, RejectCode.UNIDENTIFIED),
        (encoded(PICTURE, "TIFF"), LIMITS, RejectCode.UNSUPPORTED_FORMAT),
        (encoded(PICTURE, "WEBP")[:20], LIMITS, RejectCode.TRUNCATED),
        (encoded(PICTURE, "PNG")[:20], LIMITS, RejectCode.DAMAGED),
        (encoded(PICTURE, "JPEG")[:20], LIMITS, RejectCode.DAMAGED),
        (encoded(PICTURE, "AVIF")[:40], LIMITS, RejectCode.DAMAGED),
    ],
)
def test_permanent_rejections(data: bytes, limits: Limits, code: RejectCode) -> None:
    rejection = rejection_of(data, limits)
    assert rejection.code == code
    assert rejection.permanent


@pytest.mark.parametrize(
    ("format_", "allowed"), [("jpeg", True), ("png", True), ("avif", True), ("webp", False)]
)
def test_pixels_are_limited_by_format(format_: str, allowed: bool) -> None:
    limits = replace(LIMITS, pixels=5400, pixels_by_format={"webp": 5399})
    data = encoded(PICTURE, format_)
    if allowed:
        assert probe(data, limits).width == 60
    else:
        assert rejection_of(data, limits).code == RejectCode.TOO_MANY_PIXELS


def test_default_limits() -> None:
    assert LIMITS.pixels == 24_000_000
    assert LIMITS.pixels_by_format == {"avif": 16_000_000, "webp": 12_000_000}
    assert (LIMITS.bytes, LIMITS.side, LIMITS.scans) == (15_000_000, 10_000, 64)


@pytest.mark.parametrize("format_", ["webp", "gif"])
def test_bombs_are_not_opened(format_: str) -> None:
    """The decoders of these formats allocate the canvas when they open a file."""
    data = bytearray(encoded(PICTURE.convert("L"), format_, lossless=True))
    if format_ == "gif":
        data[6:10] = b"\x0f\x27\x0f\x27"
    else:
        data[21:25] = (9998 | 9998 << 14).to_bytes(4, "little")
    assert rejection_of(bytes(data)).detail.startswith("9999x9999")


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "gif", "avif"])
def test_probing_does_not_decode(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(image: ImageFile.ImageFile) -> None:
        raise AssertionError(f"{image.format} was decoded")

    data = encoded(PICTURE, format_)
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert probe(data).width == 60


def test_message_contains_only_the_code() -> None:
    rejection = rejection_of(b"<html>secret")
    assert str(rejection) == "the picture was rejected: unidentified"
    assert "secret" in rejection.detail


@pytest.mark.parametrize("code", RejectCode)
def test_only_failures_that_depend_on_the_site_are_transient(code: RejectCode) -> None:
    transient = {
        RejectCode.DECODER_FAILED,
        RejectCode.TOO_MUCH_MEMORY,  # the setting can change
        RejectCode.OUT_OF_MEMORY,
        RejectCode.DECODE_TIMEOUT,
        RejectCode.DECODER_DIED,
    }
    assert ImageRejected(code).permanent is (code not in transient)
