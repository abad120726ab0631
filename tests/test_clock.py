"""The clock."""

from datetime import UTC, datetime

from moziweb.clock import utc_now


def test_it_tells_an_aware_moment_between_two_others() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
