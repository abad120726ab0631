"""New genres, companies and people like existing ones are named before they are made."""

from types import MappingProxyType
from typing import Any

import pytest

from moziweb.db import Database
from moziweb.movies.importers.candidate import TMDB, Candidate, PersonFact
from moziweb.movies.importers.service import Importer
from moziweb.movies.models import Distributor, Genre, Person, StreamingService

from .conftest import from_csv


@pytest.fixture
def known(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            [
                Genre(slug="drama", name="Dráma", name_en="Drama"),
                Distributor(name="Vertigo Média"),
                StreamingService(slug="netflix", name="Netflix"),
                Person(name="Lloyd Owen"),
                Person(name="Tarr Béla"),
                Person(name="Ann Lee", tmdb_id=7),
            ]
        )


def flags(importer: Importer, cells: str) -> list[str]:
    text = f"title;release_date;release_type;distributor;genres\nFilm;2026-12-10;{cells}\n"
    (plan,) = importer.preview(from_csv(text))
    return [flag.english for flag in plan.flags]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (";Vertigo Média;Dráma|Drama", []),
        (";Budapest Film;", ["a new distributor: Budapest Film"]),
        (";vertigo media;", ["a new distributor: vertigo media; there is Vertigo Média"]),
        (";Vertigo Média Kft.;", ["a new distributor: Vertigo Média Kft.; there is Vertigo Média"]),
        (";;Űropera|Drámák", ["a new genre: Űropera", "a new genre: Drámák; there is Dráma"]),
        ("streaming;NETFLIX;", []),
        ("streaming;Netflx;", ["a new streaming service: Netflx; there is Netflix"]),
        ("streaming;Max;", ["a new streaming service: Max"]),
    ],
)
def test_new_names_are_flagged(importer: Importer, cells: str, expected: list[str]) -> None:
    assert flags(importer, cells) == expected


def credited(*people: PersonFact) -> Candidate:
    values: dict[str, Any] = {"title": "Film", "cast": people}
    return Candidate(TMDB, TMDB, "1", "tmdb 1", "Film", MappingProxyType(values))


@pytest.mark.usefixtures("known")
def test_people_like_existing_ones_are_flagged(importer: Importer) -> None:
    people = (
        PersonFact("lloyd owen", "Elendil", 1), PersonFact("Béla Tarr", "", 2),
        PersonFact("Ann Lee", "", 8), PersonFact("Senki Más", "", 9), PersonFact("LLOYD OWEN"),
        PersonFact("Lloyd Owens"), PersonFact("Anne Lee", "", 10), PersonFact("Anne Lee"),
    )  # fmt: skip
    (plan,) = importer.preview([credited(*people)])
    assert [flag.english for flag in plan.flags] == [
        "a new person: lloyd owen; there is Lloyd Owen",
        "a new person: Béla Tarr; there is Tarr Béla",
        "a new person: Ann Lee; there is Ann Lee, with another TMDB id",
        "a new person: LLOYD OWEN; there is Lloyd Owen",
        "a new person: Lloyd Owens; there is Lloyd Owen",
        "a new person: Anne Lee; there is Ann Lee",
    ]


@pytest.mark.usefixtures("known")
def test_person_of_a_known_tmdb_id_is_not_new(importer: Importer) -> None:
    (plan,) = importer.preview([credited(PersonFact("Tarr Béla", "", 7))])
    assert plan.flags == ()


def test_nothing_is_flagged_that_is_not_written(importer: Importer) -> None:
    text = "title;distributor;imdb_id\nFilm;Új Kft.;bad\n"
    (plan,) = importer.preview(from_csv(text))
    assert plan.flags == ()


def test_flag_is_not_a_problem(importer: Importer) -> None:
    list(importer.run(from_csv("title;distributor\nFilm;Új Kft.\n")))
    (plan,) = importer.preview(from_csv("title;distributor\nFilm;Új Kft.\n"))
    assert (plan.flags, plan.problems) == ((), ())
