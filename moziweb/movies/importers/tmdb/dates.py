"""The rule of Hungarian dates: which of TMDB's release dates are premieres here. Pure.

HU type 3 (theatrical), else 2 (limited), else 1 (premiere) marked as a festival's, else no date:
never another country's, never the film's own ``release_date``. January 1st stands for a year.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from moziweb.i18n import _
from moziweb.movies.calendar import parse_day
from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.models import DatePrecision, PremiereKind

_KINDS: Final = {
    3: PremiereKind.CINEMA,
    2: PremiereKind.LIMITED,
    1: PremiereKind.FESTIVAL,
}
_RERELEASE: Final = re.compile(r"re-?\s?(release|issue)|újra|felújít|anniversary|évforduló", re.I)
_YEARS_TO_ANOTHER: Final = 2
"""Two dates of one type that are further apart are a premiere and a re-release."""

MAX_NOTE: Final = 300


@dataclass(frozen=True, slots=True)
class HungarianDate:
    """One of TMDB's entries for Hungary."""

    day: date
    kind: PremiereKind
    certification: str
    note: str


@dataclass(frozen=True, slots=True)
class Hungarian:
    """What TMDB says of Hungary: premieres by the rule, certifications, and what was odd."""

    premieres: tuple[PremiereFact, ...] = ()
    certifications: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


def hungarian(release_dates: Any) -> Hungarian:
    """The Hungarian premieres of a film's ``release_dates``, whatever shape it has."""
    entries, odd = _entries(release_dates)
    certifications = dict.fromkeys(each.certification for each in entries if each.certification)
    for kind in _KINDS.values():
        chosen = sorted((each for each in entries if each.kind is kind), key=lambda each: each.day)
        if chosen:
            first = [each.certification for each in chosen if each.certification]
            facts = _facts(chosen)
            return Hungarian(facts, tuple(dict.fromkeys([*first, *certifications])), tuple(odd))
    return Hungarian((), tuple(certifications), tuple(odd))


def _entries(release_dates: Any) -> tuple[list[HungarianDate], list[str]]:
    found: list[HungarianDate] = []
    odd: list[str] = []
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
                odd.append(_("a Hungarian date that cannot be read: ${error}", mapping=names))
            else:
                found.extend([read] if read else [])
    return found, odd


def _entry(entry: Any) -> HungarianDate | None:
    """None for what is no premiere on a screen: digital, physical, TV."""
    kind = _KINDS.get(entry.get("type"))
    if kind is None:
        return None
    # The date part is the day in Hungary: with its zone converted it would be the day before.
    day = parse_day(str(entry.get("release_date"))[:10])
    certification = str(entry.get("certification") or "").strip()
    return HungarianDate(day, kind, certification, str(entry.get("note") or "").strip())


def _facts(chosen: list[HungarianDate]) -> tuple[PremiereFact, ...]:
    """The first of them, and each later one that is a re-release."""
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
