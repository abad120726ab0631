"""The spec of a drawn poster, and its URL.

The URL contains the whole spec, `drawn:SEED?title=…&year=…&by=…&with=…`, so drawing needs no
database. Two movies with the same texts differ by their seeds.
"""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from moziweb.demo.errors import InvalidPosterSpec

SCHEME: Final = "drawn"

MAX_SPEC_URL_LENGTH: Final = 2000
"""Maximum number of characters; URL columns and proxies accept it."""


@dataclass(frozen=True)
class PosterSpec:
    """The texts of a poster, and the seed that determines its look.

    `seed` is any stable name; the demo's movies use their IMDb ids. `directors`, `cast` and
    `genres` are in the order of the credits; each may be empty.
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
        """The `drawn:` URL of this poster, from which `from_url` makes an equal spec."""
        fields = [("title", self.title), ("year", str(self.year))]
        fields += [("by", name) for name in self.directors]
        fields += [("with", name) for name in self.cast]
        fields += [("genre", name) for name in self.genres]
        if self.tagline:
            fields.append(("tagline", self.tagline))
        url = f"{SCHEME}:{quote(self.seed, safe='')}?{urlencode(fields)}"
        if len(url) > MAX_SPEC_URL_LENGTH:
            raise InvalidPosterSpec(f"a drawn URL of {len(url)} characters; name fewer people")
        return url

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Parse `url`; raise InvalidPosterSpec if it is malformed."""
        if len(url) > MAX_SPEC_URL_LENGTH:
            raise InvalidPosterSpec(f"a drawn URL has at most {MAX_SPEC_URL_LENGTH} characters")
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
