"""The small print: who is in it above, a line to remember it by, who made it below."""

from typing import Final

from PIL import Image

from moziweb.demo.spec import PosterSpec
from moziweb.demo.styles.artwork import Small
from moziweb.demo.styles.canvas import WIDTH
from moziweb.demo.styles.palette import Colour
from moziweb.demo.styles.typography import Face, line, spelled, width

MARGIN: Final = 130
NOTICE: Final = "MOZIWEB MINTAPLAKÁT"
"""Says on every poster that it is a sample and not the film's own."""

_FOOT: Final = 2896
_PITCH: Final = 56


def print_billing(image: Image.Image, small: Small, spec: PosterSpec) -> None:
    """Print the cast, the tag line, the director and the credits, in place."""
    if small.names is not None:
        _names(image, small, spec, small.names)
    if small.tagline is not None and spec.tagline:
        _tagline(image, small, spec.tagline, small.tagline)
    _credits(image, small, spec)


def director_line(directors: tuple[str, ...]) -> str:
    """Whose film it is, in Hungarian: "Tarr Béla filmje"; empty when nobody is named."""
    if not directors:
        return ""
    if len(directors) > 3:
        return f"{len(directors)} rendező filmje"
    *others, last = directors
    return f"{', '.join(others)} és {last} filmje" if others else f"{last} filmje"


def _names(image: Image.Image, small: Small, spec: PosterSpec, baseline: int) -> None:
    if small.align == "centre":
        names = _fitting(small.face, [name.upper() for name in spec.cast[:3]])
        _print(image, small.face, 50, "     ".join(names), small.top, "centre", baseline, 0.12)
        return
    for index, name in enumerate(spec.cast[:3]):
        _print(image, small.face, 54, name, small.top, small.align, baseline + index * 74, 0.02)


def _fitting(face: Face, names: list[str]) -> list[str]:
    """As many of the names as stand side by side."""
    while names and 50 * width(face, "     ".join(names), 0.12) > WIDTH - 2 * MARGIN:
        names = names[:-1]
    return names


def _tagline(image: Image.Image, small: Small, tagline: str, baseline: int) -> None:
    size = 64
    tracking = 0.03
    room = WIDTH - 2 * MARGIN
    size = min(size, int(room / width(small.face, tagline, tracking)))
    _print(image, small.face, size, tagline, small.bottom, small.align, baseline, tracking)


def _credits(image: Image.Image, small: Small, spec: PosterSpec) -> None:
    """From the foot up: notice, credits, director."""
    colour, align = small.bottom, small.align
    foot = f"{NOTICE}   ·   {spec.year}   ·   HAMAROSAN A MOZIKBAN"
    _print(image, small.credit, 40, foot, colour, align, _FOOT, 0.16)
    lines = _wrapped(small.credit, _credit_words(spec), (WIDTH - 2 * MARGIN) / 58)
    baseline = _FOOT - 84 - _PITCH * (len(lines) - 1)
    top = baseline
    for text in lines:
        _print(image, small.credit, 58, text, colour, align, baseline, 0.015)
        baseline += _PITCH
    director = director_line(spec.directors).upper()
    size = min(54, int((WIDTH - 2 * MARGIN) / max(1.0, width(small.face, director, 0.14))))
    _print(image, small.face, size, director, colour, align, top - 86, 0.14)


def _credit_words(spec: PosterSpec) -> list[str]:
    words = []
    if spec.directors:
        words.append(f"rendezte  {'  '.join(spec.directors[:3]).upper()}")
    if spec.cast:
        first, *others = (name.upper() for name in spec.cast[:10])
        words += [f"szereplők  {first}", *others]
    return words


def _wrapped(face: Face, words: list[str], room: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}  {word}" if lines else word
        if lines and width(face, longer, 0.015) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[:3]


def _print(
    image: Image.Image,
    face: Face,
    size: int,
    text: str,
    colour: Colour,
    align: str,
    baseline: int,
    tracking: float,
) -> None:
    if not text.strip():
        return
    mask = line(face, size, spelled(face, text), tracking)
    left = (WIDTH - mask.width) // 2
    if align != "centre":
        left = MARGIN if align == "left" else WIDTH - MARGIN - mask.width
    image.paste(colour, (left, baseline - round(size * 1.1)), mask)
