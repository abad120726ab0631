"""vega-datasets' ``movies.json``: a real list of films with many errors.

It has 3,201 films with other headings, dates like "Jun 12 1998" of which ten are in the wrong
century, titles that are numbers, one that is null, films of one title, and a wrong encoding. npm
installs it for the tests, pinned and checked (``tests/npm``); it is not part of the site.
"""

import json
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[2] / "npm/node_modules/vega-datasets/data/movies.json"

MOVIES: Final = 3_201
COLUMNS: Final = ("runtime=Running Time min", "genres=Major Genre")
DATE_FORMAT: Final = "%b %d %Y"

TITLELESS: Final = "item 3054"
OF_ANOTHER_CENTURY: Final = (10, 17, 91, 222, 338, 383, 401, 413, 925, 1046)
"""The items whose dates, such as "Dec 31 2046", are more than ten years ahead."""

BAD: Final = frozenset(
    {(TITLELESS, "title"), *((f"item {each}", "release_date") for each in OF_ANOTHER_CENTURY)}
)


def movies() -> Path:
    """Return the path of the file; the error message has the command that fetches it."""
    if not FILE.exists():
        raise FileNotFoundError(f"{FILE}: `make test-services` fetches it from npm")
    return FILE


def part_of_movies() -> tuple[bytes, dict[str, str]]:
    """Return a list of some of the films, with every kind of error, and their places by the old.

    They are the first ones, all invalid ones, and the films with the titles that tests look for.
    """
    items = json.loads(movies().read_bytes())
    invalid = {place for place, _column in BAD}
    kept = [
        number
        for number, item in enumerate(items, 1)
        if number <= 100 or f"item {number}" in invalid or item["Title"] in {1776, "1776", "Crash"}
    ]
    places = {f"item {old}": f"item {new}" for new, old in enumerate(kept, 1)}
    return json.dumps([items[number - 1] for number in kept]).encode(), places
