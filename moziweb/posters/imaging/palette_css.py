"""Tones: the colours that stand behind posters while they load, as classes of our stylesheet.

The content security policy forbids inline styles, so that a colour has to be a class. 216 of them,
six levels a channel, are near enough to any picture's colour and 1 KiB compressed. The levels
stop short of black and white: a tone has to show as a poster's place on the page, whether that
is light or dark. ``python -m moziweb.posters.imaging.palette_css`` prints the stylesheet.
"""

import re
import sys
from itertools import product
from typing import Final

LEVELS: Final = (24, 66, 108, 150, 192, 234)
"""What the digits 0 to 5 stand for, of 255."""

TONE_NONE: Final = "tone-none"
"""The class for a picture whose colour is not known: a shade of the page's own."""

_HEX_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")

_HEADER: Final = """\
/* Made by moziweb.posters.imaging.palette_css; see there before changing it. */
.tone-none { background-color: rgb(128 128 128 / 0.18); }
"""


def tone_class(colour: str | None) -> str:
    """The class of the tone nearest to ``#rrggbb``; `TONE_NONE` when there is no such colour.

    >>> tone_class("#a1b2c3"), tone_class("#000000"), tone_class(None)
    ('tone-344', 'tone-000', 'tone-none')
    """
    found = _HEX_COLOUR.fullmatch(colour or "")
    if found is None:
        return TONE_NONE
    return "tone-" + "".join(_nearest(int(channel, 16)) for channel in found.groups())


def _nearest(value: int) -> str:
    return str(min(range(len(LEVELS)), key=lambda digit: abs(LEVELS[digit] - value)))


def stylesheet() -> str:
    """The rules of all tones, one a line: the content of ``static/tones.css``."""
    return _HEADER + "".join(map(_rule, product(range(len(LEVELS)), repeat=3)))


def _rule(digits: tuple[int, ...]) -> str:
    name = "".join(map(str, digits))
    colour = "".join(f"{LEVELS[digit]:02x}" for digit in digits)
    return f".tone-{name} {{ background-color: #{colour}; }}\n"


if __name__ == "__main__":
    sys.stdout.write(stylesheet())
