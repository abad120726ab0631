"""What a drawn poster is made from, and the URL that carries it.

The URL is the whole of a poster's source: `drawn:SEED?title=…&year=…&by=…&with=…`. Whoever draws
needs no database, and two films with the same words still differ by their seed.
"""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from moziweb.demo.errors import InvalidPosterSpec

SCHEME: Final = "drawn"

MAX_URL_LENGTH: Final = 2000
"""Characters; what a source's URL column and every proxy take without complaint."""


@dataclass(frozen=True)
class PosterSpec:
    """The words on a poster and the seed that decides how it looks.

    `seed` is any stable name, an IMDb id for the demo's films. `directors`, `cast` and `genres`
    are in the order in which they are credited; each may be empty.
    """

    seed: str
    title: str
    year: int
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    tagline: str = ""

    def __post_init__(self) -> None:
        if not self.seed.strip():
            raise InvalidPosterSpec("a drawn poster needs a seed")
        if not self.title.strip():
            raise InvalidPosterSpec("a drawn poster needs a title")
        if not 1 <= self.year <= 9999:
            raise InvalidPosterSpec(f"a year has at most four digits, not {self.year}")

    def to_url(self) -> str:
        """The `drawn:` URL of this poster; `from_url` gives back an equal spec."""
        fields = [("title", self.title), ("year", str(self.year))]
        fields += [("by", name) for name in self.directors]
        fields += [("with", name) for name in self.cast]
        fields += [("genre", name) for name in self.genres]
        if self.tagline:
            fields.append(("tagline", self.tagline))
        url = f"{SCHEME}:{quote(self.seed, safe='')}?{urlencode(fields)}"
        if len(url) > MAX_URL_LENGTH:
            raise InvalidPosterSpec(f"a drawn URL of {len(url)} characters; name fewer people")
        return url

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read `url`; InvalidPosterSpec when it is not one that `to_url` writes."""
        if len(url) > MAX_URL_LENGTH:
            raise InvalidPosterSpec(f"a drawn URL has at most {MAX_URL_LENGTH} characters")
        parts = urlsplit(url)
        if parts.scheme != SCHEME:
            raise InvalidPosterSpec(f"not a {SCHEME}: URL: {url[:80]!r}")
        fields = parse_qs(parts.query)
        return cls(
            seed=unquote(parts.path),
            title=_only(fields, "title"),
            year=_year(_only(fields, "year")),
            directors=tuple(fields.get("by", ())),
            cast=tuple(fields.get("with", ())),
            genres=tuple(fields.get("genre", ())),
            tagline=fields.get("tagline", [""])[0],
        )


def _only(fields: dict[str, list[str]], name: str) -> str:
    values = fields.get(name, [])
    if len(values) != 1:
        raise InvalidPosterSpec(f"a drawn URL has one {name}, not {len(values)}")
    return values[0]


def _year(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidPosterSpec(f"not a year: {text!r}")
    return int(text)
