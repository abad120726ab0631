"""Inserts thousands of real movies, for tests and benchmarks with many rows.

Titles and dates are real (``data/README.md``). Other properties that the manager's lists filter by
are set by rule, for the same share of any number of movies: a missing or failed poster, a missing
date, an old import, an unpublished movie.
"""

import csv
import lzma
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from moziweb.manager.audit.models import AuditEntry
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import FieldProvenance, Movie, Premiere, PremiereKind
from moziweb.movies.slugs import slug_of
from moziweb.movies.text_folding import search_text
from moziweb.posters.models import PosterSource, SourceKind, SourceState

FILE: Final = Path(__file__).parent / "data" / "movies-6000.csv.xz"

OPENING: Final = 14
"""Movies that open in the current week, independent of the number of movies."""

SYNOPSIS: Final = "Kitalált szöveg, olyan hosszú, mint egy igazi. " * 12

Rows = list[dict[str, Any]]


def add_movies(session: Session, count: int, now: datetime) -> None:
    """Insert ``count`` movies from all years with ids from 1. The caller commits."""
    movies = list(_rows())
    movies = [movies[number * len(movies) // count] for number in range(count)]
    latest = max(date.fromisoformat(movie["released"]) for movie in movies)
    shift = week_of(budapest_today(now)).thursday - week_of(latest).thursday
    tables: dict[Any, Rows] = {
        each: [] for each in (Movie, Premiere, PosterSource, FieldProvenance, AuditEntry)
    }
    for number, movie in enumerate(movies, start=1):
        for model, row in _of_a_movie(number, movie, shift, now):
            tables[model].append(row)
    for model, rows in tables.items():
        session.execute(insert(model), rows)


def real_titles() -> list[str]:
    """The titles of all movies of the file."""
    return [movie["title"] for movie in _rows()]


def _rows() -> Iterator[Mapping[str, str]]:
    with lzma.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        # The file has some movies twice.
        yield from {movie["imdb_id"]: movie for movie in csv.DictReader(lines)}.values()


def _of_a_movie(
    number: int, movie: Mapping[str, str], shift: timedelta, now: datetime
) -> Iterator[tuple[Any, dict[str, Any]]]:
    title = movie["title"]
    # Spread changes evenly over one year, for any number of movies.
    changed = now - timedelta(seconds=number * 7919 % 31_536_000)
    yield Movie, {
        "id": number, "title": title, "original_title": title, "slug": slug_of(title),
        "search_text": search_text(title, title), "imdb_id": movie["imdb_id"],
        "synopsis": SYNOPSIS, "synopsis_en": SYNOPSIS,
        "published": number % 10 > 0, "created_at": changed, "updated_at": changed,
    }  # fmt: skip
    if number % 11:
        day = date.fromisoformat(movie["released"]) + shift
        if number <= OPENING:
            day = week_of(budapest_today(now)).thursday
        yield Premiere, {"movie_id": number, "kind": PremiereKind.CINEMA, "date": day}
    if number % 12:
        failed = number % 13 == 0
        yield PosterSource, {
            "movie_id": number, "kind": SourceKind.URL, "chosen": True,
            "url": f"https://posters.example/{number}.jpg",
            "state": SourceState.FAILED if failed else SourceState.READY,
        }  # fmt: skip
    fetched = now - timedelta(days=90 if number % 14 == 0 else 1)
    for name in ("title", "premieres"):
        yield FieldProvenance, {
            "movie_id": number, "field": name, "source": "tmdb", "fetched_at": fetched
        }  # fmt: skip
    yield AuditEntry, {
        "at": changed, "user_name": "anna", "action": "film.import", "subject": "movie",
        "subject_id": number, "subject_name": title, "pages": [],
        "changes": [{"field": "title", "before": "", "after": title}],
    }  # fmt: skip
