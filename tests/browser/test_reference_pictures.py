"""Variants have the colours, the orientation and the parts that Chromium shows of their source."""

import base64
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page

from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.recipes import JPEG, RECIPES, Recipe
from tests.posters.reference_pictures import hdr_pictures, reference_pictures

FILES = Path(__file__).parents[1] / "data" / "pictures"

MAX_DIFFERENCE = 8
"""Of 255, on average over all channels of all pixels."""

ROWS_MISSING_IN_CHROMIUM = 16
"""Chromium leaves the last rows of a JPEG without an end marker blank; they are not compared."""

TURNED_BY_US_ALONE = {"webp_exif"}
"""Chromium ignores the orientation in a WebP; docs/posters.md says why we do not."""

HDR_FILES = {"avif_cicp_pq.avif"}

RECIPE = Recipe("poster", RECIPES[0].box, RECIPES[0].master, JPEG(quality=95, subsampling="4:4:4"))

SHOW = """async data => {
  const image = new Image();
  image.src = "data:image/png;base64," + data;
  document.body.replaceChildren(image);
  await image.decode().catch(() => {});
  return [image.naturalWidth, image.naturalHeight];
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A white page without margins."""
    page = browser.new_page(viewport={"width": 400, "height": 400})
    page.set_content("<style>body { margin: 0; background: white } img { display: block }</style>")
    yield page
    page.close()


def files() -> Mapping[str, bytes]:
    """The pictures in the repository."""
    return {path.name: path.read_bytes() for path in FILES.iterdir()}


def shown(page: Page, data: bytes) -> Image.Image:
    """A picture as Chromium shows it."""
    width, height = page.evaluate(SHOW, base64.b64encode(data).decode())
    assert width, "Chromium does not show it"
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    return Image.open(BytesIO(page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]


def made(data: bytes) -> Image.Image:
    """The variant that is made from a picture."""
    (variant,) = make_variants(data, [RECIPE]).variants
    return Image.open(BytesIO(variant.data)).convert("RGB")


def difference(one: Image.Image, other: Image.Image, ignored_rows: int = 0) -> float:
    """The mean difference of two pictures, 255 if their sizes differ."""
    if one.size != other.size:
        return 255.0
    part = (0, 0, one.width, one.height - ignored_rows)
    stat = ImageStat.Stat(ImageChops.difference(one.crop(part), other.crop(part)))
    return sum(stat.mean) / len(stat.mean)


def test_variants_look_like_the_source_in_chromium(page: Page) -> None:
    pictures = {**reference_pictures(), **files()}
    assert len(pictures) > 100
    differences = {}
    for name, data in pictures.items():
        if name in TURNED_BY_US_ALONE or name in HDR_FILES:
            continue
        rows = ROWS_MISSING_IN_CHROMIUM if b"JFIF" in data[:20] and data[-2:] != b"\xff\xd9" else 0
        differences[name] = difference(shown(page, data), made(data), rows)
    assert {name: value for name, value in differences.items() if value > MAX_DIFFERENCE} == {}


def test_hdr_is_refused_by_its_own_code() -> None:
    pictures = {**hdr_pictures(), **{name: files()[name] for name in HDR_FILES}}
    for name, data in pictures.items():
        with pytest.raises(ImageRejected) as rejection:
            make_variants(data, [RECIPE])
        assert rejection.value.code == RejectCode.HIGH_DYNAMIC_RANGE, name
        assert rejection.value.permanent
