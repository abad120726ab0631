"""Builds the view model of a premiere."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from moziweb.movies.calendar import BUDAPEST, week_of
from moziweb.movies.models import DatePrecision, Movie, Premiere, PremiereChange
from moziweb.movies.queries import RUNNING
from moziweb.movies.tags import movie_names_tag, premiere_service_tag, service_tag

from ..context import PageContext
from ..formatting import Formatter
from ..view_models import DateChange, PremiereView

DATE_IS_NEW: Final = timedelta(days=14)
"""How long a premiere is marked as moved."""


def premiere_view(
    formatter: Formatter,
    premiere: Premiere,
    service: str,
    changes: Iterable[PremiereChange],
    today: date,
) -> PremiereView:
    """The view model of ``premiere``; ``changes`` are its former dates, the oldest first."""
    history = tuple(_date_change(formatter, change, today) for change in changes)
    is_cancelled = premiere.cancelled_at is not None
    has_day = premiere.precision is DatePrecision.DAY
    return PremiereView(
        date_text=formatter.date_text(premiere.date, premiere.precision),
        date_iso=premiere.precision.iso_text(premiere.date),
        weekday_text=formatter.weekday_text(premiere.date) if has_day else "",
        off_thursday=is_off_thursday(premiere),
        kind=premiere.kind,
        kind_text=formatter.kind_text(premiere.kind),
        service=service,
        formats=premiere.formats,
        audio_text=formatter.audio_text(premiere.audio),
        rerelease=premiere.rerelease,
        cancelled=is_cancelled,
        note=premiere.note,
        history=history,
        moved_from=history[-1].old_date_text if _is_new(history) and not is_cancelled else "",
    )


def _is_new(history: tuple[DateChange, ...]) -> bool:
    return bool(history) and history[-1].is_new


def depend_on_line(context: PageContext, movie: Movie, premiere: Premiere) -> None:
    """Depend on what a line of a list of all premieres shows besides the dates and kinds.

    The tag of the list covers those.
    """
    context.depend(movie_names_tag(movie.id), premiere_service_tag(premiere.id))
    if premiere.service_id is not None:
        context.depend(service_tag(premiere.service_id))


def new_date_until(changes: Iterable[PremiereChange], today: date) -> date | None:
    """The first day on which one of ``changes`` is no longer marked; None if none is marked."""
    ends = (_changed_on(change) + DATE_IS_NEW for change in changes)
    return min((end for end in ends if end > today), default=None)


def is_off_thursday(premiere: Premiere) -> bool:
    """Whether a cinema premiere is not on a Thursday, the usual day. False for other kinds."""
    if premiere.kind not in RUNNING or premiere.precision is not DatePrecision.DAY:
        return False
    return premiere.date != week_of(premiere.date).thursday


def _changed_on(change: PremiereChange) -> date:
    return change.changed_at.astimezone(BUDAPEST).date()


def _date_change(formatter: Formatter, change: PremiereChange, today: date) -> DateChange:
    changed_on = _changed_on(change)
    return DateChange(
        old_date_text=formatter.date_text(change.old_date, change.old_precision),
        changed_on_text=formatter.date_text(changed_on),
        reason=change.reason,
        is_new=today < changed_on + DATE_IS_NEW,
    )
