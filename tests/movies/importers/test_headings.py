"""Headings of lists, and the columns that are proposed for them."""

import pytest

from moziweb.movies.importers.file_readers import list_sample, read_table
from moziweb.movies.importers.headings import LIST_COLUMNS, HeadingMap, proposed_columns
from moziweb.movies.importers.problems import ImportRefused

from .test_row_accounting import LISTS


def test_hungarian_headings_have_a_column_proposed() -> None:
    sample = list_sample((LISTS / "vertigo-cp1250.csv").read_bytes())
    headings = [heading for heading, _column in sample.headings]
    assert dict(zip(headings, proposed_columns(sample.headings), strict=True)) == {
        "Forgalmazó": "distributor",
        "Magyar cím": "title",
        "Eredeti cím": "original_title",
        "Bemutató": "release_date",
        "Korhatár": "rating",
        "Hossz (perc)": "runtime",
        "Műfaj": "genres",
        "Formátum": "formats",
        "Nyelv": "languages",
        "Megjegyzés": "",
    }


def test_column_is_proposed_once() -> None:
    headings = [("title", "title"), ("Cím", None), ("Bemutató", None), ("Premier", None)]
    assert proposed_columns(headings) == ["title", "", "release_date", ""]


def test_column_that_is_nowhere_is_not_read_under_its_own_name() -> None:
    """A list's "rating" may be the one of critics."""
    data = b"title;rating\nDune;8.7\n"
    assert read_table(data, {"rating": ""}).rows[0].cells == {"title": "Dune"}
    assert read_table(data, {"rating": ""}).ignored == ("rating",)


def test_unknown_column_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no such column: length; there are external_id"):
        HeadingMap({"length": "runtime"})


def test_names_of_columns_are_their_headings() -> None:
    columns = HeadingMap()
    assert [columns.column_of(name.upper()) for name in LIST_COLUMNS] == list(LIST_COLUMNS)
    assert columns.column_of("x" * 301) is None
