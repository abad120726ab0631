"""The clock of the application: the only place where a request's time is read.

Everything that needs the time takes it from ``registry["clock"]()`` and passes it on, so that a
test can stop it.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
