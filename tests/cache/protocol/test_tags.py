"""Building and checking tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import TagError
from moziweb.cache.protocol import tags


@pytest.mark.parametrize(
    "name",
    ["movie:42", "variant:7:thumb", "week:2026-W34", "list:movies", "model:Movie", "slug:a_b.c~d"],
)
def test_well_formed_tags_are_accepted(name: str) -> None:
    assert tags.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "movie", "movie:", ":42", "Movie:42", "movie:4 2", "movie:4\r\n2", "movie::42",
        "movie:42:", "movie:é", "1movie:2", "movie:42\n", "movie:" + "x" * 95, "k" * 33 + ":1",
    ],
)  # fmt: skip
def test_malformed_tags_are_refused(name: str) -> None:
    with pytest.raises(TagError):
        tags.check(name)


def test_tag_of_maximum_length_is_accepted() -> None:
    assert tags.check("movie:" + "x" * 94) == "movie:" + "x" * 94


def test_parts_are_joined() -> None:
    assert tags.tag("variant", 7, "thumb") == "variant:7:thumb"


@pytest.mark.parametrize("part", ["", "a:b", "a b", "a,b"])
def test_part_with_separator_is_refused(part: str) -> None:
    with pytest.raises(TagError):
        tags.tag("slug", part)


def test_kind_is_text_before_first_colon() -> None:
    assert tags.kind_of("variant:7:thumb") == "variant"


def test_model_tag() -> None:
    class Movie:
        pass

    assert tags.model_tag(Movie) == "model:Movie"


def test_check_all_returns_a_set() -> None:
    assert tags.check_all(["a:1", "b:1", "a:1"]) == {"a:1", "b:1"}


def test_check_joined_splits_and_checks() -> None:
    assert tags.check_joined("") == []
    assert tags.check_joined("movie:42") == ["movie:42"]
    assert tags.check_joined("movie:42\nweek:1") == ["movie:42", "week:1"]
    for wrong in ("movie:42\n", "\nmovie:42", "a b", "movie:1\n\nmovie:2", "movie:" + "x" * 95):
        with pytest.raises(TagError):
            tags.check_joined(wrong)


@given(st.lists(st.text(alphabet="ab:1 \n", max_size=6), min_size=1))
def test_check_joined_agrees_with_check(names: list[str]) -> None:
    joined = "\n".join(names)
    try:
        expected = [tags.check(name) for name in joined.split("\n")] if joined else []
    except TagError:
        with pytest.raises(TagError):
            tags.check_joined(joined)
    else:
        assert tags.check_joined(joined) == expected


@given(st.text())
def test_accepted_tags_are_plain_in_headers_and_keys(name: str) -> None:
    try:
        tags.check(name)
    except TagError:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(" ,\"'")
