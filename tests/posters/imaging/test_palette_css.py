"""Every colour has a tone, every tone a rule."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import moziweb
from moziweb.posters.imaging.palette_css import TONE_NONE, stylesheet, tone_class

STYLESHEET = Path(moziweb.__file__).parent / "static" / "tones.css"

rules = dict(re.findall(r"^\.(tone-\w+) { background-color: (.+); }$", stylesheet(), re.MULTILINE))


def test_the_stylesheet_is_the_one_generated() -> None:
    assert STYLESHEET.read_text() == stylesheet()


def test_there_are_216_tones_and_none() -> None:
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
def test_the_nearest_tone(colour: str, tone: str) -> None:
    assert tone_class(colour) == tone


@pytest.mark.parametrize("colour", [None, "", "red", "#fff", "#12345g", "#1234567", "#112233\n"])
def test_no_colour_no_tone(colour: str | None) -> None:
    assert tone_class(colour) == TONE_NONE
    assert TONE_NONE in rules


@given(st.binary(min_size=3, max_size=3))
def test_a_tone_is_near_its_colour(channels: bytes) -> None:
    shown = bytes.fromhex(rules[tone_class(f"#{channels.hex()}")].removeprefix("#"))
    assert max(abs(a - b) for a, b in zip(shown, channels, strict=True)) <= 24


@pytest.mark.parametrize(("tone", "page"), [("tone-000", 0), ("tone-555", 255)])
def test_no_tone_is_the_page_itself(tone: str, page: int) -> None:
    shown = bytes.fromhex(rules[tone].removeprefix("#"))
    assert min(abs(channel - page) for channel in shown) >= 16
