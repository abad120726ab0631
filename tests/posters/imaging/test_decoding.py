"""Faults that browsers ignore do not change the pixels; others are refused."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops
from PIL.WebPImagePlugin import WebPImageFile

from moziweb.posters.imaging.decoding import decode
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.variants import ImageScaler
from moziweb.posters.recipes import JPEG, Box, Master, Recipe
from tests.posters.pictures import encoded, photograph

MASTER = Master(Box(120, 180))
RECIPE = Recipe("poster", MASTER.box, MASTER, JPEG())

JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "grey": {},
}


def made(data: bytes) -> Image.Image:
    return ImageScaler(data, MASTER).image(RECIPE)


def jpeg(kind: str) -> bytes:
    picture = photograph(200, 300)
    options = {"quality": 90, **JPEGS[kind]}
    return encoded(picture.convert("L") if kind == "grey" else picture, **options)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("cut", [1, 2])
def test_jpeg_without_its_end_marker_has_all_its_pixels(kind: str, cut: int) -> None:
    whole = jpeg(kind)
    assert made(whole[:-cut]) == made(whole)


@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_that_lacks_pixels_is_truncated(kind: str) -> None:
    whole = jpeg(kind)
    scan = whole.rindex(b"\xff\xda") + 20
    for share in (0.0, 0.3, 0.7, 0.9, 0.99):
        with pytest.raises(ImageRejected) as rejection:
            made(whole[: scan + int((len(whole) - scan) * share)])
        assert rejection.value.code == RejectCode.TRUNCATED, share


@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_that_lacks_a_few_bytes_is_refused_or_hardly_changed(kind: str) -> None:
    whole = jpeg(kind)
    for cut in range(3, 40):
        try:
            picture = made(whole[:-cut])
        except ImageRejected as rejection:
            assert rejection.code == RejectCode.TRUNCATED  # noqa: PT017 - either is right
        else:
            box = ImageChops.difference(picture, made(whole)).getbbox()
            assert box is None or (box[2] - box[0] < 30 and box[3] - box[1] < 30), cut


class WebPWithoutNext(WebPImageFile):
    """Only its own ``load`` finds the private method that `decode` calls."""

    _is_loading = False

    def __getattribute__(self, name: str) -> Any:
        if name == "_get_next" and not self._is_loading:
            raise AttributeError(name)
        return super().__getattribute__(name)

    def load(self) -> Any:
        self._is_loading = True
        return super().load()


class WebPThatKeepsItsDecoder(WebPImageFile):
    def __delattr__(self, name: str) -> None:
        raise AttributeError(name)


@pytest.mark.parametrize("reader", [WebPWithoutNext, WebPThatKeepsItsDecoder])
def test_webp_is_decoded_without_private_members_of_pillow(reader: type[WebPImageFile]) -> None:
    picture = photograph(60, 90)
    data = encoded(picture, "WEBP", lossless=True)
    decoded = decode(reader(BytesIO(data)), (60, 90), None, None)
    assert decoded.mode == "RGB"
    assert decoded.tobytes() == picture.tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pixels_of_a_webp_are_those_of_pillow(mode: str) -> None:
    picture = photograph(60, 90)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    data = encoded(picture, "WEBP", lossless=True, exact=True)
    decoded = decode(WebPImageFile(BytesIO(data)), (60, 90), None, None)
    assert (decoded.mode, decoded.size) == ("RGBX" if mode == "RGB" else mode, (60, 90))
    assert decoded.convert(mode).tobytes() == Image.open(BytesIO(data)).tobytes()
