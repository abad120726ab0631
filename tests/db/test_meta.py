"""Values of the column types survive a round trip."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from moziweb.db.meta import UTCDateTime, WordList

DIALECT = sqlite.dialect()


def test_datetime_is_stored_in_utc() -> None:
    budapest = datetime(2026, 8, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    bound = UTCDateTime().process_bind_param(budapest, DIALECT)
    assert bound == datetime(2026, 8, 19, 23, 30, tzinfo=UTC)


def test_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UTCDateTime().process_bind_param(datetime(2026, 8, 20), DIALECT)  # noqa: DTZ001


def test_naive_result_is_utc_and_none_is_none() -> None:
    naive = datetime(2026, 8, 20)  # noqa: DTZ001 - what SQLite returns
    result = UTCDateTime().process_result_value(naive, DIALECT)
    assert result == datetime(2026, 8, 20, tzinfo=UTC)
    assert UTCDateTime().process_result_value(None, DIALECT) is None


@pytest.mark.parametrize("words", [(), ("HU",), ("HU", "US", "FR")])
def test_words_keep_their_order(words: tuple[str, ...]) -> None:
    column = WordList()
    assert column.process_result_value(column.process_bind_param(words, DIALECT), DIALECT) == words


@pytest.mark.parametrize("words", [("",), ("2D|3D",)])
def test_ambiguous_words_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="empty word or a bar"):
        WordList().process_bind_param(words, DIALECT)
