"""Serialises premieres as a calendar to subscribe to (iCalendar, RFC 5545).

A premiere is an all-day event with a permanent UID. If anything in it changes, SEQUENCE, DTSTAMP
and LAST-MODIFIED grow; if it is cancelled, its status is CANCELLED. There is no METHOD, which is
for invitations: the Content-Type would have to name it. The output does not depend on the current
time, so the same premieres give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from icalendar import (
    Alarm,
    Calendar,
    Event,
    vCategory,
    vDatetime,
    vDDDTypes,
    vDuration,
    vInt,
    vText,
    vUri,
)

from . import strip_illegal

PRODUCT: Final = "-//moziweb//premieres//HU"
REFRESH_INTERVAL: Final = timedelta(hours=12)
"""The interval in which subscribers should fetch the calendar."""


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """An event. ``sequence`` grows with every change of the premiere, its titles or its service.

    ``revised`` is the time of the latest one. ``alarm`` is the time of a reminder from the start of
    the day, None for no reminder. ``picture_url`` is "" without a picture.
    """

    uid: str
    day: date
    summary: str
    description: str
    url: str
    sequence: int
    announced: datetime
    revised: datetime
    cancelled: bool
    categories: tuple[str, ...] = ()
    picture_url: str = ""
    alarm: timedelta | None = None


def calendar_document(
    name: str, url: str, language: str, entries: Iterable[CalendarEntry]
) -> bytes:
    """The calendar ``name`` as a document; ``url`` is its own URL."""
    document = Calendar()
    document.add("prodid", PRODUCT)
    document.add("version", "2.0")
    document.add("calscale", "GREGORIAN")
    # As texts: add() would not escape the commas of properties that it does not know.
    document["name"] = vText(strip_illegal(name), params={"LANGUAGE": language})
    document["x-wr-calname"] = vText(strip_illegal(name))  # most programs read this one
    document.add("url", url)
    document.add("source", url, parameters={"VALUE": "URI"})
    document.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    document.add("x-published-ttl", vDuration(REFRESH_INTERVAL))
    for entry in entries:
        document.add_component(_event(entry))
    body: bytes = document.to_ical()
    return body


def _event(entry: CalendarEntry) -> Event:
    # Typed values: Event.add() finds the type of each by its name, a quarter of the whole time.
    event = Event()
    event["uid"] = vText(entry.uid)
    event["dtstamp"] = vDatetime(entry.revised)
    event["created"] = vDatetime(entry.announced)
    event["last-modified"] = vDatetime(entry.revised)
    event["sequence"] = vInt(entry.sequence)
    event["status"] = vText("CANCELLED" if entry.cancelled else "CONFIRMED")
    event["dtstart"] = vDDDTypes(entry.day)
    event["dtend"] = vDDDTypes(entry.day + timedelta(days=1))  # exclusive
    event["transp"] = vText("TRANSPARENT")  # does not block the day
    event["summary"] = vText(strip_illegal(entry.summary))
    event["description"] = vText(strip_illegal(entry.description))
    event["url"] = vUri(entry.url)
    if entry.categories:
        event["categories"] = vCategory(list(map(strip_illegal, entry.categories)))
    if entry.picture_url:
        # RFC 7986 has IMAGE; older programs read ATTACH.
        kind = {"FMTTYPE": "image/jpeg"}
        event["attach"] = vUri(entry.picture_url, params=kind)
        parameters = {"VALUE": "URI", "DISPLAY": "BADGE", **kind}
        event["image"] = vUri(entry.picture_url, params=parameters)
    if entry.alarm is not None:
        event.add_component(_alarm(entry.summary, entry.alarm))
    return event


def _alarm(text: str, time: timedelta) -> Alarm:
    alarm = Alarm()
    alarm["action"] = vText("DISPLAY")
    alarm["description"] = vText(strip_illegal(text))
    alarm["trigger"] = vDuration(time)
    return alarm
