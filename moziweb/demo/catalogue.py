"""The demo's films: real ones, with dates that straddle today.

Pure: a text and a day go in, frozen values come out. What is fact and what is made up is told in
`data/README.md`.
"""

import csv
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Final

from moziweb.demo.chance import generator
from moziweb.demo.errors import InvalidCatalogue
from moziweb.demo.premieres import DemoPremiere, Facts, distributor, premieres, rating
from moziweb.demo.spec import PosterSpec
from moziweb.demo.texts import Subject, synopsis, tagline
from moziweb.movies.calendar import week_of

WEEKS_AHEAD: Final = 68
"""The last film of the catalogue comes out this many premiere weeks after the present one.

Chosen for the weeks that it brings to the front: 16 films come out in the present week of the
catalogue, as many in the next one, and every week around them has some.
"""

COLUMNS: Final = (
    "imdb_id",
    "title",
    "released",
    "runtime_min",
    "genres",
    "directors",
    "cast",
    "countries",
    "languages",
)

_SUFFIXES: Final = frozenset({"Jr.", "Sr.", "II", "III", "IV"})
_MARK: Final = re.compile(r" \((\d{4} )?film\)$")
"""What tells an article on a film from others of its name; no part of the film's title."""
_ID_LETTERS: Final = string.ascii_letters + string.digits + "_-"


@dataclass(frozen=True)
class Movie:
    """A row of the catalogue's file: facts. Runtime is in minutes; names are English."""

    imdb_id: str
    title: str
    released: date
    runtime: int
    genres: tuple[str, ...]
    directors: tuple[str, ...]
    cast: tuple[str, ...]
    countries: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True)
class DemoTrailer:
    """A video id of the right shape for YouTube that belongs to no video."""

    video_id: str
    name: str
    language: str


@dataclass(frozen=True)
class DemoMovie:
    """A film with all that the demo shows of it.

    `title` and `original_title` are the same: the data holds no Hungarian titles, and none is
    invented. `year` is that of the shifted release. `genres`, `countries`
    and `languages` are English names as in the file. `rating` is None while pending,
    `distributor` empty for a film that is only streamed, `premieres` empty while no date is known,
    `poster` None for a film without one.
    """

    imdb_id: str
    title: str
    original_title: str
    year: int
    runtime: int
    genres: tuple[str, ...]
    directors: tuple[str, ...]
    cast: tuple[str, ...]
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    synopsis: str
    synopsis_en: str
    rating: str | None
    distributor: str
    premieres: tuple[DemoPremiere, ...]
    trailers: tuple[DemoTrailer, ...]
    poster: PosterSpec | None


def demo_movies(today: date) -> tuple[DemoMovie, ...]:
    """The whole catalogue as the demo shows it on `today`, by release date."""
    return tuple(decorated(movie, today) for movie in straddling(shipped_movies(), today))


@lru_cache(maxsize=1)
def shipped_movies() -> tuple[Movie, ...]:
    """The films of the file that comes with the package, with their real dates."""
    path = resources.files("moziweb.demo").joinpath("data/movies.csv")
    return read_movies(path.read_text("utf-8"))


def read_movies(text: str) -> tuple[Movie, ...]:
    """The rows of a catalogue file; InvalidCatalogue names the first line that cannot be read."""
    reader = csv.DictReader(text.splitlines())
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise InvalidCatalogue(f"the catalogue lacks the columns {', '.join(sorted(missing))}")
    movies = []
    for row in reader:
        try:
            movies.append(_movie(row))
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidCatalogue(f"line {reader.line_num} of the catalogue: {error}") from error
    return tuple(movies)


def whole_names(entries: Iterable[str]) -> tuple[str, ...]:
    """People's names with split suffixes joined again and without pairs listed twice.

    "George Tillman", "Jr." becomes "George Tillman Jr."; "Will Speck and Josh Gordon" is left out
    beside "Will Speck" and "Josh Gordon".
    """
    joined: list[str] = []
    for entry in entries:
        if entry in _SUFFIXES and joined:
            joined[-1] = f"{joined[-1]} {entry}"
        else:
            joined.append(entry)
    everyone = frozenset(joined)
    return tuple(name for name in joined if not _is_pair(name, everyone))


def straddling(movies: Iterable[Movie], today: date) -> tuple[Movie, ...]:
    """The films moved by whole weeks, so that the last comes out `WEEKS_AHEAD` weeks from now.

    Every film keeps its weekday and its distance from every other. Weeks are premiere weeks: from
    Thursday to Wednesday the dates stay where they are.
    """
    ordered = sorted(movies, key=lambda movie: (movie.released, movie.imdb_id))
    if not ordered:
        return ()
    goal = week_of(today).shifted(WEEKS_AHEAD)
    shift = goal.thursday - week_of(ordered[-1].released).thursday
    return tuple(replace(movie, released=movie.released + shift) for movie in ordered)


def decorated(movie: Movie, today: date) -> DemoMovie:
    """The film with everything that is made up about it."""
    facts = Facts(movie.imdb_id, movie.released, movie.genres, movie.languages)
    subject = Subject(movie.genres, movie.directors, movie.cast, movie.countries)
    text = synopsis(subject, generator(movie.imdb_id, "synopsis"))
    released = premieres(facts, today)
    kinds = frozenset(premiere.kind for premiere in released)
    return DemoMovie(
        imdb_id=movie.imdb_id,
        title=movie.title,
        original_title=movie.title,
        year=movie.released.year,
        runtime=movie.runtime,
        genres=movie.genres,
        directors=movie.directors,
        cast=movie.cast,
        countries=movie.countries,
        languages=movie.languages,
        synopsis=text.hungarian,
        synopsis_en=text.english,
        rating=rating(facts, today),
        distributor=distributor(facts, kinds),
        premieres=released,
        trailers=_trailers(movie),
        poster=_poster(movie, subject),
    )


def _movie(row: dict[str, str]) -> Movie:
    return Movie(
        imdb_id=row["imdb_id"],
        title=_MARK.sub("", row["title"]),
        released=date.fromisoformat(row["released"]),
        runtime=int(row["runtime_min"]),
        genres=_listed(row["genres"]),
        directors=whole_names(_listed(row["directors"])),
        cast=whole_names(_listed(row["cast"])),
        countries=_listed(row["countries"]),
        languages=_listed(row["languages"]),
    )


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _is_pair(name: str, everyone: frozenset[str]) -> bool:
    parts = name.split(" and ")
    return len(parts) > 1 and everyone.issuperset(parts)


def _trailers(movie: Movie) -> tuple[DemoTrailer, ...]:
    """None for two films in five, else one with Hungarian words and at times an English one."""
    rng = generator(movie.imdb_id, "trailers")
    draw = rng.random()
    if draw < 0.4:
        return ()
    kinds = (("Magyar feliratos előzetes", "hu"), ("Original trailer", "en"))
    return tuple(
        DemoTrailer("demo" + "".join(rng.choices(_ID_LETTERS, k=7)), name, language)
        for name, language in kinds[: 2 if draw > 0.85 else 1]
    )


def _poster(movie: Movie, subject: Subject) -> PosterSpec | None:
    """What the film's poster is drawn from; one film in forty has none."""
    if generator(movie.imdb_id, "poster").random() < 0.025:
        return None
    return PosterSpec(
        seed=movie.imdb_id,
        title=movie.title,
        year=movie.released.year,
        directors=movie.directors,
        cast=movie.cast[:8],
        genres=movie.genres,
        tagline=tagline(subject, generator(movie.imdb_id, "tagline")),
    )
