"""Tags of queries and texts: a query that finds a text shares a tag with it."""

from hypothesis import example, given
from hypothesis import strategies as st

from moziweb.movies.search_queries import SearchTerms, pieces_of
from moziweb.movies.search_tags import (
    MAX_TEXT_TAGS,
    TEXTS_LIST,
    bounded_text_tags,
    name_tags,
    query_tags,
    title_tags,
)
from moziweb.movies.spelling import MAX_TITLE, one_edit_away, short_title
from moziweb.movies.text_folding import fold

WORDS = st.text(st.sampled_from("aábcdőж東京 "), min_size=1, max_size=20)


def own_tags(query: str, *, has_guesses: bool = False) -> frozenset[str]:
    """The tags of a query without that of all texts."""
    return query_tags(SearchTerms.of(query), has_guesses=has_guesses) - {TEXTS_LIST}


@given(WORDS, st.integers(0, 10), st.integers(3, 20))
@example("interstellar", 2, 9)
def test_part_of_a_word_has_a_tag_of_the_text(text: str, start: int, length: int) -> None:
    for word in SearchTerms.of(text).phrase.split():
        part = word[start : start + length]
        if len(part) >= 3:
            assert own_tags(part) <= name_tags(text)


@given(WORDS)
def test_short_word_has_a_tag_of_the_words_that_it_finds(text: str) -> None:
    for word in SearchTerms.of(text).phrase.split():
        assert own_tags(word[:2]) <= name_tags(text)


def test_title_is_not_tagged_for_words_that_do_not_find_it() -> None:
    tags = title_tags("Csillagok között", "Interstellar")
    for query in ("winter", "stelan", "tellax", "va", "c", "ozotta"):
        assert not own_tags(query) <= tags, query
    for query in ("inter", "stell", "interstellar", "kozo", "cs", "illag"):
        assert own_tags(query) <= tags, query


@given(st.text(st.sampled_from("abcd e"), min_size=3, max_size=MAX_TITLE + 1))
def test_short_title_one_edit_away_has_a_tag_of_the_query(query: str) -> None:
    terms = SearchTerms.of(query)
    for title in list(one_edit_away(terms.phrase))[::7]:
        if terms.words and short_title(title) == title:
            assert query_tags(terms, has_guesses=True) & title_tags(title, "")


@given(st.text(st.sampled_from("abcdж "), max_size=30), WORDS, WORDS)
@example("macskafgo", "", "")
@example("qwxy", "a", "")
@example("qwxy", "", "wz")
def test_text_with_a_piece_of_a_miss_has_a_tag_of_it(query: str, before: str, after: str) -> None:
    terms = SearchTerms.of(query)
    for piece in pieces_of(terms.phrase):
        # A space of a piece is an end of a word.
        text = f"{before}{piece}{after}".strip()
        if piece in f" {text} " and fold(text) == text:
            assert query_tags(terms, has_guesses=False, is_match=False) & name_tags(text) - {
                TEXTS_LIST
            }, text


def test_only_misses_depend_on_similar_texts() -> None:
    terms = SearchTerms.of("maskafogo")
    match = query_tags(terms, has_guesses=True)
    miss = query_tags(terms, has_guesses=True, is_match=False)
    assert miss - match
    assert miss & title_tags("Macskafogó", "")
    assert not match & title_tags("Macskafogó", "") - {TEXTS_LIST}


def test_only_queries_with_guesses_depend_on_misspelt_titles() -> None:
    assert own_tags("avata") < own_tags("avata", has_guesses=True)
    assert own_tags("csillagkozi") == own_tags("csillagkozi", has_guesses=True)


def test_many_tags_are_replaced_by_that_of_all_texts() -> None:
    few = [f"part:{number}" for number in range(MAX_TEXT_TAGS)]
    assert set(bounded_text_tags(few)) == set(few)
    assert bounded_text_tags([*few, "part:more"]) == {TEXTS_LIST}
