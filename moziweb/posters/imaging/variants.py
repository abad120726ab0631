"""Makes all variants of a source with one decode.

There is no shared state, and Pillow releases the GIL while it decodes, resamples and encodes, so
threads can process different sources. The order of the steps saves time: a JPEG is decoded at the
lowest sufficient resolution; orientation, colour profile and background are applied after scaling
down; every variant is scaled from the next larger one; the blur is computed at 86x129.
``benchmarks/variants.py`` compares it with other libraries.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Final

from PIL import Image, ImageFilter

from moziweb.posters.imaging.encoding import encode
from moziweb.posters.imaging.values import SKETCH_SIZE, EncodedImage, VariantSet

from ..recipes import BLURRING, Box, Master, Recipe
from .colour import to_srgb
from .decoding import decode, eight_bit
from .errors import ImageRejected, RejectCode
from .limits import OpenedImage, open_checked
from .values import LIMITS, Limits, SourceImage

_LANCZOS: Final = Image.Resampling.LANCZOS
_ENLARGING_FILTERS: Final = {"bilinear": Image.Resampling.BILINEAR}
_NEAREST: Final = Image.Resampling.NEAREST
_BOX: Final = Image.Resampling.BOX
_OCTREE: Final = Image.Quantize.FASTOCTREE

_TRANSPOSE_BY_ORIENTATION: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that turns an image with this EXIF orientation upright."""


def make_variants(data: bytes, recipes: Sequence[Recipe], limits: Limits = LIMITS) -> VariantSet:
    """Decode the image in ``data`` once and make a variant for each recipe.

    The bytes of a variant depend only on ``data`` and its recipe, not on the other recipes. Raises
    ImageRejected if the image exceeds a limit or cannot be decoded, and ValueError if the recipes
    do not have the same master.
    """
    (master,) = {recipe.master for recipe in recipes}
    with _converted_errors():
        large = {recipe.box for recipe in recipes if recipe.from_decoded}
        scaler = ImageScaler(data, master, limits, large)
        variants = tuple(_make_variant(scaler, recipe) for recipe in recipes)
        return VariantSet(scaler.source, scaler.dominant_colour(), scaler.sketch(), variants)


def _make_variant(scaler: "ImageScaler", recipe: Recipe) -> EncodedImage:
    image = scaler.image(recipe)
    return EncodedImage(recipe, encode(image, recipe.encoder), *image.size)


