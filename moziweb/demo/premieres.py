"""Invented data about a movie's release in Hungary.

It depends only on the movie's IMDb id, except for what only a future movie can have: an imprecise
date, a pending rating.
"""

import datetime as dt
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Final

from moziweb.demo.chance import generator
from moziweb.demo.texts import reason

WEBSITES: Final = {
    "Netflix": "https://www.netflix.com/hu/",
    "HBO Max": "https://www.hbomax.com/hu/hu",
    "Disney+": "https://www.disneyplus.com/hu-hu",
    "Prime Video": "https://www.primevideo.com/",
    "SkyShowtime": "https://www.skyshowtime.com/hu",
}
"""The websites of the streaming services."""

SERVICES: Final = tuple(WEBSITES)
"""Streaming services in Hungary; they are assigned to movies at random."""

DISTRIBUTORS: Final = (
    "Minta Filmterjesztő",
    "Mintavetítő Film",
    "Mintakópia Forgalmazó",
    "Pannon Minta Film",
    "Minta Művészmozi",
    "Duna Mintamozi",
    "Mintafény Pictures",
    "Nagyvászon Minta Kft.",
)
"""Invented companies; "Minta" in each name means "sample"."""


@dataclass(frozen=True)
class DemoChange:
    """The old date of a premiere that moved, the day of the change, and the reason."""

    old_date: dt.date
    old_precision: str
    changed_on: dt.date
    reason: str


@dataclass(frozen=True)
class DemoPremiere:
    """One release.

    `kind` is cinema, limited, festival or streaming. `precision` is day, month or year; `date` is
    the first day of that month or year. `service` is one of `SERVICES` for a streaming premiere,
    else empty; `formats` are from 2D, 3D and IMAX; `audio` is dubbed, subtitled, both or original.
    `cancelled_on` is set if the premiere was cancelled, `changes` if it moved.
    """

    kind: str
    date: dt.date
    precision: str = "day"
    service: str = ""
    formats: tuple[str, ...] = ()
    audio: str = "subtitled"
    rerelease: bool = False
    note: str = ""
    announced_on: dt.date = dt.date.min
    cancelled_on: dt.date | None = None
    changes: tuple[DemoChange, ...] = ()


@dataclass(frozen=True)
class Facts:
    """The fields of a movie that determine its premieres; `released` is the shifted day."""

    imdb_id: str
    released: dt.date
    genres: tuple[str, ...]
    languages: tuple[str, ...]


def premieres(facts: Facts, today: dt.date) -> tuple[DemoPremiere, ...]:
    """The movie's premieres by date; none if the date is not known yet."""
    rng = generator(facts.imdb_id, "announced")
    return tuple(_announced(each, rng, today) for each in _unannounced(facts, today))


def _announced(premiere: DemoPremiere, rng: Random, today: dt.date) -> DemoPremiere:
    """Set `announced_on`: months before all dates of the premiere, and before any change."""
    dates = (premiere.date, *(each.old_date for each in premiere.changes))
    later = (each.changed_on for each in premiere.changes)
    last = min((*later, *((premiere.cancelled_on,) if premiere.cancelled_on else ()), today))
    ahead = min(dates) - dt.timedelta(days=rng.randint(50, 250))
    day = min(ahead, last - dt.timedelta(days=rng.randint(3, 200)))
    return replace(premiere, announced_on=day)


def _unannounced(facts: Facts, today: dt.date) -> tuple[DemoPremiere, ...]:
    draw = generator(facts.imdb_id, "fate").random()
    main = _main(facts)
    later = facts.released > today + timedelta(days=28)
    if later and draw < 0.30:
        vague = _vague(main, draw, today)
        return (vague,) if vague else ()
    if 0.30 <= draw < 0.36:
        main = _moved(main, facts, today)
    elif 0.36 <= draw < 0.385:
        main = _cancelled(main, facts, today)
    elif 0.385 <= draw < 0.415 and main.kind == "cinema":
        note = reason("rerelease", generator(facts.imdb_id, "note"))
        main = replace(main, rerelease=True, note=note)
    released = (main, *_second(main, facts))
    return tuple(sorted(released, key=lambda premiere: (premiere.date, premiere.kind)))


def sample_rating(facts: Facts, today: dt.date) -> str | None:
    """A Hungarian age rating that suits the genres; None if it is pending."""
    rng = generator(facts.imdb_id, "rating")
    ahead = (facts.released - today).days
    if rng.random() < (0.6 if ahead > 42 else 0.15 if ahead > 14 else 0.01):
        return None
    for genre, ratings in _RATINGS:
        if genre in facts.genres:
            return rng.choice(ratings)
    return rng.choice(("12", "16"))


def distributor(facts: Facts, premiere_kinds: frozenset[str]) -> str:
    """One of `DISTRIBUTORS`; empty for a movie that is only streamed."""
    if premiere_kinds == {"streaming"}:
        return ""
    return generator(facts.imdb_id, "distributor").choice(DISTRIBUTORS)


