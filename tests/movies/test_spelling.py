"""Texts one edit away from a short query."""

from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.spelling import MAX_TITLE, one_edit_away, short_title

LETTERS = st.sampled_from("abcz09 ")


def distance(one: str, other: str) -> int:
    """The optimal string alignment distance, from its definition."""
    table = {(0, column): column for column in range(len(other) + 1)}
    table |= {(row, 0): row for row in range(len(one) + 1)}
    for row, a in enumerate(one, 1):
        for column, b in enumerate(other, 1):
            costs = [
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (a != b),
            ]
            if row > 1 and column > 1 and (a, one[row - 2]) == (other[column - 2], b):
                costs.append(table[row - 2, column - 2] + 1)
            table[row, column] = min(costs)
    return table[len(one), len(other)]


@given(st.text(LETTERS, min_size=3, max_size=9), st.text(LETTERS, max_size=10))
def test_exactly_the_texts_at_distance_one_are_found(phrase: str, text: str) -> None:
    edits = one_edit_away(phrase)
    assert all(distance(phrase, edit) == 1 for edit in list(edits)[::29])
    assert (text in edits) == (distance(phrase, text) == 1)


@given(st.text())
def test_number_of_texts_is_bounded(phrase: str) -> None:
    edits = one_edit_away(phrase)
    assert len(edits) < 750
    assert bool(edits) == (3 <= len(phrase) <= MAX_TITLE + 1)


def test_likelier_slips_come_first() -> None:
    ranks = one_edit_away("hikc")
    assert ranks["hick"] < ranks["hikic"] < ranks["hik"] < ranks["hike"] < ranks["nikc"]


def test_only_short_titles_are_kept() -> None:
    assert short_title("Avatár!") == "avatar"
    assert short_title("WALL·E") == "wall e"
    assert short_title("Az ötödik elem") is None
    assert short_title("???") is None
