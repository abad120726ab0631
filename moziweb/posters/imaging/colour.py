"""Colour spaces: which profile a source has, and conversion to sRGB.

Browsers are the reference: `tests/browser/test_reference_pictures.py` compares with Chromium.
"""

import re
import struct
from collections.abc import Mapping
from io import BytesIO
from itertools import chain, product
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageStat

from .av1 import colour_codes
from .errors import ImageRejected, RejectCode
from .icc import Chromaticities, Transfer, matrix_profile, transfer_code

_ICC_SIGNATURE: Final = b"acsp"
_INTENTS: Final = (b"\0", b"\1", b"\2", b"\3")
"""The contents of a valid sRGB chunk: rendering intents."""

_NCLX: Final = re.compile(rb"(?s)colrnclx(.{4})")
_HEAD_BYTES: Final = 64 * 1024


_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_BT709: Final = Chromaticities(_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_SMPTE170M: Final = Chromaticities(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

_PRIMARIES: Final[Mapping[int, Chromaticities]] = MappingProxyType(
    {
        1: _BT709,
        4: Chromaticities(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
        5: Chromaticities(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
        6: _SMPTE170M,
        7: _SMPTE170M,
        8: Chromaticities(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
        9: Chromaticities(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
        10: Chromaticities((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
        11: Chromaticities((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
        12: Chromaticities(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
        22: Chromaticities(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
    }
)
"""ColourPrimaries of ITU-T H.273."""

_SRGB: Final = Transfer(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO: Final = Transfer(2.4)
"""The curve of a display for video (BT.1886); browsers use it and not that of a camera."""

_TRANSFERS: Final[Mapping[int, Transfer]] = MappingProxyType(
    {
        1: _VIDEO,
        4: Transfer(2.2),
        5: Transfer(2.8),
        6: _VIDEO,
        7: Transfer(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
        8: Transfer(1.0),
        11: _VIDEO,
        13: _SRGB,
        14: _VIDEO,
        15: _VIDEO,
        17: Transfer(2.6, (52.37 / 48) ** (1 / 2.6)),
    }
)
"""TransferCharacteristics of ITU-T H.273."""

_UNSPECIFIED: Final = 2
_HDR_TRANSFERS: Final = MappingProxyType({16: "PQ", 18: "HLG"})
_SHOWN_AS_SRGB: Final = frozenset({1, 6, 14, 15})
"""Transfer functions of video, which browsers regard as that of sRGB in an AVIF."""


def embedded_profile(profile: bytes | None) -> bytes | None:
    """An ICC profile of a file, unchanged.

    Raises ImageRejected if it is for high dynamic range.
    """
    if profile:
        _reject_hdr(transfer_code(profile))
    return profile


def png_profile(chunks: Mapping[bytes, bytes]) -> bytes | None:
    """The ICC profile by the chunks of a PNG; None for sRGB.

    The order of precedence is that of the PNG specification: cICP, iCCP, sRGB, gAMA with cHRM;
    malformed chunks are skipped. As in browsers, cHRM needs gAMA. Raises ImageRejected for high
    dynamic range.
    """
    if len(coded := chunks.get(b"cICP", b"")) == 4:
        profile = _coded_profile(coded[0], coded[1])
        if profile is not None:
            return profile
    if (profile := chunks.get(b"iCCP", b""))[36:40] == _ICC_SIGNATURE:
        return embedded_profile(profile)
    if chunks.get(b"sRGB") in _INTENTS or len(chunks.get(b"gAMA", b"")) != 4:
        return None
    (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
    primaries = _BT709
    if len(numbers := chunks.get(b"cHRM", b"")) == 32:
        points = [each / 100_000 for each in struct.unpack(">8I", numbers)]
        primaries = Chromaticities(*zip(points[::2], points[1::2], strict=True))
    return matrix_profile(primaries, Transfer(100_000 / gamma)) if gamma else None


def avif_profile(data: bytes, embedded: bytes | None) -> bytes | None:
    """The ICC profile of an AVIF; None for sRGB.

    The code points of the container precede those of a stream. Raises ImageRejected for high
    dynamic range.
    """
    if embedded:
        return embedded_profile(embedded)
    coded = _NCLX.search(data, 0, _HEAD_BYTES)
    in_stream = next(colour_codes(data), (_UNSPECIFIED, _UNSPECIFIED))
    primaries, transfer = struct.unpack(">HH", coded[1]) if coded else in_stream
    return _coded_profile(primaries, 13 if transfer in _SHOWN_AS_SRGB else transfer)


def _coded_profile(primaries: int, transfer: int) -> bytes | None:
    """The profile of a code point (H.273); None for sRGB and for unknown codes."""
    _reject_hdr(transfer)
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        return None
    return matrix_profile(_PRIMARIES[primaries], _TRANSFERS[transfer])


def _reject_hdr(transfer: int | None) -> None:
    if transfer is not None and transfer in _HDR_TRANSFERS:
        raise ImageRejected(RejectCode.HIGH_DYNAMIC_RANGE, _HDR_TRANSFERS[transfer])


# -- Conversion


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an opaque image to RGB by its profile, if that is usable.

    Profiles that are broken or of another colour model are common, and ignored.
    """
    converted = _converted(image, profile) if profile else None
    return converted or (image if image.mode == "RGB" else image.convert("RGB"))


def _converted(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The converted image; None if the profile is not usable, or changes nothing.

    Most profiles are sRGB: converting a full poster by one takes 14 ms, finding that out 2 ms.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if image.mode == "L" and source.profile.xcolor_space == "RGB ":
            image = image.convert("RGB")
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, image.mode, "RGB")
        if image.mode == "RGB" and _is_identity(transform):
            return None
        return ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour of a sample changes visibly. The name of a profile is no evidence."""
    changed = ImageCms.applyTransform(_SAMPLE, transform)
    difference = ImageChops.difference(changed or _SAMPLE, _SAMPLE)
    return all(highest <= _INVISIBLE for _, highest in ImageStat.Stat(difference).extrema)


_INVISIBLE: Final = 2
"""The largest difference of two channel values that counts as none."""

_SAMPLE: Final = Image.frombytes(
    "RGB", (6**3, 1), bytes(chain(*product(range(0, 256, 51), repeat=3)))
)
