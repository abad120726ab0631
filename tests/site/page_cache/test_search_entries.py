"""Results of searches in the cache: a write makes stale exactly the results that it changes."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Movie,
    Person,
    Rating,
    StreamingService,
)
from moziweb.movies.search_queries import SearchTerms
from moziweb.movies.search_results import find_results
from moziweb.services import services_of
from moziweb.site.page_cache import search_entries
from tests.factories import add_people, make_movie, make_premiere, set_distributor
from tests.registry import page_cache_of
from tests.site.cached import deployed_with, site, write

QUERIES = (
    "dune", "kozi dune", "avata", "hik", "macskafogo", "fogo", "villeneuve", "denis v", "netflix",
    "duna", "vertigo", "az", "a",
    "zzyzx", "macskafgo", "homx", "vilenev denis x", "x", "nagi macska",
)  # fmt: skip
"""Most find something. Of the others some find similar titles, now or after a change."""

Change = Callable[[Session], Any]


def movie(session: Session, title: str) -> Movie:
    return session.scalars(select(Movie).where(Movie.title == title)).one()


def named(session: Session, model: Any, name: str) -> Any:
    return session.scalars(select(model).where(model.name == name)).one()


def make_homokdune(session: Session) -> None:
    add_people(session, make_movie(session, "Homokdűne"), CreditRole.CAST, "Denis Vanek")


def publish(session: Session) -> None:
    movie(session, "Dűne titokban").published = True


def delete_credit(session: Session) -> None:
    person = named(session, Person, "Denis Villeneuve").id
    for credit in session.scalars(select(Credit).where(Credit.person_id == person)):
        session.delete(credit)


def delete_movie(session: Session) -> None:
    found = movie(session, "Macskafogó")
    session.delete(session.get_one(Movie, found.id, options=[]))


CHANGES: dict[str, Change] = {
    "rename": lambda session: setattr(movie(session, "Dűne"), "title", "Homok"),
    "rename to": lambda session: setattr(movie(session, "Homok"), "title", "A nagy macskafogó"),
    "rename original": lambda session: setattr(
        movie(session, "Csillagközi dűne"), "original_title", "Avatag"
    ),
    "make": make_homokdune,
    "publish": publish,
    "withdraw": lambda session: setattr(movie(session, "Csillagközi dűne"), "published", False),
    "rename hidden": lambda session: setattr(movie(session, "Titok"), "title", "Dűne, avata"),
    "add short title": lambda session: make_movie(session, "Hiko"),
    "add unlike title": lambda session: make_movie(session, "Élet"),
    "add person": lambda session: add_people(
        session, movie(session, "Hick"), CreditRole.DIRECTOR, "Avatar Béla"
    ),
    "rename person": lambda session: setattr(
        named(session, Person, "Denis Villeneuve"), "name", "D. V. Fogó"
    ),
    "uncredit": delete_credit,
    "rename distributor": lambda session: setattr(
        named(session, Distributor, "Vertigo"), "name", "Duna-Vertigo"
    ),
    "set distributor": lambda session: set_distributor(
        session, movie(session, "Hick"), "Dűne Film"
    ),
    "rename service": lambda session: setattr(
        named(session, StreamingService, "Netflix"), "name", "Netflix Duna"
    ),
    "move service": lambda session: setattr(
        named(session, StreamingService, "Netflix"), "slug", "nf"
    ),
    "rate": lambda session: setattr(movie(session, "Dűne"), "rating", Rating.AGE_12),
    "announce": lambda session: make_premiere(session, movie(session, "Dűne")),
    "delete": delete_movie,
}

NEEDLESS = {
    # Another part of a title changes that has one of their words, or that they misspell.
    "rename": {"kozi dune", "duna"},
    "rename original": {"dune", "kozi dune"},
    # A text with one of their words appears.
    "make": {"kozi dune", "vilenev denis x"},
    "publish": {"kozi dune"},
    "set distributor": {"kozi dune"},
    # So does one with a piece of a word that finds nothing.
    "rename to": {"homx"},
    "delete": {"nagi macska"},
}
"""Results that are looked up again and stay the same: docs/cache.md names them."""


@pytest.fixture
def cached(
    settings: dict[str, str], dbsession: Session, request: pytest.FixtureRequest
) -> Iterator[TestApp]:
    dune = make_movie(dbsession, "Dűne", original_title="Dune")
    make_movie(dbsession, "Csillagközi dűne", original_title="Interstellar")
    add_people(dbsession, dune, CreditRole.DIRECTOR, "Denis Villeneuve")
    set_distributor(dbsession, dune, "Duna Film")
    avatar = make_movie(dbsession, "Avatar")
    make_premiere(dbsession, avatar, service="Netflix")
    for title in ("Macskafogó", "Hick", "Mohikánok", "Homok", "Az élet", "A tér"):
        make_movie(dbsession, title)
    set_distributor(dbsession, movie(dbsession, "Macskafogó"), "Vertigo")
    for title in ("Dűne titokban", "Titok"):
        make_movie(dbsession, title, published=False)
    dbsession.commit()
    with site(settings | deployed_with(settings, request)) as app:
        yield app


class Lookups:
    """Asks for suggestions, and records the queries whose results were not in the cache."""

    def __init__(self, app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = app
        self._looked_up: list[str] = []

        def find(session: Session, terms: SearchTerms) -> Any:
            self._looked_up.append(terms.phrase)
            return find_results(session, terms)

        monkeypatch.setattr(search_entries, "find_results", find)
        monkeypatch.setattr(search_entries, "SLOTS", 1 << 40)  # no two queries share one

    def ask(self, *queries: str) -> set[str]:
        self._looked_up.clear()
        for query in queries:
            self.app.get(f"/suggest?q={quote(query)}")
        return set(self._looked_up)

    def truth(self) -> dict[str, bytes]:
        """The results of every query, from the database."""
        with services_of(self.app.app.registry).database.read() as session:
            return {
                query: find_results(session, SearchTerms.of(query)).encode() for query in QUERIES
            }


@pytest.fixture
def lookups(cached: TestApp, monkeypatch: pytest.MonkeyPatch) -> Lookups:
    return Lookups(cached, monkeypatch)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_write_makes_stale_exactly_the_results_that_it_changes(lookups: Lookups, name: str) -> None:
    before = lookups.truth()
    assert lookups.ask(*QUERIES) == set(QUERIES)
    assert lookups.ask(*QUERIES) == set()
    write(lookups.app, CHANGES[name])
    after = lookups.truth()
    changed = {query for query in QUERIES if before[query] != after[query]}
    stale = lookups.ask(*QUERIES)
    assert changed <= stale
    assert stale - changed == NEEDLESS.get(name, set())


def test_sequence_of_writes_leaves_no_result_stale(lookups: Lookups) -> None:
    for name in ("make", "rename", "uncredit", "rename service", "publish", "delete"):
        before = lookups.truth()
        lookups.ask(*QUERIES)
        write(lookups.app, CHANGES[name])
        after = lookups.truth()
        stale = lookups.ask(*QUERIES)
        assert {query for query in QUERIES if before[query] != after[query]} <= stale, name


def test_texts_with_the_same_words_share_their_results(lookups: Lookups) -> None:
    assert lookups.ask("Dűne") == {"dune"}
    assert lookups.ask("dune", "  DUNE! ", "dűne") == set()
    lookups.app.get("/search?q=dune")
    lookups.app.get("/en/search?q=dune")
    assert lookups.ask() == set()


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("zzyzx", "Zzyzx"), ("macskafgo", "Macska fogó"), ("qwxy", "Aqwzwxy"), ("x", "X"),
        ("hajnaal", "Hajnal"), ("avtaar", "Avataar"), ("zold feny", "Zöld fény"),
    ],
)  # fmt: skip
def test_miss_is_stored_until_a_text_appears_that_it_finds(
    lookups: Lookups, query: str, title: str
) -> None:
    assert lookups.ask(query) == {query}
    assert lookups.ask(query, query) == set()
    write(lookups.app, lambda session: make_movie(session, "Élet"))
    assert lookups.ask(query) == set()
    write(lookups.app, lambda session: make_movie(session, title))
    assert lookups.ask(query) == {query}
    found = lookups.app.get(f"/suggest?q={quote(query)}").json["items"]
    assert title in {each["text"] for each in found}


def test_miss_is_stale_when_a_person_appears(lookups: Lookups) -> None:
    assert lookups.ask("torocsik") == {"torocsik"}

    def add(session: Session) -> None:
        add_people(session, movie(session, "Hick"), CreditRole.CAST, "Törőcsik Mari")

    write(lookups.app, add)
    assert lookups.ask("torocsik") == {"torocsik"}


def flood(number: int) -> list[str]:
    """Texts of which most find the titles with "dune", in letters that are ignored."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [f"{letters[number % 26]} {letters[number // 26]} dune" for number in range(number)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_flood_of_texts_takes_bounded_space_and_leaves_common_ones(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_entries, "SLOTS", 16)
    common = {"dune", "vertigo", "zzyzx"}
    assert lookups.ask(*common) == common
    lookups.ask(*flood(60))
    assert lookups.ask(*common) == set()
    region = page_cache_of(lookups.app.app.registry).cache.dogpile["search"]
    assert len(region.actual_backend) == 16


def slots_of(lookups: Lookups, query: str) -> list[str]:
    return search_entries.slot_keys(page_cache_of(lookups.app.app.registry), SearchTerms.of(query))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_queries_that_share_their_first_slot_stay_cached(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_entries, "SLOTS", 16)
    slots = {query: slots_of(lookups, query) for query in flood(200)}
    first = next(query for query in slots if len(slots[query]) == 2)
    second = next(
        query
        for query, (slot, *rest) in slots.items()
        if query != first and slot == slots[first][0] and rest
    )
    assert lookups.ask(first, second) == {first, second}
    assert lookups.ask(first, second, first, second) == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_repeated_query_replaces_the_older_one_of_its_slots(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_entries, "SLOTS", 2)
    alike = [query for query in flood(200) if len(slots_of(lookups, query)) == 2]
    older, newer, query = alike[:3]
    assert lookups.ask(older) == {older}
    assert lookups.ask(newer) == {newer}
    assert lookups.ask(query, query) == {query}
    assert lookups.ask(query, newer) == set()
    assert lookups.ask(older) == {older}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_repeated_query_replaces_another_one(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_entries, "SLOTS", 1)
    assert lookups.ask("dune") == {"dune"}
    assert lookups.ask("vertigo") == {"vertigo"}
    assert lookups.ask("dune") == set()
    assert lookups.ask("vertigo") == {"vertigo"}
    assert lookups.ask("vertigo") == set()
    assert lookups.ask("dune") == {"dune"}


def test_large_write_makes_all_results_stale(lookups: Lookups) -> None:
    lookups.ask(*QUERIES)

    def add(session: Session) -> None:
        for number in range(60):
            make_movie(session, f"Film {number}")

    write(lookups.app, add)
    assert lookups.ask("netflix", "dune") == {"netflix", "dune"}


def test_stored_bytes_of_another_origin_are_replaced(lookups: Lookups) -> None:
    lookups.ask("dune")
    cache = page_cache_of(lookups.app.app.registry).cache
    region = cache.regions["search"]
    key = slots_of(lookups, "dune")[0]
    entry = region.stored([key])[key]
    object.__setattr__(entry, "payload", b"{}")
    assert lookups.app.get("/suggest?q=dune").json["items"]
