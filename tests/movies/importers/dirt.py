"""A film list with what is bad in more ways than any real one: a small cousin of ``vega``'s.

In its shape, of the demo's films. It has what that file lacks: a runtime of nothing and one in
words, a title that is an array, a date that is none; and it is short enough for the manager's page.
"""

import json
from dataclasses import dataclass

from moziweb.demo.catalogue import shipped_movies

NUMBERS = (1776, 1941, 1408, 2012, 2046, 21, 300, 9, 54)
COLUMNS = ("runtime=Running Time min", "genres=Major Genre")
DATE_FORMAT = "%b %d %Y"


@dataclass(frozen=True)
class Dirt:
    """The file, how many films it has, and which of its items are bad in which column."""

    data: bytes
    movies: int
    bad: frozenset[tuple[str, str]]


def dirty_list(movies: int = 200) -> Dirt:
    """The list of the catalogue's first ``films`` films, and of a few that it lacks."""
    items = [
        _item(movie.title, f"{movie.released:%b %d %Y}", movie.runtime if number % 3 else None)
        for number, movie in enumerate(shipped_movies()[:movies])
    ]
    items += [_item(number, "Jul 06 2001", 100) for number in NUMBERS]
    items += [_item("Hamupipőke", f"Mar 05 {year}", None) for year in (1899, 1950, 2015)]
    items[3] |= {"Title": "AstÈrix aux Jeux Olympiques"}
    spoilt: dict[int, dict[str, object]] = {
        10: {"Release Date": "Dec 31 2046"},
        17: {"Release Date": "Aug 01 2044"},
        40: {"Title": None},
        77: {"Running Time min": 0},
        78: {"Running Time min": "1 hr. 40 min."},
        90: {"Title": ["a", {"b": 1}]},
        120: {"Release Date": "TBD"},
    }
    for number, change in spoilt.items():
        items[number - 1] |= change
    names = {"Release Date": "release_date", "Title": "title", "Running Time min": "runtime"}
    bad = {(f"item {number}", names[key]) for number, change in spoilt.items() for key in change}
    return Dirt(json.dumps(items).encode(), len(items), frozenset(bad))


def _item(title: object, released: str, runtime: object) -> dict[str, object]:
    return {
        "Title": title,
        "US Gross": 146083,
        "Production Budget": None,
        "Release Date": released,
        "MPAA Rating": "PG-13",
        "Running Time min": runtime,
        "Distributor": "Gramercy",
        "Major Genre": "Thriller/Suspense",
        "IMDB Rating": 6.1,
    }
