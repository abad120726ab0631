"""From a source's bytes to its variants' bytes, with one decode.

Pure and without shared state: Pillow lets go of the interpreter lock while it decodes, resamples
and encodes, so threads may each make a different source's variants. The order of the steps is
where the time is saved. A JPEG is decoded at the lowest resolution that does; whatever costs by
the pixel (orientation, colour profile, background) is done after shrinking; every variant is cut
from the next larger one; the blur is made on a picture of 86x129. ``benchmarks/variants.py``
measures it against others.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from math import ceil
from typing import Final, NamedTuple

from PIL import Image, ImageCms, ImageFile, ImageFilter

from ..recipes import BLURRING, Box, Encoder, Master, Recipe
from .errors import ImageRejected, RejectCode
from .limits import LIMITS, Limits, SourceImage, open_checked

_LANCZOS: Final = Image.Resampling.LANCZOS
_STRETCHES: Final = {"bilinear": Image.Resampling.BILINEAR}
_NEAREST: Final = Image.Resampling.NEAREST
_BOX: Final = Image.Resampling.BOX
_OCTREE: Final = Image.Quantize.FASTOCTREE

SKETCH_SIZE: Final = (3, 4)
"""Parts of a sketch, across and down."""

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of an EXIF orientation upright."""


@dataclass(frozen=True)
class EncodedImage:
    """One variant: its file, and its size in pixels."""

    recipe: Recipe
    data: bytes
    width: int
    height: int

    @property
    def mime(self) -> str:
        return self.recipe.mime


class VariantSet(NamedTuple):
    """All that was made of a source, in the order of the recipes asked for.

    ``dominant_colour`` is ``#rrggbb``, the colour that most of the picture is near to; ``sketch``
    are the colours of its parts, three across and four down, each as ``rgb`` in one hex digit a
    channel.
    """

    source: SourceImage
    dominant_colour: str
    sketch: str
    variants: tuple[EncodedImage, ...]


def make_variants(data: bytes, recipes: Sequence[Recipe], limits: Limits = LIMITS) -> VariantSet:
    """Make ``recipes`` of the picture in ``data``, decoding it once.

    The bytes of a variant depend on ``data`` and its recipe alone, not on its companions.
    ImageRejected when the picture breaks a limit or cannot be read; ValueError when the recipes
    do not share one master, since one decode could not serve them.
    """
    (master,) = {recipe.master for recipe in recipes}
    with _as_rejections():
        cuts = Cuts(data, master, limits)
        variants = tuple(_make_variant(cuts, recipe) for recipe in recipes)
        return VariantSet(cuts.source, cuts.dominant_colour(), cuts.sketch(), variants)


def _make_variant(cuts: "Cuts", recipe: Recipe) -> EncodedImage:
    picture = cuts.picture(recipe)
    return EncodedImage(recipe, encode(picture, recipe.encoder), *picture.size)


