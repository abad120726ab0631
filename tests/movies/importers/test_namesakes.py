"""People whose names are nearly those of new people."""

import pytest

from moziweb.movies.importers.candidate import PersonFact
from moziweb.movies.importers.namesakes import Namesakes, is_other
from moziweb.movies.text_folding import fold


def are_alike(new: str, known: str, new_id: int | None = None, known_id: int | None = None) -> bool:
    alike = Namesakes([PersonFact(new, "", new_id)])
    alike.compare(known, fold(known), known_id)
    return bool(alike.found)


@pytest.mark.parametrize(
    ("new", "known"),
    [
        ("Lloyd Owens", "Lloyd Owen"), ("Loyd Owen", "Lloyd Owen"), ("lloyd owne", "Lloyd Owen"),
        ("Lloyd Oven", "Lloyd Owen"), ("Owens Lloyd", "Lloyd Owen"), ("Bela Tarr", "Tarr Béla"),
        ("Madona", "Madonna"), ("Samuel Jackson", "Samuel L. Jackson"),
        ("Nagy-Kálózy Eszter", "Nagy Kálózi Eszter"),
    ],
)  # fmt: skip
def test_names_of_one_slip_are_alike(new: str, known: str) -> None:
    assert are_alike(new, known)
    assert are_alike(known, new)
    assert are_alike(new, known, 1, None)
    assert are_alike(new, known, 1, 1)


@pytest.mark.parametrize(
    ("new", "known"),
    [
        ("Lloyd Owen", "Lloyd Bowens"), ("Lloyd Owen", "Clive Owen"), ("Kis Éva", "Kis Ida"),
        ("J. Smith", "K. Smith"), ("Chris Evans", "Chris Pine"), ("Madonna", "Rihanna"),
        ("Ann Lee", "Ann Leo"), ("", "Li"), ("Lloyd Owen", "Lloyd"),
        ("Nagy Kis Éva", "Kis Éva"), ("", "Cher"), ("Cher", ""),
    ],
)  # fmt: skip
def test_other_names_are_not(new: str, known: str) -> None:
    assert not are_alike(new, known)
    assert not are_alike(known, new)


def test_other_ids_are_other_people_unless_the_name_is_the_same() -> None:
    assert are_alike("Ann Lee", "Ann Lee", 8, 7)
    assert not are_alike("Anne Lee", "Ann Lee", 8, 7)
    assert is_other(8, 7)
    assert not is_other(None, 7)


def test_ids_of_the_same_name_are_unknown_if_one_is() -> None:
    fact = PersonFact("ann lee", "", 8)
    alike = Namesakes([fact])
    for number in (7, None, 9):
        alike.compare("Ann Lee", "ann lee", number)
    assert alike.found == {fact: {"Ann Lee": None}}
