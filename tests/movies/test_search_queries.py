"""Search queries give the same results on both databases."""

import re
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, insert, inspect
from sqlalchemy.orm import Session

from moziweb.movies import (
    edit_version,  # noqa: F401 - updates search_text
    search_queries,
)
from moziweb.movies.models import Credit, CreditRole, Movie, Person
from moziweb.movies.search_queries import (
    MAX_PIECES,
    MAX_QUERY_LENGTH,
    MAX_TRIGRAMS,
    MAX_WORDS,
    InvalidCursorError,
    SearchCursor,
    SearchTerms,
    is_name,
    matching_names,
    misspelt_titles,
    rarest_first,
    search_movies,
    similar_movies,
)
from tests.conftest import QueryCounter
from tests.factories import add_people, make_movie

MOVIES = {
    "Dűne": "Dune",
    "A dűnék asszonya": "Suna no onna",
    "Csillagközi dűne": "Interstellar Dune",
    "Macskafogó": "Cat City",
    "Az ötödik elem": "The Fifth Element",
    "50_50": "50_50",
}


@pytest.fixture
def movies(dbsession: Session) -> dict[str, Movie]:
    made = {
        title: make_movie(dbsession, title, original_title=original)
        for title, original in MOVIES.items()
    }
    hidden = make_movie(dbsession, "Dűne titokban", published=False)
    for movie in (made["Az ötödik elem"], hidden):
        add_people(dbsession, movie, CreditRole.DIRECTOR, "Törőcsik-Møller Béla")
    add_people(dbsession, made["Macskafogó"], CreditRole.CAST, "Dune Péter")
    dbsession.commit()
    return made


def found(session: Session, text: str) -> list[str]:
    places, _total = search_movies(session, SearchTerms.of(text), 50)
    return [session.get_one(Movie, place.movie_id).title for place in places]


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        # the whole title, then the beginning of a word (the newer first), then a person's name
        ("Dűne", ["Dűne", "Csillagközi dűne", "A dűnék asszonya", "Macskafogó"]),
        ("DUNE!", ["Dűne", "Csillagközi dűne", "A dűnék asszonya", "Macskafogó"]),
        ("interstellar", ["Csillagközi dűne"]),
        ("kafog", ["Macskafogó"]),
        ("torocsik", ["Az ötödik elem"]),
        ("elem törőcsik", ["Az ötödik elem"]),
        ("element a", ["Az ötödik elem"]),
        ("dune törőcsik", []),
        ("a", ["A dűnék asszonya"]),  # one letter is a whole word; "a" is in every title
        ("a a", ["A dűnék asszonya"]),
        ("a b c d e f", []),
        ("b", []),
        ("50_50", ["50_50"]),
        ("5__5", []),  # SQL wildcards match literally
        ("titokban", []),
    ],
)
def test_search_ignores_accents_and_case(
    dbsession: Session, movies: dict[str, Movie], text: str, titles: list[str]
) -> None:
    assert found(dbsession, text) == titles


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dune qzx", ("qzx", "dune")),
        ("qzx dune", ("qzx", "dune")),
        ("dune az", ("az", "dune")),
        ("dune bela", ("bela", "dune")),  # also names are counted
        ("東京 dune elem", ("elem", "dune", "東京")),
        ("dune dune", ("dune",)),
    ],
)
def test_rarest_word_is_the_first(
    dbsession: Session, movies: dict[str, Movie], text: str, words: tuple[str, ...]
) -> None:
    assert rarest_first(dbsession, SearchTerms.of(text)).words == words


def test_two_letters_are_found_at_the_beginning_of_a_word(dbsession: Session) -> None:
    """But anywhere in scripts without capitals, which have no spaces between words."""
    for title in ("Жыл", "Кыжы", "大東京市"):
        make_movie(dbsession, title)
    dbsession.commit()
    assert found(dbsession, "жы") == ["Жыл"]
    assert found(dbsession, "東京") == ["大東京市"]


def test_pages_of_results_have_each_movie_once(
    dbsession: Session, movies: dict[str, Movie]
) -> None:
    words = SearchTerms.of("dune")
    all_results, total = search_movies(dbsession, words, 50)
    pages: list[SearchCursor] = []
    after = None
    while page := search_movies(dbsession, words, 1, after)[0]:
        pages += page
        after = SearchCursor.parse(str(page[-1]))
    assert pages == list(all_results)
    assert len(all_results) == total == search_movies(dbsession, words, 1)[1] == 4


