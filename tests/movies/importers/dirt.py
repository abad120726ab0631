"""A short list with many kinds of errors, in the format of ``vega``'s.

It has the demo's films. In addition to the errors in that file it has a runtime of 0 and one in
words, a title that is an array, and a date that is not one. It fits on a page of the manager.
"""

import json
from dataclasses import dataclass

from moziweb.demo.catalogue import shipped_movies

NUMBERS = (1776, 1941, 1408, 2012, 2046, 21, 300, 9, 54)
COLUMNS = ("runtime=Running Time min", "genres=Major Genre")
DATE_FORMAT = "%b %d %Y"


@dataclass(frozen=True)
class Dirt:
    """The file, the number of its films, and the invalid items with their columns."""

    data: bytes
    movies: int
    bad: frozenset[tuple[str, str]]


def dirty_list(movies: int = 200) -> Dirt:
    """Return a list of the first ``movies`` films of the catalogue and a few others."""
    items = [
        _item(movie.title, f"{movie.released:%b %d %Y}", movie.runtime if number % 3 else None)
        for number, movie in enumerate(shipped_movies()[:movies])
    ]
    items += [_item(number, "Jul 06 2001", 100) for number in NUMBERS]
    items += [_item("Hamupipőke", f"Mar 05 {year}", None) for year in (1899, 1950, 2015)]
    items[3] |= {"Title": "AstÈrix aux Jeux Olympiques"}
    invalid: dict[int, dict[str, object]] = {
        10: {"Release Date": "Dec 31 2046"},
        17: {"Release Date": "Aug 01 2044"},
        40: {"Title": None},
        77: {"Running Time min": 0},
        78: {"Running Time min": "1 hr. 40 min."},
        90: {"Title": ["a", {"b": 1}]},
        120: {"Release Date": "TBD"},
    }
    for number, change in invalid.items():
        items[number - 1] |= change
    names = {"Release Date": "release_date", "Title": "title", "Running Time min": "runtime"}
    bad = {(f"item {number}", names[key]) for number, change in invalid.items() for key in change}
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
