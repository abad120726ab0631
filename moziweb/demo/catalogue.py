"""The demo's movies: real ones, with dates moved around today.

Functions take a text and a day and return frozen values. `data/README.md` says which data is real
and which is invented.
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
from moziweb.demo.premieres import DemoPremiere, Facts, distributor, premieres, sample_rating
from moziweb.demo.spec import PosterSpec
from moziweb.demo.texts import TextSubject, synopsis, tagline
from moziweb.movies.calendar import week_of

WEEKS_AHEAD: Final = 68
"""Premiere weeks from the current one to that of the catalogue's last movie.

With this number, 16 movies have their premiere in the current week and 16 in the next one, and all
weeks around them have some.
"""

CATALOGUE_COLUMNS: Final = (
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
"""The suffix of an article's name that is not part of the movie's title."""
_ID_LETTERS: Final = string.ascii_letters + string.digits + "_-"


@dataclass(frozen=True)
class CatalogueMovie:
    """A row of the catalogue file; all data is real. Runtime is in minutes; names are English."""

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
    """A trailer with a well-formed YouTube id that belongs to no video."""

    video_id: str
    name: str
    language: str


@dataclass(frozen=True)
class DemoMovie:
    """A movie with all its demo data.

    `title` and `original_title` are the same, because the data has no Hungarian titles. `year` is
    that of the shifted release. `genres`, `countries` and `languages` are English names as in the
    file. `rating` is None if pending, `distributor` is empty for a movie that is only streamed,
    `premieres` is empty if no date is known, and `poster` is None for a movie without one.
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
    """All movies of the demo, with dates around `today`, by release date."""
    return tuple(decorated(movie, today) for movie in straddling(shipped_movies(), today))


@lru_cache(maxsize=1)
def shipped_movies() -> tuple[CatalogueMovie, ...]:
    """The movies of the package's catalogue file, with their real dates."""
    path = resources.files("moziweb.demo").joinpath("data/movies.csv")
    return read_movies(path.read_text("utf-8"))


def read_movies(text: str) -> tuple[CatalogueMovie, ...]:
    """Parse a catalogue file; raise InvalidCatalogue with the number of the first bad line."""
    reader = csv.DictReader(text.splitlines())
    missing = set(CATALOGUE_COLUMNS) - set(reader.fieldnames or ())
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
    """Join split suffixes of names, and omit pairs whose members are listed, too.

    "George Tillman", "Jr." becomes "George Tillman Jr."; "Will Speck and Josh Gordon" is omitted if
    "Will Speck" and "Josh Gordon" are listed.
    """
    joined: list[str] = []
    for entry in entries:
        if entry in _SUFFIXES and joined:
            joined[-1] = f"{joined[-1]} {entry}"
        else:
            joined.append(entry)
    names = frozenset(joined)
    return tuple(name for name in joined if not _is_pair(name, names))


def straddling(movies: Iterable[CatalogueMovie], today: date) -> tuple[CatalogueMovie, ...]:
    """Shift all releases by the same number of weeks; the last is in `WEEKS_AHEAD` weeks.

    Weekdays and intervals are kept. Weeks are premiere weeks, so the dates are the same from
    Thursday to Wednesday.
    """
    ordered = sorted(movies, key=lambda movie: (movie.released, movie.imdb_id))
    if not ordered:
        return ()
    last_week = week_of(today).shifted(WEEKS_AHEAD)
    shift = last_week.thursday - week_of(ordered[-1].released).thursday
    return tuple(replace(movie, released=movie.released + shift) for movie in ordered)


def decorated(movie: CatalogueMovie, today: date) -> DemoMovie:
    """Add the invented data to a movie."""
    facts = Facts(movie.imdb_id, movie.released, movie.genres, movie.languages)
    subject = TextSubject(movie.genres, movie.directors, movie.cast, movie.countries)
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
        rating=sample_rating(facts, today),
        distributor=distributor(facts, kinds),
        premieres=released,
        trailers=_trailers(movie),
        poster=_poster(movie, subject),
    )


def _movie(row: dict[str, str]) -> CatalogueMovie:
    return CatalogueMovie(
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


def _is_pair(name: str, names: frozenset[str]) -> bool:
    parts = name.split(" and ")
    return len(parts) > 1 and names.issuperset(parts)


def _trailers(movie: CatalogueMovie) -> tuple[DemoTrailer, ...]:
    """No trailers for two movies in five, else a Hungarian one and sometimes an English one."""
    rng = generator(movie.imdb_id, "trailers")
    draw = rng.random()
    if draw < 0.4:
        return ()
    kinds = (("Magyar feliratos előzetes", "hu"), ("Original trailer", "en"))
    return tuple(
        DemoTrailer("demo" + "".join(rng.choices(_ID_LETTERS, k=7)), name, language)
        for name, language in kinds[: 2 if draw > 0.85 else 1]
    )


def _poster(movie: CatalogueMovie, subject: TextSubject) -> PosterSpec | None:
    """The spec of the movie's poster; one movie in forty has none."""
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
