"""Slots of pages for cards, backdrops and the picture of a week, which are cached as fragments.

The key of a fragment holds everything that its bytes depend on: the premiere (or the movie, if it
has no premiere), the language, the size of the poster, and when the browser loads it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Final, Self

from markupsafe import Markup

from moziweb.cache import EntryCorruptError
from moziweb.db.types import parse_id
from moziweb.movies.calendar import Week
from moziweb.movies.queries import Listing

from ..view_models import PremiereView

EAGER_CARDS: Final = 6
"""Cards in the first row of the widest layout."""


class Loading(StrEnum):
    """When a browser loads the poster of a card."""

    FIRST = "first"
    """With high priority: the largest contentful paint of the page."""
    EAGER = "eager"
    """At once: it is in the viewport."""
    LAZY = "lazy"
    """When it comes near the viewport."""


BACKDROP: Final = "backdrop"

_COLUMNS: Final = {"large": (5, 6, 4), "dense": (7, 6, 8), "loose": (7, 6, 8), "compact": (4, 5, 3)}
"""Columns of the widest layout by look, the usual number first."""

FULL_SHARE: Final = 0.85
"""The share of a grid's cells that should have a card."""

_SIZES: Final = {"large": "large", "dense": "dense", "loose": "dense", "compact": "small"}
_KEY: Final = re.compile(
    f"(?P<shape>{'|'.join((BACKDROP, *_SIZES.values()))}) (?P<locale>[a-z]+)"
    f" (?P<movie>[0-9]+) (?P<premiere>[0-9]+) (?P<loading>{'|'.join(Loading)})"
)


@dataclass(frozen=True, slots=True)
class FragmentKey:
    """The key of a fragment: a card, or a backdrop.

    ``shape`` is ``backdrop``, or the size of the poster as in the macro ``card`` (``large``,
    ``dense``, ``small``). ``premiere_id`` is 0 for a movie without a date.
    """

    shape: str
    locale: str
    movie_id: int
    premiere_id: int = 0
    loading: Loading = Loading.LAZY

    def __str__(self) -> str:
        return f"{self.shape} {self.locale} {self.movie_id} {self.premiere_id} {self.loading}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of ``str``.

        Raises ``EntryCorruptError`` for any other text: a stored template may be of another origin.
        """
        match = _KEY.fullmatch(text)
        movie_id = parse_id(match["movie"]) if match else None
        premiere_id = parse_id(match["premiere"]) if match and match["premiere"] != "0" else 0
        if match is None or movie_id is None or premiere_id is None:
            raise EntryCorruptError(f"not the key of a fragment: {text[:80]!r}")
        loading = Loading(match["loading"])
        return cls(match["shape"], match["locale"], movie_id, premiere_id, loading)


_PREVIEW: Final = re.compile(r"preview (?P<locale>[a-z]+) (?P<week>[0-9W-]+) (?P<movies>[0-9.]+)")


@dataclass(frozen=True, slots=True)
class PreviewKey:
    """The key of the fragment with the picture of a week, for the head of its page.

    ``movie_ids`` are the movies that it shows, so that the fragment queries no list.
    """

    locale: str
    week: Week
    movie_ids: tuple[int, ...]

    def __str__(self) -> str:
        return f"preview {self.locale} {self.week.name} {'.'.join(map(str, self.movie_ids))}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of ``str``; None if the text is of no such key."""
        match = _PREVIEW.fullmatch(text)
        if match is None:
            return None
        ids = [movie_id for part in match["movies"].split(".") if (movie_id := parse_id(part))]
        try:
            return cls(match["locale"], Week.parse(match["week"]), tuple(ids))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class CardSlot:
    """A slot for a card, and the premiere whose date the card is listed under.

    ``insert`` takes the key of a fragment and returns its slot. ``eager`` is true in the first row
    of a page.
    """

    listing: Listing
    locale: str
    insert: Callable[[str], Markup]
    premiere: PremiereView
    eager: bool = False

    def card(self, look: str, first: bool = False) -> Markup:
        """The slot of the card in a section of this look; ``first`` for the page's first card."""
        loading = Loading.FIRST if first else Loading.EAGER if self.eager else Loading.LAZY
        movie, premiere = self.listing.movie, self.listing.premiere
        premiere_id = premiere.id if premiere else 0
        key = FragmentKey(_SIZES[look], self.locale, movie.id, premiere_id, loading)
        return self.insert(str(key))

    def backdrop(self) -> Markup:
        """The slot of the blurred poster at the top of a page."""
        return self.insert(str(FragmentKey(BACKDROP, "any", self.listing.movie.id)))


@dataclass(frozen=True, slots=True)
class Section:
    """A list of cards with a title. ``note`` is the range of its dates."""

    key: str
    title: str
    note: str
    cards: tuple[CardSlot, ...]
    more_href: str | None = None
    more_text: str = ""

    def columns(self, look: str) -> int:
        """The columns of the widest layout: the first usual number that fills enough of the grid.

        A list that is shorter than any row has the usual number.
        """
        usual = _COLUMNS[look]
        if len(self.cards) < min(usual):
            return usual[0]

        def share(columns: int) -> float:
            return len(self.cards) / (ceil(len(self.cards) / columns) * columns)

        return next((each for each in usual if share(each) >= FULL_SHARE), max(usual, key=share))


def with_eager_row(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The same sections, with ``eager`` set for the first row of the first section with cards."""
    first = next((index for index, section in enumerate(sections) if section.cards), None)
    return tuple(
        replace(section, cards=_eager(section.cards)) if index == first else section
        for index, section in enumerate(sections)
    )


def _eager(cards: tuple[CardSlot, ...]) -> tuple[CardSlot, ...]:
    row = (replace(card, eager=True) for card in cards[:EAGER_CARDS])
    return (*row, *cards[EAGER_CARDS:])
