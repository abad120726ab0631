"""Query parameters of the API: their names, their values, and how a URL is parsed.

The factory of a route parses the whole query string, before the cache looks for the page, so that
no unknown parameter is ignored. Names of genres and services are checked by the views.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from moziweb.cache.http.representations import READ_METHODS
from moziweb.db.types import MAX_ID
from moziweb.movies.calendar import FIRST_YEAR, LAST_YEAR
from moziweb.movies.filters import FILTERED_AUDIOS, Dimension
from moziweb.movies.models import PremiereKind, Rating, ScreenFormat
from moziweb.request import Request

from .problems import ParameterProblem, ProblemKind

MAX_LIMIT: Final = 100
DEFAULT_LIMIT: Final = 50

FIRST_DAY: Final = date(FIRST_YEAR, 1, 1)
LAST_DAY: Final = date(LAST_YEAR, 12, 31)
"""The first and the last day of the calendar."""

_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}")
_CURSOR: Final = re.compile(r"[0-9]{1,10}")
_DAY_CURSOR: Final = re.compile(r"([0-9]{1,7})-([0-9]{1,10})")
_TIME_CURSOR: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,10})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DayCursor = tuple[date, int]
TimeCursor = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class ApiParameter:
    """A query parameter. ``parse`` raises ``ValueError`` with what the value must be."""

    name: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]
    description: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class ApiQuery:
    """The parsed parameters of a request, with the defaults of those that are missing."""

    values: Mapping[str, Any]
    texts: Mapping[str, str]
    """The parameters as they were given."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def query_factory(*parameters: ApiParameter) -> Callable[[Request], ApiQuery]:
    """A factory for a route: the parameters of a request, as its context.

    Raises ``ParameterProblem``.
    """
    known = {each.name: each for each in parameters}

    def factory(request: Request) -> ApiQuery:
        if request.method not in READ_METHODS:
            return ApiQuery({}, {})
        texts: dict[str, str] = {}
        for name, text in request.GET.items():
            if name not in known:
                raise _unknown(name, known)
            if name in texts:
                message = f"The parameter {name!r} is given more than once."
                raise ParameterProblem(ProblemKind.REPEATED_PARAMETER, name, message)
            texts[name] = text
        given = {name: _parsed(known[name], text) for name, text in texts.items()}
        defaults = {name: each.default for name, each in known.items()}
        return ApiQuery({**defaults, **given}, texts)

    return factory


def invalid_value(name: str, text: str, expected: str) -> ParameterProblem:
    """The problem of a parameter with the value ``text``."""
    message = f"{name} = {text[:80]!r} must be {expected}."
    return ParameterProblem(ProblemKind.INVALID_VALUE, name, message)


def day_cursor(day: date, row_id: int) -> str:
    """The cursor of a row with this date and id."""
    return f"{day.toordinal()}-{row_id}"


def time_cursor(time: datetime, row_id: int) -> str:
    """The cursor of a row with this time and id."""
    return f"{(time - _EPOCH) // timedelta(microseconds=1)}-{row_id}"


def _unknown(name: str, known: Mapping[str, ApiParameter]) -> ParameterProblem:
    names = f"Known are: {', '.join(known)}." if known else "This address has no parameters."
    message = f"The parameter {name[:80]!r} is not known. {names}"
    return ParameterProblem(ProblemKind.UNKNOWN_PARAMETER, name[:80], message)


def _parsed(parameter: ApiParameter, text: str) -> Any:
    try:
        return parameter.parse(text)
    except ValueError as error:
        raise invalid_value(parameter.name, text, str(error)) from None


