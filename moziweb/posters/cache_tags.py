"""Cache tags of posters, and the columns that invalidate them.

``variant:{source}:{name}`` is one tag for all formats of a variant. Pages use it before the variant
exists, so a page that links the route becomes stale when the variant is ready. Choosing another
source of a movie invalidates the movie's tag. Columns of state, leases and bookkeeping have no tag.
"""

from pyramid.config import Configurator

from moziweb.cache import tag
from moziweb.caching import DECLARATIONS
from moziweb.movies.tags import movie_tag

from .models import PosterSource, PosterVariant, SharePicture

DECLARATIONS.declare_tag_kinds("share", "source", "variant")


def source_tag(source_id: int) -> str:
    """The tag of a source's size and colours."""
    return tag("source", source_id)


def variant_tag(source_id: int, name: str) -> str:
    """The tag of a variant's URL and size."""
    return tag("variant", source_id, name)


def share_tag(subject: str, locale: str) -> str:
    """The tag of the picture of a link to ``subject`` in a language."""
    return tag("share", subject, locale)


# No page shows a source that is not chosen, so adding and removing it has no effect.
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
DECLARATIONS.declare(
    SharePicture,
    columns=("subject", "locale", "digest", "bucket", "key", "superseded_at"),
    keys=("subject", "locale"),
    tags=lambda row: (share_tag(row.subject, row.locale),),
)


def includeme(config: Configurator) -> None:
    """Do nothing: the import of this module has declared the tags."""
