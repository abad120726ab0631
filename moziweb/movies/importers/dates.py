"""Parses dates as people and spreadsheets write them in Hungary: the year first. Pure."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from moziweb.i18n import _
from moziweb.movies.calendar import parse_day
from moziweb.movies.models import DatePrecision
from moziweb.movies.text_folding import fold

from .problems import InvalidValue

YEARS_AHEAD: Final = 10
"""A premiere further ahead is a typing error."""

_PRECISIONS: Final = (DatePrecision.YEAR, DatePrecision.MONTH, DatePrecision.DAY)

_MONTHS: Final = (
    "januar", "februar", "marcius", "aprilis", "majus", "junius", "julius", "augusztus",
    "szeptember", "oktober", "november", "december",
)  # fmt: skip
_ROMAN: Final = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_SHORT: Final = (
    "jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "szep", "okt", "nov", "dec",
)  # fmt: skip
_OTHER: Final = {"febr": 2, "marc": 3, "szept": 9}
_NAMES: Final = {
    name: number for names in (_MONTHS, _ROMAN, _SHORT) for number, name in enumerate(names, 1)
} | _OTHER

_WEEKDAYS: Final = "hetfo|kedd|szerda|csutortok|pentek|szombat|vasarnap"
_END: Final = rf"(?:[.,]? ?\(?(?:{_WEEKDAYS})\)?)?"
_MIDNIGHT: Final = r"(?:[t ]00?:00(?::00(?:\.0+)?)?z?)?"
_PART: Final = r"(?: ?[-./] ?)([0-9]{1,2})"
_NUMBERS: Final = re.compile(rf"([0-9]{{4}})(?:{_PART}(?:{_PART})?)?\.?{_MIDNIGHT}{_END}")
_WORDS: Final = re.compile(
    rf"([0-9]{{4}})[.,]? ?([a-z]+)[.,]?(?: ?([0-9]{{1,2}})\.?(?: ?-?(?:j?[ae]n|i))?)?{_END}"
)
_SERIAL: Final = re.compile(r"([0-9]{5})(?:\.0+)?")
_FIRST_DAY: Final = date(1899, 12, 30)
"""The day 0 of Excel, from March 1900 on."""

_WITHOUT_YEAR: Final = re.compile(
    r"[0-9]{1,2} ?[-./] ?[0-9]{1,2}\.?|[a-z]+\.? ?[0-9]{1,2}\.?|[0-9]{1,2}\.? ?[a-z]+\.?"
)
_YEAR_LAST: Final = re.compile(r"[0-9]{1,2} ?[-./] ?[0-9]{1,2} ?[-./] ?(?:[0-9]{2}){1,2}\.?")


def is_date_format(pattern: str) -> bool:
    """Whether a pattern is for ``strptime``; ``%Y`` twice raises ``re.error``.

    Python 3.13 accepts NUL and lone surrogates in it, which a database does not.
    """
    sample = datetime(2026, 8, 13, 20, 15, tzinfo=UTC)
    if "\0" in pattern:
        return False
    try:
        pattern.encode()
        datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007
    except (ValueError, re.error):
        return False
    return True


def premiere_date(value: str, today: date, pattern: str = "") -> tuple[date, DatePrecision]:
    """Parse ``2026-08-13``, ``2026. december 10.``, ``2026-08``, or by a strptime pattern.

    A number of five digits is a date of Excel. Returns the first day of a month or year, and the
    precision. Raises ``InvalidValue``, also for a date without a year and one with the year at its
    end: its day and month could be swapped.
    """
    if pattern:
        try:
            day, known = datetime.strptime(value, pattern).date(), DatePrecision.DAY  # noqa: DTZ007
        except (ValueError, OverflowError):
            text = _("not a date like ${pattern}: ${value}")
            raise InvalidValue(text, pattern=pattern, value=_quoted(value)) from None
    else:
        day, known = _date(value)
    _check_day(day, today)
    return day, known


def _date(value: str) -> tuple[date, DatePrecision]:
    plain = _plain(value)
    if serial := _SERIAL.fullmatch(plain):
        return _FIRST_DAY + timedelta(days=int(serial[1])), DatePrecision.DAY
    parts = _parts(plain)
    if parts is None:
        raise _not_a_date(plain, value)
    year, month, day = [*parts, 1, 1][:3]
    try:
        return date(year, month, day), _PRECISIONS[len(parts) - 1]
    except ValueError:
        raise InvalidValue(_("no such day: ${value}"), value=_quoted(value)) from None


def _parts(plain: str) -> list[int] | None:
    """Return year, month and day, as far as they are given."""
    if found := _NUMBERS.fullmatch(plain):
        return [int(part) for part in found.groups() if part]
    found = _WORDS.fullmatch(plain)
    month = _NAMES.get(found[2]) if found else None
    if found is None or month is None:
        return None
    return [int(found[1]), month, *([int(found[3])] if found[3] else [])]


def _plain(value: str) -> str:
    """Return a value in lower case, without accents, and with single spaces."""
    pieces = re.split(r"([^\w\s]+)", value[:100])
    folded = (piece if index % 2 else _folded(piece) for index, piece in enumerate(pieces))
    return " ".join("".join(folded).split())


def _folded(piece: str) -> str:
    """Fold a piece without punctuation; ``fold`` strips the spaces at its ends."""
    return f"{' ' * piece[:1].isspace()}{fold(piece)}{' ' * piece[-1:].isspace()}"


def _not_a_date(plain: str, value: str) -> InvalidValue:
    if _WITHOUT_YEAR.fullmatch(plain):
        text = _("the year is missing: ${value}; write it first, such as 2026.12.10.")
    elif _YEAR_LAST.fullmatch(plain):
        text = _("the order of day and month is unclear: ${value}; write it as 2026.12.10.")
    else:
        text = _("not a date such as 2026-08-13 or 2026. december 10.: ${value}")
    return InvalidValue(text, value=_quoted(value))


def _check_day(day: date, today: date) -> None:
    try:
        parse_day(day.isoformat())
    except ValueError:
        raise InvalidValue(_("outside the calendar: ${value}"), value=day) from None
    if day.year > today.year + YEARS_AHEAD:
        raise InvalidValue(
            _("more than ${years} years ahead: ${value}"), years=YEARS_AHEAD, value=day
        )


def _quoted(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")
