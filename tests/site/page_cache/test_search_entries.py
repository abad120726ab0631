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
)  # fmt: skip
"""Each finds something."""

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
    "make": {"kozi dune"},
    "publish": {"kozi dune"},
    "set distributor": {"kozi dune"},
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


def test_text_that_finds_nothing_is_not_stored(lookups: Lookups) -> None:
    for query in ("zzyzx", "macskafgo"):
        assert lookups.ask(query, query) == {query}
        assert lookups.ask(query) == {query}


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
    key = cache.keys["search"].key(page_cache_of(lookups.app.app.registry).digest, "dune")
    entry = region.stored([key])[key]
    object.__setattr__(entry, "payload", b"{}")
    assert lookups.app.get("/suggest?q=dune").json["items"]