class ImageScaler:
    """Scaled images of one source; an intermediate size that recipes share is computed once.

    ``large`` are boxes of images that are scaled from the decoded source, not from the master.
    """

    def __init__(
        self, data: bytes, master: Master, limits: Limits = LIMITS, large: Collection[Box] = ()
    ) -> None:
        self.source, image, self._large = _make_master(data, master, limits, large)
        self._source_size = self.source.width, self.source.height
        self._by_path: dict[tuple[Box, ...], Image.Image] = {(): image}
        self._blurred: dict[tuple[object, ...], Image.Image] = {}

    def image(self, recipe: Recipe) -> Image.Image:
        """The image to encode; all formats of a variant share it."""
        if recipe.from_decoded:
            return self._large[recipe.box]
        if recipe.crop:
            return self._crop(recipe)
        if recipe.blur is None:
            return self._scaled((*recipe.path, recipe.box))
        key = recipe.path, recipe.box, recipe.blur
        if key not in self._blurred:
            small = self._scale_last_step(recipe.path, gap=BLURRING.gap)
            blurred = small.filter(ImageFilter.GaussianBlur(recipe.blur))
            size = recipe.fitted_size(*self._source_size)
            self._blurred[key] = blurred.resize(size, _ENLARGING_FILTERS[BLURRING.up])
        return self._blurred[key]

    def _crop(self, recipe: Recipe) -> Image.Image:
        """The largest part of the master in the box's ratio that is inside the image.

        Its centre is as near to the focal point as possible.
        """
        master = self._by_path[()]
        size = recipe.fitted_size(*self._source_size)
        scale = min(master.width / size[0], master.height / size[1])
        width, height = size[0] * scale, size[1] * scale
        left = _clamp(recipe.focal[0] * master.width - width / 2, master.width - width)
        top = _clamp(recipe.focal[1] * master.height - height / 2, master.height - height)
        return master.resize(size, _LANCZOS, box=(left, top, left + width, top + height))

    def dominant_colour(self) -> str:
        """The largest of eight clusters of colour."""
        clusters = self._sample().quantize(8, _OCTREE)
        largest = clusters.histogram().index(max(clusters.histogram()))
        colour = (clusters.getpalette() or [])[3 * largest : 3 * largest + 3]
        return f"#{bytes(colour).hex()}"

    def sketch(self) -> str:
        """See `VariantSet`."""
        parts = self._sample().resize(SKETCH_SIZE, _BOX).tobytes()
        return "".join(f"{(channel + 8) // 17:x}" for channel in parts)

    def _sample(self) -> Image.Image:
        """The master at about 16x24 pixels, each the mean of 16 pixels of the master.

        More pixels would give the same colours.
        """
        master = self._by_path[()]
        step = max(1, min(master.size) // 64)
        sample = master.resize((master.width // step or 1, master.height // step or 1), _NEAREST)
        return sample.reduce(max(1, min(sample.size) // 16))

    def _scaled(self, path: tuple[Box, ...]) -> Image.Image:
        if path not in self._by_path:
            self._by_path[path] = self._scale_last_step(path)
        return self._by_path[path]

    def _scale_last_step(self, path: tuple[Box, ...], gap: float | None = None) -> Image.Image:
        """Scale to the last box of ``path``, with ``gap`` as Pillow's ``reducing_gap``."""
        larger = self._scaled(path[:-1])
        size = path[-1].fit(*self._source_size)
        return larger if size == larger.size else larger.resize(size, _LANCZOS, reducing_gap=gap)


def _clamp(value: float, maximum: float) -> float:
    return min(max(value, 0.0), max(maximum, 0.0))


def _make_master(
    data: bytes, master: Master, limits: Limits, large: Collection[Box]
) -> tuple[SourceImage, Image.Image, dict[Box, Image.Image]]:
    """The upright, opaque sRGB images in the master's box and in those of ``large``.

    The full decode is freed on return.
    """
    opened = open_checked(data, limits)
    source = opened.source
    is_transposed = (source.width, source.height) != opened.image.size

    def size_in(box: Box) -> tuple[int, int]:
        width, height = box.fit(source.width, source.height)
        return (height, width) if is_transposed else (width, height)

    with opened.image:
        sizes = [size_in(box) for box in (master.box, *large)]
        image, *others = _decode_scaled(opened, sizes, master)

    def finished(small: Image.Image) -> Image.Image:
        # Resized images inherit comments and profiles, which Pillow's encoders would write.
        small.info.clear()
        if source.orientation in _TRANSPOSE_BY_ORIENTATION:
            small = small.transpose(_TRANSPOSE_BY_ORIENTATION[source.orientation])
        return _opaque_srgb(small, opened.profile, master.background)

    finished_large = {box: finished(each) for box, each in zip(large, others, strict=True)}
    return source, finished(image), finished_large


def _decode_scaled(
    opened: OpenedImage, sizes: Sequence[tuple[int, int]], master: Master
) -> list[Image.Image]:
    """Decode once and scale down to each size, the first of which is the master's.

    A JPEG is decoded at a reduced resolution if the master's headroom allows.
    """
    width, height = sizes[0]
    wanted = ceil(width * master.headroom), ceil(height * master.headroom)
    image = decode(opened.image, wanted, opened.png, opened.unended)
    if image.mode == "I;16":  # Pillow cannot reduce this mode
        return [eight_bit(image.resize(size, _LANCZOS)) for size in sizes]
    image = _resampleable(image)
    return [image.resize(size, _LANCZOS, reducing_gap=master.gap) for size in sizes]


def _resampleable(image: Image.Image) -> Image.Image:
    """Convert to a mode that can be resampled: no palette or padding, and premultiplied alpha."""
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode.replace("A", "a"))
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGBa")
    if image.mode in ("P", "1", "RGBX"):
        return image.convert("L" if image.mode == "1" else "RGB")
    return image


def _opaque_srgb(image: Image.Image, profile: bytes | None, background: str) -> Image.Image:
    """Convert to sRGB by the profile, then put transparent images on the background."""
    if image.mode not in ("La", "RGBa"):
        return to_srgb(image, profile)
    layer = image.convert(image.mode.upper())
    flat = Image.new("RGB", layer.size, background)
    flat.paste(to_srgb(layer.convert(image.mode[:-1]), profile), mask=layer.getchannel("A"))
    return flat


@contextmanager
def _converted_errors() -> Iterator[None]:
    """Convert the decoders' exceptions to `ImageRejected`.

    Only errors that lack of memory cannot cause are permanent: libjpeg and libwebp report it by
    the same error as damage.
    """
    try:
        yield
    except MemoryError as error:
        raise ImageRejected(RejectCode.OUT_OF_MEMORY, str(error)) from error
    except SyntaxError as error:  # Pillow's PNG plugin raises it for a bad chunk
        raise ImageRejected(RejectCode.DAMAGED, str(error)) from error
    except (OSError, EOFError, ValueError, RuntimeError) as error:
        raise ImageRejected(_code_of(error), f"{type(error).__name__}: {error}") from error


def _code_of(error: Exception) -> RejectCode:
    message = str(error).lower()
    if "truncated" in message:
        return RejectCode.TRUNCATED
    if "cannot load this image" in message:  # it has no pixels
        return RejectCode.DAMAGED
    if "out of memory" in message:
        return RejectCode.OUT_OF_MEMORY
    return RejectCode.DECODER_FAILED
