"""vega-datasets' ``movies.json``: a real list of films with many errors.

It has 3,201 films with other headings, dates like "Jun 12 1998" of which ten are in the wrong
century, titles that are numbers, one that is null, films of one title, and a wrong encoding. npm
installs it for the tests, pinned and checked (``tests/npm``); it is not part of the site.
"""

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
