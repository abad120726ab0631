"""The placeholder image for a missing poster: a film reel on grey, drawn with Pillow.

Backdrops have no reel, because pages enlarge them to the width of the screen.

It has no text, so one image serves all languages, and medium greys, so it suits light and dark
pages.
"""

from functools import lru_cache
from math import cos, pi, sin
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from ..recipes import AVIF, JPEG, Encoder, Format, WebP
from .encoding import encode

_TOP: Final = "#4a505c"
_BOTTOM: Final = "#2f343d"
_REEL: Final = "#6b7280"

_REEL_SHARE: Final = 0.36
"""The reel's diameter as a share of the image's shorter side."""
_OVERSAMPLING: Final = 4

_ENCODERS: Final[dict[Format, Encoder]] = {"jpg": JPEG(), "webp": WebP(), "avif": AVIF()}


@lru_cache(maxsize=64)
def placeholder(width: int, height: int, extension: Format, *, has_reel: bool = True) -> bytes:
    """Return the placeholder as a file of ``width`` x ``height`` pixels in a recipe's format.

    Cached by size in the process: most posters are 2:3, so there are few sizes.
    """
    shade = Image.linear_gradient("L").resize((width, height))
    picture = ImageOps.colorize(shade, _TOP, _BOTTOM)
    if has_reel:
        reel = _reel(max(1, round(min(width, height) * _REEL_SHARE)))
        picture.paste(_REEL, ((width - reel.width) // 2, (height - reel.height) // 2), reel)
    return encode(picture, _ENCODERS[extension])


def _reel(diameter: int) -> Image.Image:
    """The mask of a film reel, a disc with five holes and a hub, drawn enlarged and scaled down."""
    size = diameter * _OVERSAMPLING
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    centre = size / 2
    draw.circle((centre, centre), centre, fill=255)
    for window in range(5):
        angle = 2 * pi * window / 5 - pi / 2
        at = centre + 0.58 * centre * cos(angle), centre + 0.58 * centre * sin(angle)
        draw.circle(at, 0.25 * centre, fill=0)
    draw.circle((centre, centre), 0.1 * centre, fill=0)
    return mask.resize((diameter, diameter), Image.Resampling.LANCZOS)
