"""Warnings about a picture, which do not prevent saving it."""

from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.posters.models import MIN_POSTER_WIDTH

POSTER_SHAPE: Final = 2 / 3
"""Width divided by height."""

SHAPE_TOLERANCE: Final = 0.12
"""Share by which a shape may differ: posters of 27 x 40 inches, A sizes and 70 x 100 cm fit."""


def picture_warnings(width: int | None, height: int | None) -> tuple[TranslationString, ...]:
    """Returns what is odd about a picture as a poster; sizes are in pixels, None if unknown."""
    if not (width and height):
        return ()
    found = []
    if width < MIN_POSTER_WIDTH:
        sizes = {"width": width, "least": MIN_POSTER_WIDTH}
        found.append(
            _(
                "The picture is ${width} pixels wide. Below ${least} it looks blurred on large "
                "screens.",
                mapping=sizes,
            )
        )
    if abs(width / height / POSTER_SHAPE - 1) > SHAPE_TOLERANCE:
        found.append(
            _(
                "The picture has another shape than a poster (2:3), ${width}×${height}.",
                mapping={"width": width, "height": height},
            )
        )
    return tuple(found)
