"""Premieres as a calendar that people subscribe to (iCalendar, RFC 5545).

A premiere is an event of a whole day and keeps its UID for ever. When it moves, SEQUENCE grows and
the event goes along; when it is cancelled, it stays and says so. Nothing in it depends on the time
at which it is asked for, so the same premieres are the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from icalendar import Calendar, Event, vDuration

from . import legal

PRODUCT: Final = "-//moziweb//premieres//HU"
REFRESH: Final = timedelta(hours=12)
"""How often who subscribes should look again."""


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One premiere; ``sequence`` counts what was told of it since, ``revised`` is when last."""

    uid: str
    day: date
    summary: str
    description: str
    url: str
    sequence: int
    announced: datetime
    revised: datetime
    cancelled: bool


def calendar(name: str, url: str, language: str, entries: Iterable[CalendarEntry]) -> bytes:
    """The calendar called ``name`` that is to be had at ``url``."""
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("name", legal(name), parameters={"LANGUAGE": language})
    made.add("x-wr-calname", legal(name))  # what most programs still read
    made.add("url", url)
    made.add("source", url, parameters={"VALUE": "URI"})
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", vDuration(REFRESH))
    for entry in entries:
        made.add_component(_event(entry))
    document: bytes = made.to_ical()
    return document


def _event(entry: CalendarEntry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.revised)
    event.add("created", entry.announced)
    event.add("last-modified", entry.revised)
    event.add("sequence", entry.sequence)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("dtstart", entry.day)
    event.add("dtend", entry.day + timedelta(days=1))  # the first day that is no longer in it
    event.add("transp", "TRANSPARENT")  # nobody is busy for it
    event.add("summary", legal(entry.summary))
    event.add("description", legal(entry.description))
    event.add("url", entry.url)
    return event
