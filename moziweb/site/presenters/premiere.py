"""Builds the view model of a premiere."""

from collections.abc import Iterable

from moziweb.movies.calendar import BUDAPEST, week_of
from moziweb.movies.models import DatePrecision, Premiere, PremiereChange
from moziweb.movies.queries import RUNNING

from ..formatting import Formatter
from ..view_models import DateChange, PremiereView


def premiere_view(
    formatter: Formatter, premiere: Premiere, service: str, changes: Iterable[PremiereChange]
) -> PremiereView:
    """The view model of ``premiere``; ``changes`` are its former dates, the oldest first."""
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
        cancelled=premiere.cancelled_at is not None,
        note=premiere.note,
        history=tuple(_date_change(formatter, change) for change in changes),
    )


def is_off_thursday(premiere: Premiere) -> bool:
    """Whether a cinema premiere is not on a Thursday, the usual day. False for other kinds."""
    if premiere.kind not in RUNNING or premiere.precision is not DatePrecision.DAY:
        return False
    return premiere.date != week_of(premiere.date).thursday


def _date_change(formatter: Formatter, change: PremiereChange) -> DateChange:
    return DateChange(
        old_date_text=formatter.date_text(change.old_date, change.old_precision),
        changed_on_text=formatter.date_text(change.changed_at.astimezone(BUDAPEST).date()),
        reason=change.reason,
    )
