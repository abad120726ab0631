"""vega-datasets' ``movies.json``: a film list that strangers made, and as dirty as they come.

It has 3,201 films under headings of its own: dates like "Jun 12 1998" of which ten are in the wrong
century, titles that are numbers, one that is null, films of one title, letters of a wrong encoding.
npm brings it, pinned and checked (``tests/npm``), for tests alone: it is no part of the site.
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
    """Where the file is; whoever runs tests by hand is told how it comes there."""
    if not FILE.exists():
        raise FileNotFoundError(f"{FILE}: `make test-services` fetches it from npm")
    return FILE
