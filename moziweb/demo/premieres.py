"""What the demo makes up about a film's release in Hungary.

All of it is synthetic and depends on the film's IMDb id alone, except where only a film that is
still to come can have it (a date that is not known to the day, a rating that is pending).
"""

import datetime as dt
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Final

from moziweb.demo.chance import generator
from moziweb.demo.texts import reason

SERVICES: Final = ("Netflix", "HBO Max", "Disney+", "Prime Video", "SkyShowtime")
"""Streaming services in Hungary. Which film is on which is chance."""

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
"""Invented companies; each name says that it is a sample."""


@dataclass(frozen=True)
class DemoChange:
    """The date a premiere had before it moved, the day that was told, and why."""

    old_date: dt.date
    old_precision: str
    changed_on: dt.date
    reason: str


@dataclass(frozen=True)
class DemoPremiere:
    """One release. `kind` is cinema, limited, festival or streaming; `precision` day, month or
    year, and then `date` is the first day of that month or year.

    `service` is a name of `SERVICES` for a streaming premiere and empty otherwise; `formats` are
    of 2D, 3D and IMAX; `audio` is dubbed, subtitled, both or original. It was told of first on
    `announced_on`. A cancelled premiere has a `cancelled_on`; one that moved has its `changes`.
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
    """What of a film decides its premieres; `released` is the day after shifting."""

    imdb_id: str
    released: dt.date
    genres: tuple[str, ...]
    languages: tuple[str, ...]


def premieres(facts: Facts, today: dt.date) -> tuple[DemoPremiere, ...]:
    """The film's premieres by date; none when its date is not known yet."""
    rng = generator(facts.imdb_id, "announced")
    return tuple(_announced(each, rng, today) for each in _unannounced(facts, today))


def _announced(premiere: DemoPremiere, rng: Random, today: dt.date) -> DemoPremiere:
    """Told of some months ahead, before anything else was told of it, and in the last year."""
    told = (premiere.date, *(each.old_date for each in premiere.changes))
    later = (each.changed_on for each in premiere.changes)
    last = min((*later, *((premiere.cancelled_on,) if premiere.cancelled_on else ()), today))
    ahead = min(told) - dt.timedelta(days=rng.randint(50, 250))
    day = min(ahead, last - dt.timedelta(days=rng.randint(3, 200)))
    return replace(premiere, announced_on=day)


def _unannounced(facts: Facts, today: dt.date) -> tuple[DemoPremiere, ...]:
    fate = generator(facts.imdb_id, "fate").random()
    main = _main(facts)
    later = facts.released > today + timedelta(days=28)
    if later and fate < 0.30:
        vague = _vague(main, fate, today)
        return (vague,) if vague else ()
    if 0.30 <= fate < 0.36:
        main = _moved(main, facts, today)
    elif 0.36 <= fate < 0.385:
        main = _cancelled(main, facts, today)
    elif 0.385 <= fate < 0.415 and main.kind == "cinema":
        note = reason("rerelease", generator(facts.imdb_id, "note"))
        main = replace(main, rerelease=True, note=note)
    released = (main, *_second(main, facts))
    return tuple(sorted(released, key=lambda premiere: (premiere.date, premiere.kind)))


def rating(facts: Facts, today: dt.date) -> str | None:
    """A Hungarian age rating that suits the genres; None while it is pending."""
    rng = generator(facts.imdb_id, "rating")
    ahead = (facts.released - today).days
    if rng.random() < (0.6 if ahead > 42 else 0.15 if ahead > 14 else 0.01):
        return None
    for genre, ratings in _RATINGS:
        if genre in facts.genres:
            return rng.choice(ratings)
    return rng.choice(("12", "16"))


def distributor(facts: Facts, premiere_kinds: frozenset[str]) -> str:
    """One of `DISTRIBUTORS`; empty for a film that is only streamed."""
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
"""The first genre of these that a film has decides; repeated ratings are likelier."""

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


def _vague(main: DemoPremiere, fate: float, today: dt.date) -> DemoPremiere | None:
    """A date that is known to the month or the year only, or not at all."""
    if fate < 0.05:
        return None
    if fate < 0.13:
        return replace(main, date=dt.date(today.year + 1, 1, 1), precision="year")
    if (main.date.year, main.date.month) == (today.year, today.month):
        return main
    return replace(main, date=main.date.replace(day=1), precision="month")


def _moved(main: DemoPremiere, facts: Facts, today: dt.date) -> DemoPremiere:
    """Moved by one to eight weeks, later more often than earlier."""
    rng = generator(facts.imdb_id, "moved")
    weeks = rng.choice((1, 1, 2, 3, 4, 6, 8, -1, -2))
    old = main.date - timedelta(weeks=weeks)
    told = _told(min(old, main.date), rng, today)
    return replace(main, changes=(DemoChange(old, "day", told, reason("moved", rng)),))


def _cancelled(main: DemoPremiere, facts: Facts, today: dt.date) -> DemoPremiere:
    rng = generator(facts.imdb_id, "cancelled")
    note = reason("cancelled", rng)
    return replace(main, note=note, cancelled_on=_told(main.date, rng, today))


def _told(first: dt.date, rng: Random, today: dt.date) -> dt.date:
    """A day some weeks before `first`, and never after `today`."""
    return min(
        first - timedelta(days=rng.randint(9, 50)), today - timedelta(days=rng.randint(0, 9))
    )


def _second(main: DemoPremiere, facts: Facts) -> tuple[DemoPremiere, ...]:
    """At times a festival or early screenings before a cinema premiere, or a service after it."""
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