def _day(text: str) -> date:
    """A day, or the first or last one of the calendar for days beyond."""
    if not _DAY.fullmatch(text):
        raise ValueError("a date such as 2026-08-20")
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day that exists") from None
    return min(max(found, FIRST_DAY), LAST_DAY)


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError("a time with its zone, such as 2026-08-20T12:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:  # UTC is before the first or after the last year that Python knows
        return _EPOCH if text.startswith("0") else datetime.max.replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("a time that exists") from None


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or int(text) > MAX_LIMIT:
        raise ValueError(f"a number from 1 to {MAX_LIMIT}")
    return int(text)


def _row_id(text: str) -> int:
    return min(int(text), MAX_ID)


_FROM_NEXT: Final = "the cursor of a `next` address"


def _id_cursor(text: str) -> int:
    if not _CURSOR.fullmatch(text):
        raise ValueError(_FROM_NEXT)
    return _row_id(text)


def _day_cursor(text: str) -> DayCursor:
    if (match := _DAY_CURSOR.fullmatch(text)) is None:
        raise ValueError(_FROM_NEXT)
    number = min(max(int(match[1]), FIRST_DAY.toordinal()), LAST_DAY.toordinal())
    return date.fromordinal(number), _row_id(match[2])


def _time_cursor(text: str) -> TimeCursor:
    if (match := _TIME_CURSOR.fullmatch(text)) is None:
        raise ValueError(_FROM_NEXT)
    return _EPOCH + timedelta(microseconds=int(match[1])), _row_id(match[2])


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("a slug")
    return text


def _one_of(values: tuple[str, ...]) -> Callable[[str], str]:
    members = {str(each): each for each in values}

    def parse(text: str) -> str:
        if text not in members:
            raise ValueError(f"one of {', '.join(members)}")
        return members[text]

    return parse


def _choice(name: Dimension, values: tuple[str, ...], description: str) -> ApiParameter:
    schema = {"type": "string", "enum": [str(each) for each in values]}
    return ApiParameter(name, _one_of(values), schema, description)


def _named(name: Dimension, description: str) -> ApiParameter:
    schema = {"type": "string", "pattern": f"^{_SLUG.pattern}$"}
    return ApiParameter(name, _slug, schema, description)


def _cursor(parse: Callable[[str], Any], pattern: re.Pattern[str], default: Any) -> ApiParameter:
    schema = {"type": "string", "pattern": f"^{pattern.pattern.replace('(', '').replace(')', '')}$"}
    text = "Where a block begins: take it from `next` of the block before, and never make it."
    return ApiParameter("cursor", parse, schema, text, default)


LIMIT: Final = ApiParameter(
    "limit",
    _limit,
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "The number of items in a block.",
    DEFAULT_LIMIT,
)
ID_CURSOR: Final = _cursor(_id_cursor, _CURSOR, 0)

PREMIERE_PARAMETERS: Final = (
    ApiParameter("from", _day, {"type": "string", "format": "date"}, "The first day.", FIRST_DAY),
    ApiParameter(
        "to", _day, {"type": "string", "format": "date"}, "The last day, included.", LAST_DAY
    ),
    _choice(Dimension.KIND, tuple(PremiereKind), "The kind of the premiere."),
    _named(Dimension.GENRE, "The slug of a genre of the movie."),
    _named(Dimension.SERVICE, "The slug of the streaming service."),
    _choice(Dimension.RATING, tuple(Rating), "The age rating of the movie."),
    _choice(
        Dimension.AUDIO,
        FILTERED_AUDIOS,
        "A language version; premieres with `both` match `dubbed` and `subtitled`.",
    ),
    _choice(Dimension.FORMAT, tuple(ScreenFormat), "A format of the premiere."),
    LIMIT,
    _cursor(_day_cursor, _DAY_CURSOR, None),
)
CHANGE_PARAMETERS: Final = (
    ApiParameter(
        "since",
        _time,
        {"type": "string", "format": "date-time"},
        "The time from which on changes are listed, included; by default all of them.",
        _EPOCH,
    ),
    LIMIT,
    _cursor(_time_cursor, _TIME_CURSOR, None),
)
LIST_PARAMETERS: Final = (LIMIT, ID_CURSOR)
