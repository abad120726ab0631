"""Positions of blocks of lists in URLs."""

from datetime import date

from moziweb.movies.collation import sort_key
from moziweb.movies.feed_queries import NewsPosition
from moziweb.movies.list_position import ListPosition, TitlePosition


def test_text_of_a_position_is_parsed() -> None:
    for position in (ListPosition(date(2026, 8, 20), 812), ListPosition(None, 2**31 - 1)):
        assert ListPosition.parse(str(position)) == position
    for title in ("Ősz", "Zsír – a & b = 100%", "x" * 300, "12-13"):
        by_title = TitlePosition(sort_key(title), 5)
        assert TitlePosition.parse(str(by_title)) == by_title


def test_other_text_is_no_position() -> None:
    """Also another spelling: a page has one address."""
    for wrong in (
        "", "x", "0", "01", "-1", "2026-08-20", "2026-08-20-", "2026-02-30-1", "2026-8-20-1",
        "2026-08-20-01", "٢٠٢٦-08-20-1", "1\n", str(2**31),
    ):  # fmt: skip
        assert ListPosition.parse(wrong) is None, wrong
    for wrong in ("", "1", "1-", "0-a", "01-a", "a-1", f"1-{'a' * 161}", "1-a\0", "1-\ud800"):
        assert TitlePosition.parse(wrong) is None, wrong
    for wrong in ("", "moved", "moved-1", "moved-01-1", "moved-1-01", "Moved-1-1", "moved-1-1 "):
        assert NewsPosition.parse(wrong) is None, wrong
