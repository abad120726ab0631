"""Every kind of source becomes upright, opaque sRGB, scaled or cropped by its recipe."""

import math
import struct
from dataclasses import replace
from io import BytesIO
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import (
    ExifTags,
    Image,
    ImageChops,
    ImageCms,
    ImageFile,
    ImageFilter,
    ImageOps,
    ImageStat,
    _imaging,
)
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngInfo

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import EncodedImage, Limits
from moziweb.posters.imaging.variants import ImageScaler, make_variants
from moziweb.posters.recipes import AVIF, JPEG, RECIPES, Box, Master, Point, Recipe, WebP
from tests.posters.pictures import (
    encoded,
    photograph,
    png_announcing,
    png_chunk,
    png_of,
    quarters,
    with_segment,
)

LANCZOS = Image.Resampling.LANCZOS

MASTER = Master(Box(80, 120))
SHARP = Recipe("poster", MASTER.box, MASTER, JPEG(quality=95, subsampling="4:4:4"))
CARD = Recipe("card", Box(40, 60), MASTER, WebP(method=0))
BLURRED = Recipe("blur", Box(60, 90), MASTER, JPEG(), (Box(40, 60), Box(20, 30)), blur=2.0)
ALL = (SHARP, CARD, BLURRED)


def made(data: bytes, recipe: Recipe = SHARP) -> Image.Image:
    (variant,) = make_variants(data, [recipe]).variants
    return opened(variant)


def opened(variant: EncodedImage) -> Image.Image:
    picture = Image.open(BytesIO(variant.data))
    picture.load()
    return picture


