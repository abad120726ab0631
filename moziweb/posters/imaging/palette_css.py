"""CSS classes for the colours that pages show while a poster loads.

The content security policy forbids inline styles, so a colour must be a class. 216 classes with six
levels per channel are close enough to every colour and take 1 KiB compressed. The levels exclude
black and white, so that a tone is visible on light and dark pages. ``scripts/tones-css`` writes the
stylesheet, ``static/tones.css``.
"""

import re
from typing import Final

LEVELS: Final = (24, 66, 108, 150, 192, 234)
"""The channel values (0 to 255) of the digits 0 to 5."""

TONE_NONE: Final = "tone-none"
"""The class for an unknown colour: a translucent grey."""

_HEX_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


def tone_class(colour: str | None) -> str:
    """The class of the tone nearest to ``#rrggbb``; `TONE_NONE` for None or another text.

    >>> tone_class("#a1b2c3"), tone_class("#000000"), tone_class(None)
    ('tone-344', 'tone-000', 'tone-none')
    """
    match = _HEX_COLOUR.fullmatch(colour or "")
    if match is None:
        return TONE_NONE
    return "tone-" + "".join(_nearest(int(channel, 16)) for channel in match.groups())


def _nearest(value: int) -> str:
    return str(min(range(len(LEVELS)), key=lambda digit: abs(LEVELS[digit] - value)))
