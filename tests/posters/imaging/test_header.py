"""The header parser agrees with Pillow on valid files and survives others."""

import time
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.header import identify, parse_header
from tests.posters.pictures import encoded, photograph, with_scans, with_segment

PICTURE = photograph(60, 90)
WHOLE = {format_: encoded(PICTURE, format_) for format_ in ("webp", "gif")}


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "gif", "avif"])
def test_format_is_identified_by_content(format_: str) -> None:
    assert identify(encoded(PICTURE, format_.upper())) == format_


def test_mpo_is_identified_as_jpeg() -> None:
    assert identify(encoded(PICTURE, "MPO", save_all=True, append_images=[PICTURE])) == "jpeg"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", RejectCode.UNIDENTIFIED),
        (b"<!doctype html><title>404</title>", RejectCode.UNIDENTIFIED),
        (b"\xff\xd8", RejectCode.UNIDENTIFIED),
        (b"RIFF\0\0\0\0WAVE", RejectCode.UNIDENTIFIED),
        (encoded(PICTURE, "BMP"), RejectCode.UNSUPPORTED_FORMAT),
        (encoded(PICTURE, "TIFF"), RejectCode.UNSUPPORTED_FORMAT),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', RejectCode.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", RejectCode.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41avc1", RejectCode.UNSUPPORTED_FORMAT),
    ],
)
def test_other_formats_are_rejected(data: bytes, code: RejectCode) -> None:
    with pytest.raises(ImageRejected) as rejection:
        identify(data)
    assert rejection.value.code == code


def test_generic_container_with_an_avif_brand_is_avif() -> None:
    assert identify(b"\0\0\0\x18ftypmif1\0\0\0\0miafavif") == "avif"


@pytest.mark.parametrize(
    ("format_", "picture", "options"),
    [
        ("webp", PICTURE, {"quality": 10}),
        ("webp", PICTURE, {"lossless": True}),
        ("webp", PICTURE.convert("RGBA"), {"exif": b"Exif\0\0"}),
        ("webp", PICTURE.resize((9000, 3)), {}),
        ("gif", PICTURE, {}),
        ("gif", PICTURE.convert("L"), {"comment": b"hello" * 200}),
        ("gif", PICTURE, {"save_all": True, "append_images": [PICTURE.rotate(90)], "loop": 0}),
    ],
)
def test_size_equals_pillows(format_: str, picture: Image.Image, options: dict[str, Any]) -> None:
    data = encoded(picture, format_, **options)
    assert parse_header(data, 64).size == Image.open(BytesIO(data)).size == picture.size


def test_gif_frame_larger_than_its_screen() -> None:
    data = bytearray(encoded(PICTURE, "GIF"))
    data[6:10] = b"\x01\0\x01\0"
    assert parse_header(bytes(data), 64).size == PICTURE.size


def size_or_code(data: bytes) -> tuple[int, int] | RejectCode | None:
    try:
        return parse_header(data, 64).size
    except ImageRejected as rejection:
        return rejection.code


@pytest.mark.parametrize("format_", ["webp", "gif"])
@given(share=st.floats(0, 1))
def test_truncated_header(format_: str, share: float) -> None:
    whole = WHOLE[format_]
    cut = whole[: 12 + int(share * (len(whole) - 12))]
    assert size_or_code(cut) in (PICTURE.size, RejectCode.TRUNCATED, RejectCode.DAMAGED)


@pytest.mark.parametrize("scans", [10, 64, 65, 500])
def test_scans_are_counted(scans: int) -> None:
    assert parse_header(with_scans(scans), 64).scans == min(scans, 65)


def test_scan_markers_in_metadata_do_not_count() -> None:
    commented = with_segment(encoded(PICTURE), 0xFE, b"\xff\xda" * 100)
    assert parse_header(commented, 64).scans == 1


def test_scans_after_the_end_do_not_count() -> None:
    assert parse_header(encoded(PICTURE) + b"\xff\xda\0\x08" * 100, 64).scans == 1


def test_scans_after_a_reserved_marker_count() -> None:
    """A decoder that searches a restart marker skips its two bytes, but no payload."""
    whole = with_scans(80)
    first = whole.index(b"\xff\xda") + 20
    changed = whole[:first] + b"\xff\x02\x7f\xf0" + whole[first:]
    assert parse_header(changed, 64).scans == 65


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + 2 * b"\0\0\0\x40" + bytes(9)
FRAME = b"\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8\xff\xd9" + with_scans(80), id="end before the first scan"),
        pytest.param(b"\xff\xd8" + 2 * FRAME, id="two frames"),
        pytest.param(b"\xff\xd8" + 1001 * b"\xff\xe5\0\x02", id="segments"),
        pytest.param(b"\xff\xd8" + 1001 * b"\xff\x01", id="standalone markers"),
        pytest.param(b"\xff\xd8" + 70_000 * b"\xff" + FRAME, id="padding"),
        pytest.param(b"\xff\xd8\xff" + 70_000 * b"\xff", id="padding without end"),
        pytest.param(b"\xff\xd8" + 35_000 * b"\xff\xd0" + FRAME, id="restart markers"),
        pytest.param(b"GIF89a" + bytes(7) + b"!\xfe" + 20_001 * b"\1x", id="sub-blocks"),
        pytest.param(b"GIF89a" + bytes(7) + 20_001 * b"!\xfe\0", id="empty extensions"),
        pytest.param(PNG + 25_000 * b"\0\0\0\0abCd\0\0\0\0", id="chunks"),
        pytest.param(PNG[:8] + 25_000 * b"\0\0\0\0abCd\0\0\0\0" + PNG[8:], id="chunks first"),
    ],
)
def test_misleading_and_slow_headers_are_damaged(data: bytes) -> None:
    with pytest.raises(ImageRejected) as rejection:
        parse_header(data, 64)
    assert rejection.value.code == RejectCode.DAMAGED


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"\xff\xd8", b"\xff\xe5\0\x02"),
        (b"\xff\xd8\xff\xe0\0\2", b"\xff\xd0"),
        (b"\xff\xd8", b"\xff"),
        (b"GIF89a" + bytes(7) + b"!\xfe", b"\1x"),
        (PNG, b"\0\0\0\0abCd\0\0\0\0"),
    ],
)
def test_15_mb_of_the_smallest_parts_are_parsed_within_a_second(start: bytes, part: bytes) -> None:
    """CPU time of this thread is measured, so other load does not count."""
    data = start + part * (15_000_000 // len(part))
    started = time.thread_time()
    size_or_code(data)
    assert time.thread_time() - started < 1


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_rejected(noise: bytes) -> None:
    size_or_code(b"\xff\xd8\xff" + noise)
    assert parse_header(b"\xff\xd8" + b"\xff\xda\0\x02" * 5 + noise, 4).scans == 5