class Cuts:
    """The pictures cut from one source, each made once however many recipes pass through it."""

    def __init__(self, data: bytes, master: Master, limits: Limits = LIMITS) -> None:
        self.source, picture = _make_master(data, master, limits)
        self._source_size = self.source.width, self.source.height
        self._cuts: dict[tuple[Box, ...], Image.Image] = {(): picture}
        self._blurs: dict[tuple[object, ...], Image.Image] = {}

    def picture(self, recipe: Recipe) -> Image.Image:
        """What is to be encoded, the same picture for all formats of a variant."""
        if recipe.crop:
            return self._crop(recipe)
        if recipe.blur is None:
            return self._cut((*recipe.path, recipe.box))
        wanted = recipe.path, recipe.box, recipe.blur
        if wanted not in self._blurs:
            small = self._shrunk(recipe.path, gap=BLURRING.gap)
            blurred = small.filter(ImageFilter.GaussianBlur(recipe.blur))
            size = recipe.fitted_size(*self._source_size)
            self._blurs[wanted] = blurred.resize(size, _STRETCHES[BLURRING.up])
        return self._blurs[wanted]

    def _crop(self, recipe: Recipe) -> Image.Image:
        """The largest part of the master in the box's ratio, with the focal point in its middle.

        Where the picture ends before that, the part stays inside it.
        """
        master = self._cuts[()]
        size = recipe.fitted_size(*self._source_size)
        scale = min(master.width / size[0], master.height / size[1])
        width, height = size[0] * scale, size[1] * scale
        left = _within(recipe.focal[0] * master.width - width / 2, master.width - width)
        top = _within(recipe.focal[1] * master.height - height / 2, master.height - height)
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
        """A picture of 16 pixels by about 24, to tell colours from.

        Each of those is the mean of 16 pixels of the master: all of them would say the same.
        """
        master = self._cuts[()]
        step = max(1, min(master.size) // 64)
        sample = master.resize((master.width // step or 1, master.height // step or 1), _NEAREST)
        return sample.reduce(max(1, min(sample.size) // 16))

    def _cut(self, path: tuple[Box, ...]) -> Image.Image:
        if path not in self._cuts:
            self._cuts[path] = self._shrunk(path)
        return self._cuts[path]

    def _shrunk(self, path: tuple[Box, ...], gap: float | None = None) -> Image.Image:
        """The last step of a path, first reduced to ``gap`` times its size if that is given."""
        larger = self._cut(path[:-1])
        size = path[-1].fit(*self._source_size)
        return larger if size == larger.size else larger.resize(size, _LANCZOS, reducing_gap=gap)


def _within(wanted: float, most: float) -> float:
    return min(max(wanted, 0.0), max(most, 0.0))


def _make_master(data: bytes, master: Master, limits: Limits) -> tuple[SourceImage, Image.Image]:
    """The upright, opaque sRGB picture in the master's box; the full decode is freed here."""
    source, image = open_checked(data, limits)
    with image:
        profile = image.info.get("icc_profile")
        width, height = master.box.fit(source.width, source.height)
        sideways = (source.width, source.height) != image.size
        small = _decode_small(image, (height, width) if sideways else (width, height), master)
    # Resized pictures inherit comments and profiles, which Pillow's encoders would write out.
    small.info.clear()
    if source.orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[source.orientation])
    return source, _to_srgb(_flatten(small, master.background), profile)


def _decode_small(image: ImageFile.ImageFile, size: tuple[int, int], master: Master) -> Image.Image:
    """Decode and shrink, at a JPEG's reduced resolution where that leaves enough headroom."""
    width, height = size
    image.draft(None, (ceil(width * master.headroom), ceil(height * master.headroom)))
    _load(image)
    if image.mode == "I;16":
        return _eight_bit(image.resize(size, _LANCZOS))  # the mode has no reduction
    return _resampleable(image).resize(size, _LANCZOS, reducing_gap=master.gap)


_PLAIN_SPOKEN: Final = frozenset({"PNG", "GIF"})
"""Their decoders have a word of its own for a lack of memory, unlike libjpeg, libwebp and dav1d."""

_BROKEN: Final = ("broken data stream", "unrecognized data stream contents")
"""Pillow's words for what its decoders call ``IMAGING_CODEC_BROKEN`` and ``_UNKNOWN``."""


def _load(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except OSError as error:
        if image.format in _PLAIN_SPOKEN and str(error).startswith(_BROKEN):
            raise ImageRejected(RejectCode.DAMAGED, str(error)) from error
        raise


def _resampleable(image: Image.Image) -> Image.Image:
    """In a mode that resampling means something in: no palette, colours weighed by their alpha."""
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode.replace("A", "a"))
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGBa")
    if image.mode in ("P", "1"):
        return image.convert("RGB" if image.mode == "P" else "L")
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey, scaled: Pillow's own conversion clips."""
    return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _flatten(image: Image.Image, background: str) -> Image.Image:
    if image.mode not in ("La", "RGBa"):
        return image
    layer = image.convert(image.mode.upper())
    flat = Image.new("RGB", layer.size, background)
    flat.paste(layer.convert("RGB"), mask=layer.getchannel("A"))
    return flat


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In RGB, by way of the colour profile where there is a usable one.

    Most profiles are sRGB itself: converting by one takes 36 ms for a full poster and changes
    nothing. Broken profiles, and those of another mode than the picture's, are common too; the
    picture is then shown as it would be without.
    """
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            if not ImageCms.getProfileDescription(source).startswith("sRGB"):
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
                return converted or image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def encode(picture: Image.Image, encoder: Encoder) -> bytes:
    """The picture's file: pixels alone, without comment, profile or EXIF."""
    buffer = BytesIO()
    picture.save(buffer, encoder.pillow_format, **asdict(encoder))
    return buffer.getvalue()


@contextmanager
def _as_rejections() -> Iterator[None]:
    """Whatever decoders raise, told as `ImageRejected`.

    Only what cannot come from a lack of memory is permanent: under an address-space limit libjpeg
    and libwebp report a shortage in the words they have for damage.
    """
    try:
        yield
    except MemoryError as error:
        raise ImageRejected(RejectCode.OUT_OF_MEMORY, str(error)) from error
    except SyntaxError as error:  # how Pillow's PNG reader calls a bad chunk
        raise ImageRejected(RejectCode.DAMAGED, str(error)) from error
    except (OSError, EOFError, ValueError, RuntimeError) as error:
        raise ImageRejected(_code_of(error), f"{type(error).__name__}: {error}") from error


def _code_of(error: Exception) -> RejectCode:
    if "truncated" in str(error):
        return RejectCode.TRUNCATED
    if "out of memory" in str(error):
        return RejectCode.OUT_OF_MEMORY
    return RejectCode.DECODER_FAILED
