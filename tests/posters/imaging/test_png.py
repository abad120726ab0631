"""A PNG is reduced to the chunks that its pixels need."""

import zlib

import pytest

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.png import Png, read_png, with_valid_sum
from tests.posters.pictures import encoded, png_chunk, quarters

LIMIT = 100_000
PLAIN = encoded(quarters(), "PNG")
TEXT = zlib.compress(bytes(LIMIT // 2))


def with_chunks(*chunks: bytes) -> bytes:
    """A PNG with chunks after its header."""
    return PLAIN[:33] + b"".join(chunks) + PLAIN[33:]


def read(data: bytes) -> Png:
    return read_png(data, LIMIT)


def test_plain_file_is_unchanged() -> None:
    assert read(PLAIN) == (PLAIN, {})


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"tEXt", b"a\0" + bytes(2 * LIMIT)),
        png_chunk(b"zTXt", b"a\0\0" + TEXT),
        png_chunk(b"zTXt", b"a\0\0no zlib"),
        png_chunk(b"iTXt", b"a\0\1\0\0\0" + TEXT),
        png_chunk(b"iTXt", b"a\0"),
        png_chunk(b"tIME", bytes(7))[:-1] + b"x",
        png_chunk(b"gAMA", bytes(4))[:-1] + b"x",
        png_chunk(b"acTL", bytes(8)),
    ],
)
def test_chunk_without_influence_is_removed(chunk: bytes) -> None:
    assert read(with_chunks(chunk)) == (PLAIN, {})


def test_chunks_after_the_pixels_are_ignored() -> None:
    late = png_chunk(b"gAMA", bytes(4)) + png_chunk(b"zTXt", b"a\0\0" + TEXT)
    assert read(PLAIN[:-12] + late + PLAIN[-12:]) == (PLAIN, {})


def test_first_of_equal_chunks_counts() -> None:
    two = (png_chunk(b"gAMA", bytes(4)), png_chunk(b"gAMA", b"abcd"))
    assert read(with_chunks(*two)).chunks == {b"gAMA": bytes(4)}


@pytest.mark.parametrize(
    ("content", "profile"),
    [
        (b"name\0\0" + zlib.compress(b"profile"), b"profile"),
        (b"name\0\0" + zlib.compress(b"profile") + b"more", b"profile"),
        (b"name\0\1" + zlib.compress(b"profile"), b""),
        (b"\0\0" + zlib.compress(b"profile"), b""),
        (b"name\0\0" + zlib.compress(b"profile")[:-1], b""),
        (b"name", b""),
    ],
)
def test_profile_is_inflated(content: bytes, profile: bytes) -> None:
    assert read(with_chunks(png_chunk(b"iCCP", content))).chunks == {b"iCCP": profile}


def test_compressed_texts_have_a_limit_together() -> None:
    text = png_chunk(b"zTXt", b"a\0\0" + TEXT)
    assert read(with_chunks(text, text)).data == PLAIN
    with pytest.raises(ImageRejected) as rejection:
        read(with_chunks(text, text, text))
    assert rejection.value.code == RejectCode.DAMAGED


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_wrong_checksum_of_a_critical_chunk_is_damage(kind: bytes) -> None:
    at = PLAIN.index(kind) + 5
    with pytest.raises(ImageRejected) as rejection:
        read(PLAIN[:at] + b"\xee" + PLAIN[at + 1 :])
    assert rejection.value.code == RejectCode.DAMAGED


@pytest.mark.parametrize(
    "data",
    [
        with_chunks(png_chunk(b"ABCD", b"")),
        with_chunks(PLAIN[8:33]),
        PLAIN[:8] + png_chunk(b"PLTE", bytes(3)) + PLAIN[8:],
    ],
    ids=["unknown", "second header", "before the header"],
)
def test_unexpected_critical_chunk_is_damage(data: bytes) -> None:
    with pytest.raises(ImageRejected) as rejection:
        read(data)
    assert rejection.value.code == RejectCode.DAMAGED


def test_end_is_added_only_after_all_pixels() -> None:
    text = png_chunk(b"tEXt", b"a\0b")
    assert read(PLAIN[:-12]).data == PLAIN
    assert read(PLAIN[:-1]).data == PLAIN
    assert read(PLAIN[:-12] + text[:-3]).data == PLAIN
    assert read(PLAIN[:-20]).data == PLAIN[:-20]
    assert read(PLAIN[:33] + text[:-3]).data == PLAIN[:33] + text[:-3]


def test_sum_is_corrected_only_if_it_is_the_only_fault() -> None:
    at = PLAIN.index(b"IDAT")
    pixels = PLAIN[at + 4 : -16]

    def file(packed: bytes) -> Png:
        return read(PLAIN[: at - 4] + png_chunk(b"IDAT", packed) + PLAIN[-12:])

    for wrong in (pixels[:-4] + b"abcd", pixels[:-4], pixels[:-1], pixels + b"more"):
        corrected = with_valid_sum(file(wrong))
        assert corrected is not None
        assert corrected.data == PLAIN
    for damaged in (pixels[:-5], pixels[:2] + b"\xff" + pixels[3:]):
        assert with_valid_sum(file(damaged)) is None
