"""Every colour has a tone, and every tone has a rule in the stylesheet."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import moziweb
from moziweb.posters.imaging.palette_css import TONE_NONE, tone_class
from tests.services.process import run

PACKAGE = Path(moziweb.__file__).parent
STYLESHEET = (PACKAGE / "static" / "tones.css").read_text()

rules = dict(re.findall(r"^\.(tone-\w+) { background-color: (.+); }$", STYLESHEET, re.MULTILINE))


def test_stylesheet_is_the_output_of_the_script() -> None:
    script = PACKAGE.parent / "scripts" / "tones-css"
    assert run([sys.executable, script], check=True).stdout == STYLESHEET


def test_rules_are_216_tones_and_one_for_unknown_colours() -> None:
    assert len(rules) == 217
    assert len(set(rules.values())) == 217


@pytest.mark.parametrize(
    ("colour", "tone"),
    [
        ("#000000", "tone-000"),
        ("#ffffff", "tone-555"),
        ("#A1B2C3", "tone-344"),
        ("#2c2d2e", "tone-001"),
    ],
)
def test_nearest_tone(colour: str, tone: str) -> None:
    assert tone_class(colour) == tone


@pytest.mark.parametrize("colour", [None, "", "red", "#fff", "#12345g", "#1234567", "#112233\n"])
def test_malformed_colour_has_no_tone(colour: str | None) -> None:
    assert tone_class(colour) == TONE_NONE
    assert TONE_NONE in rules


@given(st.binary(min_size=3, max_size=3))
def test_tone_is_near_its_colour(channels: bytes) -> None:
    shown = bytes.fromhex(rules[tone_class(f"#{channels.hex()}")].removeprefix("#"))
    assert max(abs(a - b) for a, b in zip(shown, channels, strict=True)) <= 24


@pytest.mark.parametrize(("tone", "page"), [("tone-000", 0), ("tone-555", 255)])
def test_tones_differ_from_black_and_white(tone: str, page: int) -> None:
    shown = bytes.fromhex(rules[tone].removeprefix("#"))
    assert min(abs(channel - page) for channel in shown) >= 16