_RATINGS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Animation", ("KN", "KN", "6")),
    ("Family", ("KN", "6", "6", "12")),
    ("Horror", ("16", "18", "18", "18", "18", "18", "18", "X")),
    ("War", ("16", "16", "18")),
    ("Crime", ("16", "16", "18")),
    ("Thriller", ("16", "16", "12", "18")),
    ("Action", ("12", "16", "16")),
    ("Documentary", ("KN", "12", "12")),
    ("Musical", ("KN", "12")),
    ("Comedy", ("12", "12", "16")),
    ("Romance", ("12", "12", "16")),
    ("Adventure", ("6", "12")),
)
"""The first of these genres that a movie has determines its ratings; repeated ones are likelier."""

_SPECTACLE: Final = frozenset({"Action", "Adventure", "Animation", "Fantasy", "Sci-Fi", "Family"})


def _main(facts: Facts) -> DemoPremiere:
    rng = generator(facts.imdb_id, "release")
    draw = rng.random()
    if draw < 0.18:
        service = rng.choice(SERVICES)
        return DemoPremiere("streaming", facts.released, service=service, audio=_audio(facts, rng))
    kind = "limited" if draw < 0.23 else "festival" if draw < 0.245 else "cinema"
    formats = _formats(facts, rng) if kind == "cinema" else ("2D",)
    return DemoPremiere(kind, facts.released, formats=formats, audio=_audio(facts, rng))


def _formats(facts: Facts, rng: Random) -> tuple[str, ...]:
    formats = ["2D"]
    spectacle = len(_SPECTACLE & set(facts.genres))
    if spectacle and rng.random() < 0.18 * spectacle:
        formats.append("3D")
    if spectacle and rng.random() < 0.12 * spectacle:
        formats.append("IMAX")
    return tuple(formats)


def _audio(facts: Facts, rng: Random) -> str:
    if "Hungarian" in facts.languages:
        return "original"
    if {"Animation", "Family"} & set(facts.genres):
        return "dubbed"
    if _SPECTACLE & set(facts.genres) or "Comedy" in facts.genres:
        return rng.choice(("both", "both", "dubbed", "subtitled"))
    return rng.choice(("subtitled", "subtitled", "both"))


def _vague(main: DemoPremiere, draw: float, today: dt.date) -> DemoPremiere | None:
    """The premiere with a date that is known only to the month or the year; None if unknown."""
    if draw < 0.05:
        return None
    if draw < 0.13:
        return replace(main, date=dt.date(today.year + 1, 1, 1), precision="year")
    if (main.date.year, main.date.month) == (today.year, today.month):
        return main
    return replace(main, date=main.date.replace(day=1), precision="month")


def _moved(main: DemoPremiere, facts: Facts, today: dt.date) -> DemoPremiere:
    """The premiere, moved by one to eight weeks, more often to a later date."""
    rng = generator(facts.imdb_id, "moved")
    weeks = rng.choice((1, 1, 2, 3, 4, 6, 8, -1, -2))
    old = main.date - timedelta(weeks=weeks)
    changed_on = _publication_day(min(old, main.date), rng, today)
    return replace(main, changes=(DemoChange(old, "day", changed_on, reason("moved", rng)),))


def _cancelled(main: DemoPremiere, facts: Facts, today: dt.date) -> DemoPremiere:
    rng = generator(facts.imdb_id, "cancelled")
    note = reason("cancelled", rng)
    return replace(main, note=note, cancelled_on=_publication_day(main.date, rng, today))


def _publication_day(first: dt.date, rng: Random, today: dt.date) -> dt.date:
    """A day some weeks before `first`, and never after `today`."""
    return min(
        first - timedelta(days=rng.randint(9, 50)), today - timedelta(days=rng.randint(0, 9))
    )


def _second(main: DemoPremiere, facts: Facts) -> tuple[DemoPremiere, ...]:
    """Sometimes a festival or early screening before a cinema premiere, or streaming after it."""
    rng = generator(facts.imdb_id, "second")
    draw = rng.random()
    if main.kind != "cinema" or main.rerelease or main.cancelled_on or draw > 0.2:
        return ()
    if draw < 0.06:
        early = main.date - timedelta(days=rng.randint(20, 70))
        note = reason("festival", rng)
        return (DemoPremiere("festival", early, formats=("2D",), note=note),)
    if draw < 0.10:
        early = main.date - timedelta(weeks=1)
        note = reason("limited", rng)
        return (DemoPremiere("limited", early, formats=("2D",), audio=main.audio, note=note),)
    after = main.date + timedelta(days=rng.randint(45, 90))
    service = rng.choice(SERVICES)
    return (DemoPremiere("streaming", after, service=service, audio=main.audio),)
