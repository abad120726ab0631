"""Places for cards on pages. A list knows which films stand where; their cards come from the cache.

The key of a card tells everything that shapes its bytes: the premiere (or the film, where it has
none), the language, how large its pictures are shown, and whether they are to be loaded at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from markupsafe import Markup

from moziweb.movies.queries import Listing

EAGER_CARDS: Final = 6
"""How many cards the first row of the widest layout holds."""


class Loading(StrEnum):
    """When a browser is to load a card's picture."""

    FIRST = "first"
    """Before all others: it is what the page is seen by."""
    EAGER = "eager"
    """At once: it is in sight."""
    LAZY = "lazy"
    """When it comes into sight."""


@dataclass(frozen=True, slots=True)
class FragmentKey:
    """A piece of a page: a card, or the backdrop of a film's poster.

    ``shape`` is ``backdrop``, or the macro's word for how large a card's pictures are (``large``,
    ``dense``, ``small``). ``premiere_id`` is 0 for a film without a date.
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
        """The key of what ``str`` wrote."""
        shape, locale, movie_id, premiere_id, loading = text.split(" ")
        return cls(shape, locale, int(movie_id), int(premiere_id), Loading(loading))


BACKDROP: Final = "backdrop"

_SIZES: Final = {"large": "large", "dense": "dense", "loose": "dense", "compact": "small"}


@dataclass(frozen=True, slots=True)
class CardSlot:
    """A place for a card, and the day that it stands under.

    The texts of the day are as in ``Card``. ``eager`` marks the first row of a page.
    """

    listing: Listing
    locale: str
    take: Callable[[str], Markup]
    date_text: str
    date_iso: str
    weekday_text: str
    eager: bool = False

    def card(self, look: str, first: bool = False) -> Markup:
        """The card, for a section of this look; ``first`` is the one the page is seen by."""
        loading = Loading.FIRST if first else Loading.EAGER if self.eager else Loading.LAZY
        premiere = self.listing.premiere
        key = FragmentKey(
            _SIZES[look],
            self.locale,
            self.listing.movie.id,
            premiere.id if premiere else 0,
            loading,
        )
        return self.take(str(key))

    def backdrop(self) -> Markup:
        """The blurred poster behind the top of a page."""
        return self.take(str(FragmentKey(BACKDROP, "any", self.listing.movie.id)))


@dataclass(frozen=True, slots=True)
class Section:
    """A headed list of cards; ``note`` is the span of its dates."""

    key: str
    title: str
    note: str
    cards: tuple[CardSlot, ...]
    more_href: str | None = None
    more_text: str = ""


def with_eager_row(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The same sections, the first row of the first one that has cards marked as eager."""
    first = next((place for place, section in enumerate(sections) if section.cards), None)
    return tuple(
        replace(section, cards=_eager(section.cards)) if place == first else section
        for place, section in enumerate(sections)
    )


def _eager(cards: tuple[CardSlot, ...]) -> tuple[CardSlot, ...]:
    row = (replace(card, eager=True) for card in cards[:EAGER_CARDS])
    return (*row, *cards[EAGER_CARDS:])