def corners(picture: Image.Image) -> list[str]:
    """The nearest primary colour in the middle of each quarter, clockwise from the top left."""
    width, height = picture.size
    at = [(1, 1), (3, 1), (3, 3), (1, 3)]
    return [_name(picture.getpixel((x * width // 4, y * height // 4))) for x, y in at]


def _name(pixel: Any) -> str:
    return (
        "".join(letter for letter, channel in zip("rgb", pixel, strict=True) if channel > 127)
        or "none"
    )


UPRIGHT = ["r", "g", "b", "rgb"]


def psnr(one: Image.Image, other: Image.Image) -> float:
    """The peak signal-to-noise ratio of two images in decibels."""
    stat = ImageStat.Stat(ImageChops.difference(one, other))
    error = sum(stat.sum2) / sum(stat.count)
    return 10 * math.log10(255**2 / error) if error else math.inf


def rejection_of(data: bytes, limits: Limits | None = None) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejection:
        make_variants(data, [SHARP], limits or Limits())
    return rejection.value


def with_orientation(orientation: int, format_: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(quarters(200, 120), format_, exif=exif, quality=95)


# -- Sizes and formats


def test_variants_have_the_recipes_size_and_format() -> None:
    result = make_variants(encoded(photograph(1200, 1800)), RECIPES)
    assert [variant.recipe for variant in result.variants] == list(RECIPES)
    for variant in result.variants:
        picture = opened(variant)
        assert Image.MIME[picture.format or ""] == variant.mime
        assert picture.size == (variant.width, variant.height) == variant.recipe.box, variant.recipe


@pytest.mark.parametrize("size", [(30, 45), (120, 30), (900, 2), (2, 900), (1, 1)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for variant in make_variants(encoded(Image.new("RGB", size, "teal")), ALL).variants:
        fitted = variant.recipe.fitted_size(*size)
        assert opened(variant).size == (variant.width, variant.height) == fitted


def test_full_size_is_larger_than_the_master_and_changes_no_other_variant() -> None:
    (full,) = (recipe for recipe in RECIPES if recipe.from_decoded)
    others = [recipe for recipe in RECIPES if not recipe.from_decoded]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for size, shown in (((2000, 3000), (1200, 1800)), ((1300, 900), (900, 1300))):
        data = encoded(photograph(*size), exif=exif if size[0] > size[1] else b"")
        alone, together = make_variants(data, others), make_variants(data, RECIPES)
        assert [each for each in together.variants if each.recipe is not full] == [*alone.variants]
        (variant,) = make_variants(data, [full]).variants
        assert variant == together.variants[-1]
        assert opened(variant).size == (variant.width, variant.height) == shown


def test_source_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg_decoder, decoders = _imaging.jpeg_decoder, []

    def counted(*arguments: object) -> object:
        decoders.append(arguments)
        return jpeg_decoder(*arguments)

    data = encoded(photograph(100, 150))
    monkeypatch.setattr(_imaging, "jpeg_decoder", counted)
    make_variants(data, ALL)
    assert len(decoders) == 1


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((310, 480), (310, 480)),  # half of it is less than twice the master
        ((639, 958), (320, 479)),
        ((640, 960), (160, 240)),
        ((641, 1200), (161, 300)),
        ((1280, 1921), (160, 241)),
    ],
)
def test_jpeg_is_decoded_at_the_smallest_size_above_twice_the_master(
    size: tuple[int, int], decoded: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    load, sizes = JpegImageFile.load, set()

    def noting(image: JpegImageFile) -> object:
        sizes.add(image.size)
        return load(image)

    monkeypatch.setattr(JpegImageFile, "load", noting)
    make_variants(encoded(Image.new("L", size)), ALL)
    assert sizes == {decoded}


def test_variant_does_not_depend_on_the_other_recipes() -> None:
    data = encoded(photograph(300, 450))
    together = {variant.recipe: variant.data for variant in make_variants(data, ALL).variants}
    for recipe in ALL:
        (alone,) = make_variants(data, [recipe]).variants
        assert alone.data == together[recipe]


@pytest.mark.parametrize("recipes", [(), (SHARP, replace(SHARP, master=Master(Box(9, 9))))])
def test_recipes_without_a_common_master_are_refused(recipes: tuple[Recipe, ...]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        make_variants(encoded(quarters()), recipes)


# -- Quality


def test_reduced_decode_is_as_good_as_a_full_one() -> None:
    picture = photograph(1000, 1500)
    data = encoded(picture, quality=95)
    master = Master(Box(250, 375))
    recipe = Recipe("poster", master.box, master, JPEG())
    reference = Image.open(BytesIO(data)).resize(master.box, LANCZOS)
    assert psnr(ImageScaler(data, master).image(recipe), reference) > 42


def test_thumb_from_the_poster_is_as_good_as_one_from_the_source() -> None:
    picture = photograph(1000, 1500)
    reference = picture.resize(CARD.box, LANCZOS)
    scaler = ImageScaler(encoded(picture, "PNG", compress_level=1), MASTER)
    assert psnr(scaler.image(CARD), reference) > 42


def test_blur_is_as_good_as_one_at_full_size() -> None:
    blur = next(recipe for recipe in RECIPES if recipe.name == "blur")
    data = encoded(photograph(780, 1170), "PNG", compress_level=1)
    sharp = replace(blur, blur=None, path=())
    whole = ImageScaler(data, blur.master).image(sharp)
    radius = 3.5 * blur.box.width / 86
    reference = whole.filter(ImageFilter.GaussianBlur(radius))
    assert psnr(ImageScaler(data, blur.master).image(blur), reference) > 40


# -- Crops

SQUARE = Recipe("square", Box(40, 40), MASTER, JPEG(quality=95), crop=True)


@pytest.mark.parametrize(
    ("focal", "shown"),
    [
        ((0.5, 0.0), ["r", "g", "g", "r"]),
        ((0.5, 0.25), ["r", "g", "g", "r"]),
        ((0.5, 1.0), ["rgb", "b", "b", "rgb"]),
        ((0.5, 0.5), ["r", "g", "b", "rgb"]),
        ((0.0, 0.5), ["r", "g", "b", "rgb"]),
    ],
)
def test_crop_contains_the_focal_point(focal: Point, shown: list[str]) -> None:
    picture = made(encoded(quarters(200, 400), quality=95), SQUARE.with_focal(focal))
    assert picture.size == (40, 40)
    assert corners(picture) == shown


@pytest.mark.parametrize(
    ("focal", "shown"), [((0.1, 0.5), ["r", "r", "rgb", "rgb"]), ((0.9, 0.5), ["g", "g", "b", "b"])]
)
def test_wide_image_is_cropped_at_its_sides(focal: Point, shown: list[str]) -> None:
    assert corners(made(encoded(quarters(400, 100), quality=95), SQUARE.with_focal(focal))) == shown


def test_focal_point_refers_to_the_upright_image() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the stored left side is shown at the top
    data = encoded(quarters(400, 200), exif=exif, quality=95)
    assert corners(made(data, SQUARE.with_focal((0.5, 0.0)))) == ["rgb", "r", "r", "rgb"]


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (30, 45), (45, 30)])
def test_crop_of_any_size_is_not_enlarged(size: tuple[int, int]) -> None:
    picture = made(encoded(Image.new("RGB", size, "teal")), SQUARE.with_focal((0.9, 0.1)))
    assert picture.size == SQUARE.fitted_size(*size)
    assert picture.width == picture.height <= min(size)


# -- Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    data = with_orientation(orientation)
    picture = made(data)
    expected = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    assert corners(picture) == corners(expected)
    assert picture.size == SHARP.fitted_size(*expected.size)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF"])
def test_other_formats_are_turned_too(format_: str) -> None:
    assert corners(made(with_orientation(6, format_))) == ["rgb", "r", "g", "b"]


# -- Opaque sRGB from every mode


@pytest.mark.parametrize(
    ("mode", "format_"),
    [
        *(("RGB", name) for name in ("JPEG", "PNG", "WEBP", "AVIF", "GIF")),
        *(("P", name) for name in ("PNG", "GIF")),
        *(("RGBA", name) for name in ("PNG", "WEBP", "AVIF", "GIF")),
        ("CMYK", "JPEG"),
    ],
)
def test_colours_survive(mode: str, format_: str) -> None:
    picture = made(encoded(quarters().convert(mode), format_))
    assert picture.mode == "RGB"
    assert corners(picture) == UPRIGHT


@pytest.mark.parametrize(
    ("mode", "format_"), [("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("1", "PNG")]
)
def test_greys_survive(mode: str, format_: str) -> None:
    grey = Image.new("L", (80, 120), 0)
    grey.paste(255, (0, 0, 40, 120))
    assert corners(made(encoded(grey.convert(mode), format_))) == ["rgb", "none", "none", "rgb"]


@pytest.mark.parametrize(("stored", "shown"), [(0, 0), (256, 1), (32896, 128), (65535, 255)])
def test_sixteen_bits_are_scaled_to_eight(stored: int, shown: int) -> None:
    picture = made(encoded(Image.new("I;16", (300, 450), stored), "PNG"))
    assert picture.getpixel((9, 9)) == (shown, shown, shown)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF", "GIF"])
@pytest.mark.parametrize("background", ["#ffffff", "#ff0000"])
def test_transparent_pixels_show_the_background(format_: str, background: str) -> None:
    hidden = Image.new("RGBA", (80, 120), (0, 0, 255, 0))
    hidden.paste((0, 255, 0, 255), (40, 0, 80, 60))
    recipe = replace(SHARP, master=replace(MASTER, background=background))
    shown = "rgb" if background == "#ffffff" else "r"
    assert corners(made(encoded(hidden, format_), recipe)) == [shown, "g", shown, shown]


def test_inverted_adobe_cmyk_has_the_right_colours() -> None:
    """Photoshop writes CMYK JPEGs with an Adobe marker and all values inverted."""
    data = encoded(quarters().convert("CMYK"), quality=95)
    assert b"Adobe" in data
    assert corners(made(data)) == UPRIGHT
    progressive = encoded(quarters(400, 600).convert("CMYK"), quality=95, progressive=True)
    assert corners(made(progressive)) == UPRIGHT


def test_cmyk_black_is_black_and_paper_is_white() -> None:
    sheet = Image.new("CMYK", (80, 120), (0, 0, 0, 0))
    sheet.paste((0, 0, 0, 255), (0, 0, 40, 120))
    assert corners(made(encoded(sheet, quality=95))) == ["none", "rgb", "rgb", "none"]


def test_sixteen_bits_of_colour_become_eight() -> None:
    """The PNG is built from bytes, because Pillow cannot write it. Red is 0x8000 of 0xFFFF."""
    row = b"\0" + struct.pack(">HHH", 0x8000, 0xFFFF, 0) * 80
    data = png_of(80, 120, depth=16, colour=2, pixels=row * 120)
    red, green, blue = made(data).getpixel((40, 60))  # type: ignore[misc]
    assert (abs(red - 128) <= 1, green, blue) == (True, 255, 0)


def test_sixteen_bits_with_alpha_show_the_background() -> None:
    row = b"\0" + struct.pack(">HHHH", 0, 0, 0xFFFF, 0) * 80
    assert corners(made(png_of(80, 120, depth=16, colour=6, pixels=row * 120))) == ["rgb"] * 4


def test_bilevel_image_is_scaled_to_greys() -> None:
    """Scaled by nearest neighbour, a fine checkerboard would become black or white."""
    chequer = Image.frombytes("1", (800, 1200), (b"\xaa" * 100 + b"\x55" * 100) * 600)
    (low, high) = made(encoded(chequer, "PNG")).convert("L").getextrema()
    assert 100 < low <= high < 156  # type: ignore[operator]


def test_grey_with_alpha_shows_the_background() -> None:
    hidden = Image.new("LA", (160, 240), (0, 0))
    hidden.paste((0, 255), (80, 0, 160, 120))
    assert corners(made(encoded(hidden, "PNG"))) == ["rgb", "none", "rgb", "rgb"]


def test_transparent_palette_colour_shows_the_background() -> None:
    palette = quarters().quantize(4)
    red = palette.getpixel((10, 10))
    picture = made(encoded(palette, "PNG", transparency=red))
    assert corners(picture) == ["rgb", "g", "b", "rgb"]


def test_hidden_colours_do_not_bleed_over_edges() -> None:
    """Resampling that ignores alpha would tint the border of the white by the hidden green."""
    hidden = Image.new("RGBA", (800, 1200), (0, 255, 0, 0))
    hidden.paste((255, 255, 255, 255), (401, 0, 800, 1200))
    assert ImageStat.Stat(made(encoded(hidden, "PNG"))).extrema == [(255, 255)] * 3


def test_first_frame_of_an_animation_is_used() -> None:
    frames = {"save_all": True, "append_images": [Image.new("RGB", (80, 120), "black")]}
    for format_ in ("GIF", "WEBP", "PNG", "AVIF"):
        assert corners(made(encoded(quarters(), format_, **frames))) == UPRIGHT


def test_first_image_of_an_mpo_is_used() -> None:
    data = encoded(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (80, 120))])
    assert corners(made(data)) == UPRIGHT


# -- Colour profiles


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapping_profile(description: str = "swap") -> bytes:
    """sRGB with red and green exchanged, so that a conversion is visible."""
    swapped = SRGB.replace(b"rXYZ", b"tmp.").replace(b"gXYZ", b"rXYZ").replace(b"tmp.", b"gXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), description.encode("utf-16-be"))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_profile_is_applied(format_: str) -> None:
    picture = made(encoded(quarters(), format_, icc_profile=swapping_profile()))
    assert corners(picture) == ["g", "r", "b", "rgb"]


def test_profile_named_srgb_is_applied() -> None:
    picture = made(encoded(quarters(), icc_profile=swapping_profile("sRGB")))
    assert corners(picture) == ["g", "r", "b", "rgb"]


@pytest.mark.parametrize("profile", [b"no profile", b"", SRGB, swapping_profile()[:200]])
def test_broken_and_srgb_profiles_are_ignored_and_removed(profile: bytes) -> None:
    for recipe in (SHARP, replace(SHARP, encoder=AVIF())):  # the AVIF encoder writes profiles
        picture = made(encoded(quarters(), "PNG", icc_profile=profile), recipe)
        assert corners(picture) == UPRIGHT
        assert "icc_profile" not in picture.info


def press_profile() -> bytes:
    """A CMYK profile built from bytes (ICC.1:2001-04, with a lut8) that exchanges red and green."""
    red, green, blue = (54, 81, 70), (88, -79, 81), (30, 68, -112)  # L*, a*, b*
    paper, black = (100, 0, 0), (0, 0, 0)
    inks = {"0110": green, "1010": red, "1100": blue, "0000": paper}
    printed = [inks.get("".join(ink), black) for ink in product("01", repeat=4)]
    grid = b"".join(bytes((light * 255 // 100, a + 128, b + 128)) for light, a, b in printed)
    unity = b"".join(struct.pack(">i", 65536 * (place % 4 == 0)) for place in range(9))
    straight = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + unity + straight * 4 + grid + straight * 3
    name = b"press\0"
    text = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    tags = {b"A2B0": lut, b"desc": text}
    at, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s28xIII48x", at + len(body), b"lcms", 0x02400000,
        b"prtr", b"CMYK", b"Lab ", b"acsp", 0xF6D6, 0x10000, 0xD32D,
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + body


@pytest.mark.parametrize("progressive", [False, True])
def test_press_profile_is_applied_to_cmyk(progressive: bool) -> None:
    picture = quarters(400, 600).convert("CMYK")
    profile = press_profile()
    data = encoded(picture, quality=95, progressive=progressive, icc_profile=profile)
    printed = made(data)
    assert (printed.mode, corners(printed)) == ("RGB", ["g", "r", "b", "rgb"])


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_profile_of_another_mode_is_ignored(mode: str) -> None:
    picture = quarters().convert(mode)
    plain = made(encoded(picture, quality=95))
    assert corners(made(encoded(picture, quality=95, icc_profile=swapping_profile()))) == corners(
        plain
    )


def test_profile_is_applied_after_the_orientation() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = encoded(quarters(200, 120), exif=exif, icc_profile=swapping_profile(), quality=95)
    assert corners(made(data)) == ["rgb", "g", "r", "b"]


# -- Metadata


@pytest.mark.parametrize("recipe", [SHARP, CARD, BLURRED], ids=lambda recipe: recipe.name)
def test_variants_have_no_metadata(recipe: Recipe) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SECRET"
    data = encoded(
        quarters(),
        comment=b"SECRET",
        exif=exif,
        xmp=b"<SECRET/>",
        icc_profile=swapping_profile("SECR"),
        dpi=(123, 123),
    )
    assert data.count(b"SECRET") == 3
    (variant,) = make_variants(
        with_segment(data, 0xED, b"Photoshop 3.0\0SECRET"), [recipe]
    ).variants
    assert b"SECR" not in variant.data
    assert not {"comment", "exif", "xmp", "icc_profile", "dpi"} & opened(variant).info.keys()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.suffix)
def test_variants_have_no_gps_position(recipe: Recipe) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = "SECRET"
    exif[ExifTags.Base.Artist] = "SECRET"
    xmp = b"<x:xmpmeta><exif:GPSLatitude>SECRET</exif:GPSLatitude></x:xmpmeta>"
    for format_ in ("JPEG", "WEBP", "AVIF"):
        data = encoded(quarters(), format_, exif=exif, xmp=xmp)
        assert data.count(b"SECRET") == 3
        (variant,) = make_variants(data, [recipe]).variants
        assert b"SECRET" not in variant.data
        assert not opened(variant).getexif()
        assert not {"exif", "xmp", "icc_profile", "comment"} & opened(variant).info.keys()


def test_variants_have_no_png_texts() -> None:
    texts = PngInfo()
    texts.add_text("Comment", "SECRET")
    texts.add_itxt("XML:com.adobe.xmp", "SECRET", zip=False)
    data = encoded(quarters(), "PNG", pnginfo=texts)
    for variant in make_variants(data, RECIPES).variants:
        assert b"SECRET" not in variant.data


def test_variants_have_no_gif_comment() -> None:
    (variant,) = make_variants(encoded(quarters(), "GIF", comment=b"SECRET"), [SHARP]).variants
    assert b"SECRET" not in variant.data


# -- The dominant colour


@pytest.mark.parametrize("colour", ["#204060", "#000000", "#ffffff", "#c81e1e"])
def test_dominant_colour_of_one_colour(colour: str) -> None:
    picture = Image.new("RGB", (80, 120), colour)
    assert make_variants(encoded(picture, "PNG"), [SHARP]).dominant_colour == colour


def test_dominant_colour_is_that_of_the_larger_part() -> None:
    picture = Image.new("RGB", (80, 120), "#204060")
    picture.paste("#f0e0a0", (0, 0, 80, 40))
    assert make_variants(encoded(picture, "PNG"), [SHARP]).dominant_colour == "#204060"


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (15, 17)])
def test_any_size_has_a_dominant_colour(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "#224466")
    made = make_variants(encoded(picture, "PNG"), [SHARP])
    assert (made.dominant_colour, made.sketch) == ("#224466", "246" * 12)


def test_sketch_has_the_colours_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    picture = Image.new("RGB", (600, 900), "#ff0000")
    picture.paste("#0000ff", (0, 0, 200, 225))
    picture.paste("#00ff00", (200, 675, 400, 900))
    sketch = make_variants(encoded(picture, "PNG", exif=exif), [SHARP]).sketch
    parts = [sketch[at : at + 3] for at in range(0, 36, 3)]
    nearest = [max("rgb", key=lambda channel: part["rgb".index(channel)]) for part in parts]
    assert nearest == ["r", "g", *"r" * 9, "b"]


# -- Rejections


def test_limits_are_checked_before_decoding() -> None:
    assert rejection_of(png_announcing(9000, 9000)).code == RejectCode.TOO_MANY_PIXELS
    assert rejection_of(encoded(quarters()), Limits(bytes=10)).code == RejectCode.TOO_MANY_BYTES


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP"])
def test_truncated_image_is_rejected_permanently(format_: str) -> None:
    data = encoded(photograph(100, 150), format_)
    rejection = rejection_of(data[: len(data) // 2])
    assert rejection.code == RejectCode.TRUNCATED
    assert rejection.permanent


def test_damaged_png_is_rejected_permanently() -> None:
    data = bytearray(encoded(photograph(100, 150), "PNG"))
    data[data.index(b"IDAT")] = 0
    rejection = rejection_of(bytes(data))
    assert rejection.code == RejectCode.DAMAGED
    assert rejection.permanent


def test_png_without_pixels_is_rejected_permanently() -> None:
    header = encoded(photograph(100, 150), "PNG")[:33]
    for data in (header, header + png_chunk(b"IEND", b"")):
        assert rejection_of(data).permanent


def test_damaged_png_and_gif_are_never_retried() -> None:
    """Their decoders report lack of memory by an error of its own."""
    random = Random(1)
    pictures = [encoded(photograph(24, 36), format_) for format_ in ("PNG", "GIF")]
    for number in range(1000):
        data = bytearray(pictures[number % 2])
        for _ in range(random.choice((1, 2, 5))):
            data[random.randrange(8, random.choice((60, len(data))))] = random.randrange(256)
        damaged = bytes(data[: random.randrange(30, 2 * len(data))])
        damaged = with_checksums(damaged) if number % 4 == 0 else damaged
        try:
            make_variants(damaged, [CARD])
        except ImageRejected as rejection:
            assert rejection.permanent, (number, rejection.detail)  # noqa: PT017 - or it is made


def with_checksums(png: bytes) -> bytes:
    """The PNG with the right checksum in each whole chunk."""
    data, at = bytearray(png), 8
    while (end := at + 12 + int.from_bytes(data[at : at + 4])) <= len(data):
        data[at:end] = png_chunk(bytes(data[at + 4 : at + 8]), bytes(data[at + 8 : end - 4]))
        at = end
    return bytes(data)


@pytest.mark.parametrize("format_", ["WEBP", "AVIF"])
def test_decoder_failure_is_transient(format_: str) -> None:
    """These decoders report damage and lack of memory by the same error."""
    data = bytearray(encoded(photograph(100, 150), format_))
    # The start code of a WebP's one frame; the end of an AVIF's.
    data[23:26] = bytes(3) if format_ == "WEBP" else data[23:26]
    data[-600:] = bytes(600)
    rejection = rejection_of(bytes(data))
    assert rejection.code == RejectCode.DECODER_FAILED
    assert not rejection.permanent


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (MemoryError(), RejectCode.OUT_OF_MEMORY),
        (OSError("out of memory when reading image file"), RejectCode.OUT_OF_MEMORY),
        (OSError("broken data stream when reading image file"), RejectCode.DECODER_FAILED),
    ],
)
def test_lack_of_memory_is_transient(
    raised: Exception, code: RejectCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(image: ImageFile.ImageFile) -> None:
        raise raised

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    rejection = rejection_of(encoded(quarters()))
    assert rejection.code == code
    assert not rejection.permanent


@given(
    format_=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "AVIF"]),
    at=st.floats(0, 1, exclude_max=True),
    noise=st.binary(min_size=1, max_size=40),
)
def test_damaged_image_is_made_or_rejected(format_: str, at: float, noise: bytes) -> None:
    data = bytearray(encoded(quarters(), format_))
    start = int(at * len(data))
    data[start : start + len(noise)] = noise
    try:
        variants = make_variants(bytes(data), [CARD]).variants
    except ImageRejected:
        return
    assert len(variants) == 1
