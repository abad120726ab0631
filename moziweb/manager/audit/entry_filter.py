"""The filter of the audit log: who, what, when."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement

from moziweb.movies.calendar import BUDAPEST

from .models import AuditEntry


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """The user's name, the action, and the first and last day in Hungary; empty is any."""

    who: str = ""
    what: str = ""
    first: date | None = None
    last: date | None = None

    @classmethod
    def of(cls, query: Any) -> "EntryFilter":
        """Parses a query string; invalid values are ignored."""
        return cls(
            query.get("who", "").strip()[:60],
            query.get("what", "").strip()[:40],
            _day(query.get("first", "")),
            _day(query.get("last", "")),
        )

    def params(self) -> dict[str, str]:
        """Returns the query string."""
        days = {name: day.isoformat() if day else "" for name, day in self._days.items()}
        values = {"who": self.who, "what": self.what, **days}
        return {name: value for name, value in values.items() if value}

    def conditions(self) -> list[ColumnElement[bool]]:
        """Returns the conditions on entries."""
        found = []
        if self.who:
            found.append(AuditEntry.user_name == self.who)
        if self.what:
            found.append(AuditEntry.action == self.what)
        if self.first:
            found.append(AuditEntry.at >= _midnight(self.first))
        if self.last:
            found.append(AuditEntry.at < _midnight(self.last + timedelta(days=1)))
        return found

    @property
    def _days(self) -> dict[str, date | None]:
        return {"first": self.first, "last": self.last}


def _day(text: str) -> date | None:
    """A day that the calendar of Python can go one further than, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 <= day.year < 2200 else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BUDAPEST)
