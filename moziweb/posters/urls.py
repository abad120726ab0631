"""URLs of poster variants.

A ready variant is linked at its storage URL (S3, a CDN). A variant that is not ready is linked at a
route of the site, which makes it and redirects. The links of a page take one query and no request
to the storage.

`PosterLinks` also records a page's cache dependencies: reading the URL or size of a variant makes
the page depend on that variant only.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.storage import Storage

from .cache_tags import source_tag, variant_tag
from .imaging.palette_css import tone_class
from .models import PosterSource, PosterVariant, VariantState
from .recipes import POSTER, Recipe, find_recipe

CONTAINER: Final = "poster"
"""The first path segment of variant URLs: the name of a resource in the root."""


_SEGMENT: Final = re.compile(
    r"(?P<movie>[0-9]+)-(?P<slug>[a-z0-9-]+)"
    r"\.(?P<source>[0-9]+)(?:\.(?P<name>[a-z]+))?\.(?P<ext>[a-z]+)"
)


@dataclass(frozen=True, slots=True)
class VariantUrl:
    """The parts of ``/poster/{movie_id}-{slug}.{media_id}[.{name}].{ext}``."""

    movie_id: int
    slug: str
    source_id: int
    recipe: Recipe

    @classmethod
    def parse(cls, segment: str) -> Self | None:
        """Parse a path segment; None if it is malformed.

        A variant has only one URL: ids have no leading zeros, the full poster has no name, and ids
        above the database's maximum and unknown recipes are malformed.
        """
        match = _SEGMENT.fullmatch(segment)
        if match is None or match["name"] == POSTER:
            return None
        recipe = find_recipe(match["name"] or POSTER, match["ext"])
        movie_id, source_id = parse_id(match["movie"]), parse_id(match["source"])
        if recipe is None or movie_id is None or source_id is None:
            return None
        return cls(movie_id, match["slug"], source_id, recipe)

    @property
    def segment(self) -> str:
        """The last segment of the path."""
        return f"{self.movie_id}-{self.slug}.{self.source_id}{self.recipe.suffix}"

    @property
    def path(self) -> str:
        """The whole path, which needs no percent-encoding."""
        return f"/{CONTAINER}/{self.segment}"


@dataclass(frozen=True, slots=True)
class StoredVariant:
    """A ready variant: its storage key, its storage URL and its size in pixels."""

    key: str
    url: str
    width: int
    height: int


def _ignore(_tag: str) -> None:
    """Record nothing, for pages that are not cached."""


@dataclass(frozen=True, slots=True)
class PosterLinks:
    """The data that a page needs to show a movie's chosen poster.

    ``width`` and ``height`` are the source's, in pixels; ``dominant_colour`` is ``#rrggbb``;
    ``sketch`` is described in `imaging.variants.VariantSet`. All are None until the source has been
    read for the first time.
    """

    movie_id: int
    slug: str
    source_id: int
    width: int | None
    height: int | None
    dominant_colour: str | None
    sketch: str | None
    stored: dict[tuple[str, str], StoredVariant] = field(default_factory=dict)
    depend: Callable[[str], None] = field(default=_ignore, repr=False, compare=False)

    def with_recorder(self, depend: Callable[..., None]) -> Self:
        """A copy that calls ``depend`` with the tag of each value that is read."""
        return replace(self, depend=depend)

    @property
    def tone(self) -> str:
        """The CSS class nearest to the dominant colour."""
        self.depend(source_tag(self.source_id))
        return tone_class(self.dominant_colour)

    @property
    def parts(self) -> tuple[str, ...]:
        """The colours of the sketch as ``rgb``, row by row; empty if unknown."""
        self.depend(source_tag(self.source_id))
        sketch = self.sketch or ""
        return tuple(sketch[at : at + 3] for at in range(0, len(sketch), 3))

    @property
    def colour(self) -> str | None:
        """The dominant colour, ``#rrggbb``; None if unknown."""
        self.depend(source_tag(self.source_id))
        return self.dominant_colour

    def stored_key(self, name: str, format: str) -> str | None:  # noqa: A002
        """The storage key of the variant; None if it is not ready."""
        self.depend(variant_tag(self.source_id, name))
        stored = self.stored.get((name, format))
        return stored.key if stored else None

    def is_ready(self, name: str, format: str) -> bool:  # noqa: A002 - the recipe's attribute name
        """Whether the variant is stored, so that its URL is not the route that makes it."""
        self.depend(variant_tag(self.source_id, name))
        return (name, format) in self.stored

    def url(self, name: str, format: str) -> str:  # noqa: A002 - the recipe's attribute name
        """The storage URL of the variant, or the route that makes it if it is not ready.

        ``name`` is ``full``, ``poster``, ``medium``, ``thumb``, ``small``, ``blur`` or ``square``,
        ``format`` ``jpg``, ``webp`` or ``avif``. Raises LookupError if there is no such recipe.
        """
        self.depend(variant_tag(self.source_id, name))
        stored = self.stored.get((name, format))
        if stored:
            return stored.url
        return VariantUrl(self.movie_id, self.slug, self.source_id, _recipe(name, format)).path

    def size(self, name: str, format: str) -> tuple[int, int]:  # noqa: A002
        """Width and height in pixels: stored, computed from the source, or the recipe's box."""
        self.depend(variant_tag(self.source_id, name))
        self.depend(source_tag(self.source_id))
        stored = self.stored.get((name, format))
        if stored:
            return stored.width, stored.height
        recipe = _recipe(name, format)
        if self.width and self.height:
            return recipe.fitted_size(self.width, self.height)
        return recipe.box


