"""Tags of the lists that a premiere, a person or a distributor is in."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from .calendar import Period, month_of, week_of, year_of
from .filters import Dimension, filter_tags
from .models import DatePrecision
from .tags import (
    DISTRIBUTORS_LIST,
    PEOPLE_LIST,
    UNDATED_LIST,
    distributor_list_tag,
    period_tag,
    person_group_tag,
    person_list_tag,
    year_number_tag,
)
from .week_range_tags import SpanKind, week_range_tags_of


def periods_of(day: date, precision: DatePrecision) -> tuple[Period, ...]:
    """The periods whose pages list a premiere of this date."""
    month, year = month_of(day), year_of(day)
    match precision:
        case DatePrecision.DAY:
            return week_of(day), month, year
        case DatePrecision.MONTH:
            return month, year
        case DatePrecision.YEAR:
            return (year,)


def period_tags(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The lists that sort a premiere of this date among others."""
    return tuple(map(period_tag, periods_of(day, precision)))


def filtered_lists(row: Any, dimension: Dimension, values: Iterable[str | int]) -> Iterator[str]:
    """The filtered lists that a premiere is in, for the values that it has in ``dimension``."""
    periods = periods_of(row.date, row.precision)
    for value in values:
        yield from filter_tags(dimension, value, ())
        yield from filter_tags(dimension, value, periods)


def dated_lists(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The periods that contain a premiere of this date, its year's number, its ranges of weeks."""
    kind = SpanKind.YEAR_ONLY if precision is DatePrecision.YEAR else SpanKind.DATED
    spans = week_range_tags_of(day, kind)
    return *period_tags(day, precision), year_number_tag(year_of(day)), *spans


def date_lists(day: date, precision: DatePrecision) -> tuple[str, ...]:
    """The lists that a premiere of this date may be in."""
    undated = () if precision is DatePrecision.DAY else (UNDATED_LIST,)
    return *dated_lists(day, precision), *undated


def people_lists(person_id: int) -> tuple[str, ...]:
    """The lists of people that a person is in."""
    return person_group_tag(person_id), PEOPLE_LIST


def distributor_lists(distributor_id: int) -> tuple[str, ...]:
    """The lists of distributors that a distributor is in."""
    return distributor_list_tag(distributor_id), DISTRIBUTORS_LIST


def person_lists(person_id: int) -> tuple[str, ...]:
    """The list of a person's movies, and the lists of people that the person is in."""
    return person_list_tag(person_id), *people_lists(person_id)
