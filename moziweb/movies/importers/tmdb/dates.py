"""Selects Hungarian premieres from the release dates of TMDB. Pure.

HU type 3 (theatrical), else 2 (limited), else 1 (premiere), marked as a festival, else no date.
Dates of other countries and the movie's ``release_date`` are not used. January 1st means a year.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from moziweb.i18n import _
from moziweb.movies.calendar import parse_day
from moziweb.movies.importers import values
from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.importers.fields import LENGTHS
from moziweb.movies.models import DatePrecision, PremiereKind

_KINDS: Final = {
    3: PremiereKind.CINEMA,
    2: PremiereKind.LIMITED,
    1: PremiereKind.FESTIVAL,
}
_RERELEASE: Final = re.compile(r"re-?\s?(release|issue)|újra|felújít|anniversary|évforduló", re.I)
_YEARS_TO_ANOTHER: Final = 2
"""If two dates of one type are at least this far apart, the later one is a re-release."""

MAX_NOTE: Final = 300


@dataclass(frozen=True, slots=True)
class HungarianDate:
    """An entry of TMDB for Hungary."""

    day: date
    kind: PremiereKind
    certification: str
    note: str


@dataclass(frozen=True, slots=True)
class HungarianReleases:
    """The Hungarian premieres, certifications and invalid entries of a movie."""

    premieres: tuple[PremiereFact, ...] = ()
    certifications: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def hungarian_releases(release_dates: Any) -> HungarianReleases:
    """Return the Hungarian premieres of ``release_dates``, which may be malformed."""
    entries, errors = _entries(release_dates)
    certifications = dict.fromkeys(each.certification for each in entries if each.certification)
    for kind in _KINDS.values():
        chosen = sorted((each for each in entries if each.kind is kind), key=lambda each: each.day)
        if chosen:
            first = [each.certification for each in chosen if each.certification]
            facts = _facts(chosen)
            return HungarianReleases(
                facts, tuple(dict.fromkeys([*first, *certifications])), tuple(errors)
            )
    return HungarianReleases((), tuple(certifications), tuple(errors))


def _entries(release_dates: Any) -> tuple[list[HungarianDate], list[str]]:
    found: list[HungarianDate] = []
    errors: list[str] = []
    countries = release_dates.get("results") if isinstance(release_dates, Mapping) else None
    for country in countries if isinstance(countries, list) else ():
        if not isinstance(country, Mapping) or country.get("iso_3166_1") != "HU":
            continue
        listed = country.get("release_dates")
        for entry in listed if isinstance(listed, list) else ():
            try:
                read = _entry(entry)
            except (ValueError, TypeError, AttributeError) as error:
                names = {"error": str(error)}
                errors.append(_("invalid Hungarian date: ${error}", mapping=names))
            else:
                found.extend([read] if read else [])
    return found, errors


def _entry(entry: Any) -> HungarianDate | None:
    """Return None for digital, physical and TV releases."""
    kind = _KINDS.get(entry.get("type"))
    if kind is None:
        return None
    # The date part is the day in Hungary; a conversion of the time zone could change it.
    day = parse_day(str(entry.get("release_date"))[:10])
    certification = str(entry.get("certification") or "").strip()
    return HungarianDate(
        day, kind, certification, values.clipped_line(str(entry.get("note") or ""), LENGTHS["note"])
    )


def _facts(chosen: list[HungarianDate]) -> tuple[PremiereFact, ...]:
    """Return the first date, and each later one that is a re-release."""
    first = next((each for each in chosen if not _RERELEASE.search(each.note)), chosen[0])
    facts = [_fact(first, rerelease=bool(_RERELEASE.search(first.note)))]
    for each in chosen:
        apart = each.day.year - first.day.year >= _YEARS_TO_ANOTHER
        if each is not first and (apart or _RERELEASE.search(each.note)):
            facts.append(_fact(each, rerelease=True))
    return tuple(facts)


def _fact(entry: HungarianDate, *, rerelease: bool) -> PremiereFact:
    is_year = (entry.day.month, entry.day.day) == (1, 1)
    note = entry.note[:MAX_NOTE] if entry.kind is PremiereKind.FESTIVAL else ""
    return PremiereFact(
        entry.day,
        DatePrecision.YEAR if is_year else DatePrecision.DAY,
        entry.kind,
        rerelease=rerelease,
        note=note,
    )