def poster_links(
    session: Session, storage: Storage, movies: Mapping[int, str]
) -> dict[int, PosterLinks]:
    """The links of the movies' chosen posters by movie id, in one query.

    ``movies`` are slugs by id. Movies without a chosen source are omitted.
    """
    rows = session.execute(POSTERS_QUERY.where(PosterSource.movie_id.in_(movies)))
    return links_of(rows, storage, movies)


def links_of(
    rows: Iterable[Any], storage: Storage, movies: Mapping[int, str]
) -> dict[int, PosterLinks]:
    """The links by movie id, from rows of ``POSTERS_QUERY``."""
    links: dict[int, PosterLinks] = {}
    for row in rows:
        if row.movie_id not in links:
            links[row.movie_id] = PosterLinks(
                movie_id=row.movie_id,
                slug=movies[row.movie_id],
                source_id=row.id,
                width=row.width,
                height=row.height,
                dominant_colour=row.dominant_colour,
                sketch=row.sketch,
            )
        if row.key is not None:
            links[row.movie_id].stored[row.name, row.format] = StoredVariant(
                row.key, storage.url(row.key, row.bucket), row.variant_width, row.variant_height
            )
    return links


def variant_paths(
    session: Session,
    movies: Mapping[int, str],
    name: str,
    format: str,  # noqa: A002 - the recipe's attribute name
) -> dict[int, str]:
    """The route's paths of a variant of the movies' chosen posters by movie id, in one query.

    ``movies`` are slugs by id. The paths stay the same when the variant is made, so a page with
    them depends on the tags of the movies alone.
    """
    query = select(PosterSource.movie_id, PosterSource.id).where(
        PosterSource.chosen, PosterSource.movie_id.in_(movies)
    )
    recipe = _recipe(name, format)
    return {
        row.movie_id: VariantUrl(row.movie_id, movies[row.movie_id], row.id, recipe).path
        for row in session.execute(query)
    }


# A source has at most one ready variant of a name and format: publication supersedes the others. A
# variant of an old recipe stays ready and linked until its successor is published.
POSTERS_QUERY: Final = (
    select(
        PosterSource.movie_id,
        PosterSource.id,
        PosterSource.width,
        PosterSource.height,
        PosterSource.dominant_colour,
        PosterSource.sketch,
        PosterVariant.name,
        PosterVariant.format,
        PosterVariant.bucket,
        PosterVariant.key,
        PosterVariant.width.label("variant_width"),
        PosterVariant.height.label("variant_height"),
    )
    .outerjoin(
        PosterVariant,
        and_(PosterVariant.source_id == PosterSource.id, PosterVariant.state == VariantState.READY),
    )
    .where(PosterSource.chosen)
)


def _recipe(name: str, format_: str) -> Recipe:
    recipe = find_recipe(name, format_)
    if recipe is None:
        raise LookupError(f"no recipe makes a {name} in {format_}")
    return recipe
