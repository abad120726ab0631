"""The small print: the cast at the top; tag line, director and credits at the bottom."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from moziweb.demo.spec import PosterSpec
from moziweb.demo.styles.artwork import BillingPlan
from moziweb.demo.styles.canvas import CANVAS_WIDTH
from moziweb.demo.styles.palette import Colour
from moziweb.demo.styles.typography import Face, line_mask, spelled, width

MARGIN: Final = 130
NOTICE: Final = "MOZIWEB MINTAPLAKÁT"
"""Marks every poster as a sample."""

_FOOT: Final = 2896
_PITCH: Final = 56
_GAP: Final = "     "
_ROOM: Final = CANVAS_WIDTH - 2 * MARGIN


@dataclass(frozen=True)
class Words:
    """A line of small print; `size` is the maximum in pixels, `tracking` is in ems."""

    text: str
    colour: Colour
    size: int
    tracking: float
    face: Face | None = None


def print_billing(image: Image.Image, plan: BillingPlan, spec: PosterSpec) -> None:
    """Print the cast, the tag line, the director and the credits, in place."""
    if plan.names is not None:
        _names(image, plan, spec, plan.names)
    _foot(image, plan, spec)


def director_line(directors: tuple[str, ...]) -> str:
    """The directors' line in Hungarian, "Tarr Béla filmje"; empty without directors."""
    if not directors:
        return ""
    if len(directors) > 3:
        return f"{len(directors)} rendező filmje"
    *others, last = directors
    return f"{', '.join(others)} és {last} filmje" if others else f"{last} filmje"


def _names(image: Image.Image, plan: BillingPlan, spec: PosterSpec, baseline: int) -> None:
    """Print the first three of the cast: in one line, as many as fit, or stacked."""
    if plan.stacked:
        for index, name in enumerate(spec.cast[:3]):
            _print(image, plan, Words(name, plan.top, 54, 0.02), baseline + index * 74)
        return
    names = [name.upper() for name in spec.cast[:3]]
    while names and 50 * width(plan.face, _GAP.join(names), 0.12) > _ROOM:
        names = names[:-1]
    _print(image, plan, Words(_GAP.join(names), plan.top, 50, 0.12), baseline)


def _foot(image: Image.Image, plan: BillingPlan, spec: PosterSpec) -> None:
    """Print notice, credits, director and tag line, from the bottom up."""
    foot = f"{NOTICE}   ·   {spec.year}   ·   HAMAROSAN A MOZIKBAN"
    _print(image, plan, Words(foot, plan.bottom, 40, 0.16, plan.credit), _FOOT)
    lines = _wrapped(plan.credit, _credit_words(spec), _ROOM / 58)
    top = _FOOT - 84 - _PITCH * (len(lines) - 1)
    for index, text in enumerate(lines):
        words = Words(text, plan.bottom, 58, 0.015, plan.credit)
        _print(image, plan, words, top + index * _PITCH)
    director = director_line(spec.directors).upper()
    _print(image, plan, Words(director, plan.bottom, 50, 0.14), top - 80)
    _print(image, plan, Words(spec.tagline, plan.bottom, 62, 0.02), top - 172)


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


def _print(image: Image.Image, plan: BillingPlan, words: Words, baseline: int) -> None:
    """Print one line, reduced to fit the width."""
    if not words.text.strip():
        return
    face = words.face or plan.face
    text = spelled(face, words.text)
    size = min(words.size, int(_ROOM / width(face, text, words.tracking)))
    mask = line_mask(face, size, text, words.tracking)
    left = (CANVAS_WIDTH - mask.width) // 2 if plan.align == "centre" else MARGIN
    image.paste(words.colour, (left, baseline - round(size * 1.1)), mask)