def test_of_very_many_movies_the_newest_are_found(
    dbsession: Session, movies: dict[str, Movie], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the one whose short title is the query, however old it is."""
    monkeypatch.setattr(search_queries, "MAX_COUNTED", 5)
    for number in range(10):
        movie = make_movie(dbsession, f"A nagy dűne {number}", published=number != 9)
        if number < 3:
            add_people(dbsession, movie, CreditRole.CAST, f"Dűne {number}")
    dbsession.commit()
    newest = [f"A nagy dűne {number}" for number in range(8, -1, -1)]
    assert found(dbsession, "dune") == ["Dűne", *newest, "Macskafogó"]
    assert search_movies(dbsession, SearchTerms.of("dune"), 2)[1] == 6


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("macskafgo", "Macskafogó"),
        ("mackafogó", "Macskafogó"),
        ("interstelar", "Csillagközi dűne"),
        ("fifht element", "Az ötödik elem"),
        ("torocsik moler", "Az ötödik elem"),
    ],
)
def test_misspelt_words_find_similar_movies(
    dbsession: Session, movies: dict[str, Movie], text: str, title: str
) -> None:
    words = SearchTerms.of(text)
    assert search_movies(dbsession, words, 5) == ([], 0)
    assert similar_movies(dbsession, words, 5)[0] == movies[title].id


def test_dissimilar_words_find_nothing(dbsession: Session, movies: dict[str, Movie]) -> None:
    assert similar_movies(dbsession, SearchTerms.of("zzyzx qwrt"), 5) == []


@pytest.fixture
def short_titles(dbsession: Session) -> dict[str, int]:
    titles = {"Avatar": "", "Faust": "", "Hick": "", "Hike": "", "Ősz": "Autumn", "Wall·E": ""}
    made = {
        title: make_movie(dbsession, title, original_title=original or title)
        for title, original in titles.items()
    }
    make_movie(dbsession, "Avata", published=False)
    dbsession.commit()
    return {title: movie.id for title, movie in made.items()}


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("avtaar", ["Avatar"]),
        ("Fauts", ["Faust"]),
        ("hikc", ["Hick", "Hike"]),  # two transposed letters before a replaced one
        ("hcik", ["Hick"]),
        ("hik", ["Hike", "Hick"]),
        ("ick", ["Hick"]),
        ("avatr", ["Avatar"]),
        ("aavatar", ["Avatar"]),
        ("autum", ["Ősz"]),
        ("őzs", ["Ősz"]),
        ("wal e", ["Wall·E"]),
        ("hick", []),  # a title itself
        ("avvtarr", []),
        ("os", []),
        ("avatar avatar", []),
    ],
)
def test_short_title_is_found_by_one_wrong_letter(
    dbsession: Session, short_titles: dict[str, int], text: str, titles: list[str]
) -> None:
    found_ids = misspelt_titles(dbsession, SearchTerms.of(text))
    assert list(found_ids) == [short_titles[title] for title in titles]


def test_renamed_movie_is_found_by_its_new_short_title(
    dbsession: Session, short_titles: dict[str, int]
) -> None:
    movie = dbsession.get_one(Movie, short_titles["Faust"])
    movie.title = "Eltört kalandorok szövetsége"
    dbsession.commit()
    assert list(misspelt_titles(dbsession, SearchTerms.of("fausz"))) == [movie.id]
    movie.original_title = "Soul"
    dbsession.commit()
    assert not misspelt_titles(dbsession, SearchTerms.of("fausz"))
    assert list(misspelt_titles(dbsession, SearchTerms.of("soull"))) == [movie.id]


def test_misspelt_titles_are_read_from_indexes(
    dbsession: Session, short_titles: dict[str, int]
) -> None:
    """Otherwise the cost would grow with the number of movies."""
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    titles = (f"{number:x}" * (1 if number % 8 == 0 else 9) for number in range(0x10000, 0x12000))
    rows = [
        {"title": each, "original_title": each, "slug": "x", "synopsis": each} for each in titles
    ]
    dbsession.execute(insert(Movie), rows)
    dbsession.execute(sqlalchemy.text("ANALYZE movie"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    misspelt_titles(dbsession, SearchTerms.of("avtaar"))
    statement, parameters = sent[-1]
    explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
    lines = " ".join(str(row) for row in plan)
    assert "ix_movie_short_title" in lines
    assert "ix_movie_short_original_title" in lines
    assert not re.search(r"SCAN movie|Seq Scan|published \(|pk_movie", lines)


def test_names_that_do_not_match_are_not_read(dbsession: Session) -> None:
    """Otherwise the cost of a search would grow with the number of people."""
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    movie, count = make_movie(dbsession, "Népes"), 10_000
    people = [
        {"id": number, "name": f"{number:05} {'hosszú ' * 12}{number * 7919 % count:04}"}
        for number in range(1, count + 1)
    ]
    cast = [
        {"movie_id": movie.id, "person_id": each["id"], "role": CreditRole.CAST, "position": place}
        for place, each in enumerate(people)
    ]
    dbsession.execute(insert(Person), people)
    dbsession.execute(insert(Credit), cast)
    is_sqlite = engine.dialect.name == "sqlite"
    if not is_sqlite:  # SQLite has no statistics in the product either
        dbsession.execute(sqlalchemy.text("ANALYZE person, credit"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    for text in ("zq", "zqzq", "zqzq bcdf", "zqzqzqzq bcdfbcdf"):
        assert not matching_names(dbsession, SearchTerms.of(text))
        statement, parameters = sent[-1]
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ANALYZE "
        plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
        lines = " ".join(str(row) for row in plan)
        assert not re.search(r"SCAN person\b(?!_trigram)", lines), text
        removed = re.findall(r"Rows Removed by Filter: (\d+)", lines)
        assert sum(map(int, removed)) < count / 10, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Törőcsik", True), ("møller béla", True), ("torocs", False), ("dune", True), ("elem", False)],
)
def test_whole_words_of_a_name_are_a_name(
    dbsession: Session, movies: dict[str, Movie], text: str, expected: bool
) -> None:
    assert is_name(dbsession, SearchTerms.of(text)) is expected


def test_renamed_person_is_found_at_once(dbsession: Session, movies: dict[str, Movie]) -> None:
    person = dbsession.query(Person).filter(Person.name.startswith("Törőcsik")).one()
    person.name = "Újhelyi Ödön"
    dbsession.commit()
    assert found(dbsession, "ödön ujhelyi") == ["Az ötödik elem"]
    assert found(dbsession, "torocsik") == []


def test_postgresql_uses_trigram_indexes(dbsession: Session) -> None:
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    names = {
        index["name"]
        for table in ("movie", "person")
        for index in inspect(engine).get_indexes(table)
    }
    trigrams = {name for name in names if str(name).endswith("_trgm")}
    assert len(trigrams) == (2 if engine.dialect.name == "postgresql" else 0)


@given(st.text(max_size=300))
def test_search_terms_are_bounded(text: str) -> None:
    words = SearchTerms.of(text)
    assert len(words.words) <= MAX_WORDS
    assert all(word and " " not in word for word in words.words)
    assert len(words.phrase) <= MAX_QUERY_LENGTH


@pytest.mark.parametrize("text", ["\ufdfa" * 100, "".join(map(chr, range(0x3300, 0x3400)))])
def test_characters_that_fold_to_many_are_bounded(text: str) -> None:
    """One character folds to at most eighteen."""
    assert len(SearchTerms.of(text).phrase) <= MAX_QUERY_LENGTH


def test_cost_of_similar_movies_is_bounded(dbsession: Session, query_counter: QueryCounter) -> None:
    words = SearchTerms.of("".join(chr(ord("a") + at % 26) + str(at) for at in range(100)))
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    with query_counter(engine) as statements:
        similar_movies(dbsession, words, 5)
    (statement,) = statements
    assert statement.count("CASE") == 2 * MAX_TRIGRAMS
    assert statement.count("LIMIT") == 2 * MAX_PIECES + 1


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "a-1", "1-99999999999", "1-2147483648", "١-١"]
)
def test_invalid_cursor_is_rejected(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        SearchCursor.parse(text)
