"""One premiere in words."""

from collections.abc import Iterable
from typing import Final

from moziweb.movies.calendar import BUDAPEST, week_of
from moziweb.movies.models import DatePrecision, Premiere, PremiereChange
from moziweb.movies.queries import RUNNING

from ..formatting import Formatter, iso_date
from ..view_models import DateChange, PremiereLine

NO_PREMIERE: Final = PremiereLine(
    date_text="",
    date_iso="",
    weekday_text="",
    off_thursday=False,
    kind="",
    kind_text="",
    service="",
    formats=(),
    audio_text="",
    rerelease=False,
    cancelled=False,
    note="",
    history=(),
)
"""What is said of a movie that has none."""


def premiere_line(
    wording: Formatter, premiere: Premiere, service: str, changes: Iterable[PremiereChange]
) -> PremiereLine:
    """``premiere`` in the page's language; ``changes`` are its former dates, oldest first."""
    has_day = premiere.precision is DatePrecision.DAY
    return PremiereLine(
        date_text=wording.date_text(premiere.date, premiere.precision),
        date_iso=iso_date(premiere.date, premiere.precision),
        weekday_text=wording.weekday_text(premiere.date) if has_day else "",
        off_thursday=is_off_thursday(premiere),
        kind=premiere.kind,
        kind_text=wording.kind_text(premiere.kind),
        service=service,
        formats=premiere.formats,
        audio_text=wording.audio_text(premiere.audio),
        rerelease=premiere.rerelease,
        cancelled=premiere.cancelled_at is not None,
        note=premiere.note,
        history=tuple(_date_change(wording, change) for change in changes),
    )


def is_off_thursday(premiere: Premiere) -> bool:
    """Whether it opens in cinemas on another day than films do; other kinds have no usual day."""
    if premiere.kind not in RUNNING or premiere.precision is not DatePrecision.DAY:
        return False
    return premiere.date != week_of(premiere.date).thursday


def _date_change(wording: Formatter, change: PremiereChange) -> DateChange:
    return DateChange(
        old_date_text=wording.date_text(change.old_date, change.old_precision),
        changed_on_text=wording.date_text(change.changed_at.astimezone(BUDAPEST).date()),
        reason=change.reason,
    )
