"""Dates, names and kinds in two languages, without a request."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating
from moziweb.site.formatting import Formatter, iso_runtime, truncate

HUNGARIAN, ENGLISH = Formatter("hu", str), Formatter("en", str)
DAY = date(2026, 8, 20)


@pytest.mark.parametrize(
    ("precision", "hungarian", "english", "iso"),
    [
        ("day", "2026. augusztus 20.", "20 August 2026", "2026-08-20"),
        ("month", "2026. augusztus", "August 2026", "2026-08"),
        ("year", "2026", "2026", "2026"),
    ],
)
def test_date_is_shown_in_its_precision(
    precision: str, hungarian: str, english: str, iso: str
) -> None:
    known = DatePrecision(precision)
    assert HUNGARIAN.date_text(DAY, known) == hungarian
    assert ENGLISH.date_text(DAY, known) == english
    assert known.iso_text(DAY) == iso


@given(st.dates(date(1895, 1, 1), date(2200, 12, 31)), st.sampled_from(DatePrecision))
def test_every_date_has_its_year(day: date, precision: DatePrecision) -> None:
    for wording in (HUNGARIAN, ENGLISH):
        assert str(day.year) in wording.date_text(day, precision)


@pytest.mark.parametrize(
    ("start", "end", "hungarian", "english"),
    [
        (date(2026, 8, 20), date(2026, 8, 26), "2026. aug. 20–26.", "20–26 Aug 2026"),
        (
            date(2026, 12, 31),
            date(2027, 1, 6),
            "2026. dec. 31. – 2027. jan. 6.",
            "31 Dec 2026 – 6 Jan 2027",
        ),
    ],
)
def test_date_range_has_years(start: date, end: date, hungarian: str, english: str) -> None:
    def plain(text: str) -> str:
        return text.replace("\u2009", " ").replace("\u202f", " ")

    assert plain(HUNGARIAN.date_range(start, end)) == hungarian
    assert plain(ENGLISH.date_range(start, end)) == english


def test_names_are_in_the_language_of_the_page() -> None:
    assert (HUNGARIAN.weekday_text(DAY), ENGLISH.weekday_text(DAY)) == ("csütörtök", "Thursday")
    assert (HUNGARIAN.country_name("DE"), ENGLISH.country_name("DE")) == ("Németország", "Germany")
    assert (HUNGARIAN.language_name("fi"), ENGLISH.language_name("fi")) == ("finn", "Finnish")
    assert (HUNGARIAN.choose("a", "b"), ENGLISH.choose("a", "b")) == ("a", "b")


def test_unknown_code_is_shown_as_is() -> None:
    assert HUNGARIAN.country_name("XX") == "XX"
    assert HUNGARIAN.language_name("qqq") == "qqq"


def test_every_enum_value_has_a_text() -> None:
    for kind in PremiereKind:
        assert ENGLISH.kind_text(kind)
    for audio in Audio:
        assert ENGLISH.audio_text(audio)
    for rating in (*Rating, None):
        assert ENGLISH.rating_text(rating)
    assert ENGLISH.audio_text(None) == ""


@pytest.mark.parametrize(
    ("minutes", "iso"),
    [(110, "PT1H50M"), (45, "PT45M"), (120, "PT2H"), (None, ""), (0, "")],
)
def test_iso_runtime(minutes: int | None, iso: str) -> None:
    assert iso_runtime(minutes) == iso


def test_unknown_runtime_is_empty() -> None:
    assert ENGLISH.runtime_text(None) == ""


@given(st.text(max_size=300), st.integers(2, 100))
def test_shortened_text_is_on_one_line(text: str, length: int) -> None:
    short = truncate(text, length)
    assert len(short) <= length + 1
    assert "\n" not in short
    assert short == " ".join(text.split()) or short.endswith("…")


def test_text_is_cut_between_words() -> None:
    assert truncate("egy hosszú történet", 12) == "egy hosszú…"
    assert truncate("  egy\n\nkét ", 12) == "egy két"
    assert truncate("x" * 20, 10) == "x" * 9 + "…"
