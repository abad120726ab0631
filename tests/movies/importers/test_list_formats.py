"""Lists are read as the lists of their distributor were read before."""

from datetime import timedelta

import pytest

from moziweb.db import Database
from moziweb.movies.importers.list_formats import (
    ListReading,
    is_clear,
    remember_reading,
    remembered_reading,
    sample_of,
)

from .conftest import NOW

COLUMNS = {"title": "Magyar cím", "runtime": "Hossz"}
HEAD = "Magyar cím;Hossz;Megjegyzés\nŐszi szél;95;x\n"


@pytest.fixture
def remembered(database: Database) -> ListReading:
    reading = ListReading(
        "Vertigo", date_format="%d/%m/%Y", columns=COLUMNS, usual_encoding="cp1250",
        ignored=frozenset({"Megjegyzés"}),
    )  # fmt: skip
    with database.write() as session:
        remember_reading(session, reading, NOW)
    with database.read() as session:
        return remembered_reading(session, "Vertigo")


def test_reading_is_remembered_by_the_name_of_the_list(
    database: Database, remembered: ListReading
) -> None:
    assert (remembered.columns, remembered.date_format) == (COLUMNS, "%d/%m/%Y")
    assert (remembered.usual_encoding, remembered.ignored) == ("cp1250", frozenset({"Megjegyzés"}))
    with database.write() as session:
        remember_reading(
            session, ListReading("Vertigo", columns={"title": "Cím"}), NOW + timedelta(1)
        )
        remember_reading(session, ListReading("", columns={"title": "X"}), NOW)
    with database.read() as session:
        assert remembered_reading(session, "Vertigo").columns == {"title": "Cím"}
        assert remembered_reading(session, "") == ListReading()
        assert remembered_reading(session, "Más") == ListReading("Más")


def test_list_like_the_earlier_ones_is_clear(remembered: ListReading) -> None:
    data = HEAD.encode("cp1250")
    assert not is_clear(sample_of(data, ListReading()), ListReading())
    assert is_clear(sample_of(data, remembered), remembered)
    other = HEAD.replace("Megjegyzés", "Rendező").encode("cp1250")
    assert not is_clear(sample_of(other, remembered), remembered)


def test_usual_encoding_decides_between_guesses_only(remembered: ListReading) -> None:
    assert sample_of(HEAD.encode(), remembered).encoding == "utf-8"
    latin = "Magyar cím;Hossz;Megjegyzés\nŽižkov, Šárka;95;x\n".encode("iso-8859-2")
    assert sample_of(latin, ListReading(columns=COLUMNS)).encoding == "iso-8859-2"
    assert sample_of(latin, remembered).encoding == "cp1250"
    given = ListReading(columns=COLUMNS, encoding="iso-8859-2", usual_encoding="cp1250")
    assert sample_of(latin, given).encoding == "iso-8859-2"


def test_known_headings_are_clear() -> None:
    assert is_clear(sample_of(b"title;runtime\na;1\n", ListReading()), ListReading())
    for data in (b"title;Perc\na;1\n", b"Film\na\n", b"title;Title\na;b\n"):
        assert not is_clear(sample_of(data, ListReading()), ListReading())
