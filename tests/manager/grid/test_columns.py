"""Cells of a week's grid: texts of values, and values of texts."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from moziweb.manager.grid.columns import GRID_COLUMNS, OF_MOVIE, OF_PREMIERE, CellReader
from moziweb.manager.movies.values import MovieValues, PremiereLine
from moziweb.movies.importers.problems import InvalidValue, english, text_of
from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating
from moziweb.posters.importer_port import ImportedPosters
from moziweb.site.formatting import Formatter

TODAY = date(2026, 8, 20)
HUNGARIAN = {
    "Cinema": "Mozi", "Festival": "Fesztivál", "Limited release": "Korlátozott bemutató",
    "Streaming": "Streaming", "dubbed": "szinkronizált", "subtitled": "feliratos",
    "dubbed and subtitled": "szinkronizált és feliratos", "original language": "eredeti nyelvű",
}  # fmt: skip


def reader(locale: str = "hu") -> CellReader:
    translate: Callable[[Any], str] = HUNGARIAN.__getitem__ if locale == "hu" else str
    return CellReader(Formatter(locale, translate), TODAY, ImportedPosters().is_allowed_url)


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("title", "A másik cím", "A másik cím"),
        ("date", "2026-12-03", date(2026, 12, 3)),
        ("date", "2026.12.03.", date(2026, 12, 3)),
        ("date", "2026. 12. 3.", date(2026, 12, 3)),
        ("date", "2026. december 3.", date(2026, 12, 3)),
        ("kind", "Mozi", PremiereKind.CINEMA),
        ("kind", "mozi", PremiereKind.CINEMA),
        ("kind", "streaming", PremiereKind.STREAMING),
        ("kind", "Korlátozott bemutató", PremiereKind.LIMITED),
        ("rating", "12", Rating.AGE_12),
        ("rating", "NR", None),
        ("runtime", "118", 118),
        ("formats", "2D, IMAX", ("2D", "IMAX")),
        ("formats", "2D IMAX 2D", ("2D", "IMAX")),
        ("audio", "Feliratos", Audio.SUBTITLED),
        ("audio", "original", Audio.ORIGINAL),
        ("distributor", "Fórum", "Fórum"),
        ("service", "Netflix", "Netflix"),
        ("poster", "https://example.com/p.jpg", "https://example.com/p.jpg"),
    ],
)
def test_texts_are_read(column: str, text: str, value: object) -> None:
    assert reader().value(column, text) == value


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("title", "x" * 301, "longer than 300 characters"),
        ("date", "2026-12", "the day is missing: 2026-12"),
        ("date", "2026-02-30", "no such day: '2026-02-30'"),
        ("date", "holnap", "not a date such as"),
        ("kind", "vetítés", "one of these: Mozi, Korlátozott bemutató"),
        ("rating", "13", "not one of KN, 6, 12, 16, 18, X, NR"),
        ("runtime", "két óra", "not a whole number"),
        ("formats", "x" * 21, "longer than 20 characters"),
        ("audio", "néma", "one of these: szinkronizált"),
        ("distributor", "x" * 121, "longer than 120 characters"),
        ("service", "x" * 61, "longer than 60 characters"),
        ("poster", "file:///etc/passwd", "not a URL that an image may be fetched from"),
        ("poster", "https://example.com:22/p.jpg", "not a URL that an image may be fetched from"),
        ("poster", "https://[example.com/p.jpg", "not a URL that an image may be fetched from"),
    ],
)
def test_wrong_texts_are_refused_with_the_reason(column: str, text: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        reader().value(column, text)
    assert reason in english(text_of(refused.value))


@pytest.mark.parametrize("locale", ["hu", "en"])
def test_texts_of_a_movie_are_read_as_its_values(locale: str) -> None:
    line = PremiereLine(
        date(2026, 8, 27), PremiereKind.STREAMING, service="Netflix", formats=("2D", "IMAX"),
        audio=Audio.BOTH,
    )  # fmt: skip
    values = MovieValues(
        title="Dűne", original_title="Dune", distributor="Fórum", rating=Rating.AGE_12, runtime=155
    )
    texts = reader(locale).texts(values, line)
    read = {name: reader(locale).value(name, text) for name, text in texts.items()}
    assert read == {name: getattr(values, name) for name in OF_MOVIE} | {
        name: getattr(line, name) for name in OF_PREMIERE
    }
    assert texts.keys() <= GRID_COLUMNS.keys()


def test_original_title_that_is_the_title_is_not_shown() -> None:
    texts = reader().texts(MovieValues(title="Dűne", original_title="Dűne"), None)
    assert texts == dict.fromkeys((*OF_MOVIE, *OF_PREMIERE), "") | {"title": "Dűne"}


def test_texts_are_as_a_form_sends_them() -> None:
    """So that a cell that was not touched is not changed."""
    line = PremiereLine(date(2026, 8, 1), precision=DatePrecision.MONTH)
    texts = reader().texts(MovieValues(title="A  cím\t", original_title="B"), line)
    assert (texts["title"], texts["date"]) == ("A cím", "2026-08")
