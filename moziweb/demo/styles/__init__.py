"""The styles of the demo's posters, one module each."""

from typing import Final

from moziweb.demo.styles import (
    blobs,
    bloom,
    botanical,
    burst,
    cosmos,
    cutpaper,
    diagonal,
    doorway,
    exposure,
    frontier,
    halftone,
    horizon,
    noir,
    opart,
    skyline,
    typographic,
    waves,
    woods,
)
from moziweb.demo.styles.artwork import Style

STYLES: Final[tuple[Style, ...]] = (
    bloom.STYLE,
    blobs.STYLE,
    botanical.STYLE,
    burst.STYLE,
    cosmos.STYLE,
    cutpaper.STYLE,
    diagonal.STYLE,
    doorway.STYLE,
    exposure.STYLE,
    frontier.STYLE,
    halftone.STYLE,
    horizon.STYLE,
    noir.STYLE,
    opart.STYLE,
    skyline.STYLE,
    typographic.STYLE,
    waves.STYLE,
    woods.STYLE,
)
