"""The results of a search, and their stored form."""

import pytest
from sqlalchemy.orm import Session

from moziweb.cache import EntryCorruptError
from moziweb.movies.models import CreditRole
from moziweb.movies.search_queries import NameKind, NameMatch, SearchCursor, SearchTerms
from moziweb.movies.search_results import PAGE_SIZE, SearchResults, find_results
from tests.factories import add_people, make_movie, set_distributor


def test_stored_form_keeps_everything() -> None:
    names = (NameMatch(NameKind.SERVICE, 3, "Netflix „Ő”", "netflix"),)
    results = SearchResults((SearchCursor(2, 7),), 31, (5, 4), True, names)
    assert SearchResults.decode(results.encode()) == results


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff", b"[]", b"{}", b"7", b"[" * 100_000,
        b'[["2-7", 1], 1, [], 0, []]', b'[["4-7"], 1, [], 0, []]', b'[[], 1e999, [], 0, []]',
        b'[[], 1, ["0"], 0, []]', b'[[], 1, [7], 0, []]',
        b'[[], 1, [], 0, [["x", "1", "", ""]]]', b'[[], 1, [], 0, [["person", "1"]]]',
    ],
)  # fmt: skip
def test_other_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(EntryCorruptError):
        SearchResults.decode(payload)


def test_total_is_that_of_all_pages(dbsession: Session) -> None:
    for number in range(PAGE_SIZE + 5):
        make_movie(dbsession, f"Dűne {number}", published=number > 0)
    dbsession.commit()
    results = find_results(dbsession, SearchTerms.of("dune"))
    assert (len(results.movies), results.total) == (PAGE_SIZE + 1, PAGE_SIZE + 4)


def test_people_come_first_if_no_title_has_the_words(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Hajnal")
    add_people(dbsession, movie, CreditRole.CAST, "Dűne Péter")
    set_distributor(dbsession, movie, "Hajnal Film")
    dbsession.commit()
    by_name = find_results(dbsession, SearchTerms.of("dune peter"))
    assert by_name.names_first
    assert by_name.best_movies == [movie.id]
    by_title = find_results(dbsession, SearchTerms.of("hajnal"))
    assert [each.kind for each in by_title.names] == [NameKind.DISTRIBUTOR]
    assert not by_title.names_first


def test_name_without_movies_is_a_match(dbsession: Session) -> None:
    movie = make_movie(dbsession, "Hajnal")
    set_distributor(dbsession, movie, "Vertigo Média")
    dbsession.commit()
    results = find_results(dbsession, SearchTerms.of("vertigo"))
    assert results.is_match
    assert not results.movies
    assert results.names_first
