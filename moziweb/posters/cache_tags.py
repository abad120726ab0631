"""The tags of posters: how they are spelled, and which rows bear them.

``variant:{source}:{name}`` is one tag for all formats of a variant, and exists before the variant
does: a page that links the route goes stale when there is an object to link. Choosing another
source for a film is a matter of the film. State, lease and bookkeeping columns bear none.
"""

from pyramid.config import Configurator

from moziweb.cache import tag
from moziweb.caching import DECLARATIONS
from moziweb.movies.tags import movie_tag

from .models import PosterSource, PosterVariant

DECLARATIONS.declare_tag_kinds("source", "variant")


def source_tag(source_id: int) -> str:
    """What reading a source has taught of it: its size and its colours."""
    return tag("source", source_id)


def variant_tag(source_id: int, name: str) -> str:
    """Where a variant is stored."""
    return tag("variant", source_id, name)


# No page shows a source that is not chosen: adding and removing one concerns nobody.
DECLARATIONS.declare(
    PosterSource,
    columns=("movie_id", "chosen"),
    keys=("movie_id", "chosen"),
    tags=lambda row: (movie_tag(row.movie_id),) if row.chosen else (),
)
DECLARATIONS.declare(
    PosterSource,
    columns=("width", "height", "dominant_colour", "sketch"),
    keys=("id",),
    tags=lambda row: (source_tag(row.id),),
)
DECLARATIONS.declare(
    PosterVariant,
    columns=("source_id", "name", "format", "state", "bucket", "key", "width", "height"),
    keys=("source_id", "name"),
    tags=lambda row: (variant_tag(row.source_id, row.name),),
)


def includeme(config: Configurator) -> None:
    """Nothing is left to do: what importing this module declared holds for every application."""
