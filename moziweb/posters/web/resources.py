"""Resource tree of ``/poster/…``: root, movie, source and variant, each with its name and ACL.

A variant URL names all of them in one segment, so the container looks the variant up and builds its
parents::

    Root                        everyone may view
    └── MoviePosters           "1234-dune"; an unpublished one denies all access
        └── SourceResource      "56"
            └── VariantResource ".thumb.webp"

A lookup takes one query in its own short session: the request's session would stay open while a
poster is made.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from pyramid.authorization import DENY_ALL, Allow, Everyone
from sqlalchemy import and_, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from moziweb.db import Database
from moziweb.db.retry import is_connection_lost
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.security import VIEW

from ..generation.admission import AdmissionControl
from ..models import PosterSource, PosterVariant, SourceState, VariantState
from ..urls import CONTAINER, VariantUrl

Acl: TypeAlias = list[tuple[object, object, object]]


TRANSACTION: Final = "poster"
"""The name of requests for posters in metrics and logs: no route matches them."""


class VariantUnavailable(Exception):
    """A lookup was not made: the database is down, or too many requests are admitted."""

    transaction = TRANSACTION

    def __init__(self, url: VariantUrl) -> None:
        super().__init__(url.path)
        self.url = url


class Root:
    """The root of the site's resources."""

    __name__ = ""
    __parent__ = None
    __acl__: Final[Acl] = [(Allow, Everyone, VIEW)]

    def __init__(self, request: Request) -> None:
        self._request = request

    def __getitem__(self, name: str) -> "PosterContainer":
        if name != CONTAINER:
            raise KeyError(name)
        return PosterContainer(self, self._request)


class PosterContainer:
    """``/poster``: looks variants up by the one segment of their URL."""

    __name__ = CONTAINER
    transaction = TRANSACTION

    def __init__(self, parent: Root, request: Request) -> None:
        self.__parent__ = parent
        self._request = request

    def __getitem__(self, segment: str) -> "VariantResource":
        """The variant at ``segment``; raises ``KeyError`` if there is none or it may not be viewed.

        Raises ``VariantUnavailable`` if the database is down, or if admission control refuses the
        request in a burst.
        """
        url = VariantUrl.parse(segment)
        if url is None:
            raise KeyError(segment)
        admission: AdmissionControl = self._request.services.poster_admission
        if not admission.try_enter():
            raise VariantUnavailable(url)
        self._request.add_finished_callback(lambda _: admission.leave())
        found = find_variant(self._request.services.database, url)
        if found is None:
            raise KeyError(segment)
        movie = MoviePosters(self.__parent__, url.movie_id, found.slug, published=found.published)
        variant = VariantResource(SourceResource(movie, url.source_id), url, found)
        if not self._request.has_permission(VIEW, variant):
            raise KeyError(segment)  # do not reveal that it exists
        return variant


@dataclass(frozen=True, slots=True)
class FoundVariant:
    """The row of a variant, its source and its movie.

    ``width`` and ``height`` are the source's in pixels, None until it was read; ``key`` and
    ``bucket`` are those of the variant's object, None until it is ready.
    """

    slug: str
    published: bool
    state: SourceState
    next_attempt_at: datetime | None
    width: int | None
    height: int | None
    key: str | None
    bucket: str | None


class MoviePosters:
    """A movie, as the parent of its posters."""

    def __init__(self, parent: Root, movie_id: int, slug: str, *, published: bool) -> None:
        self.__parent__ = parent
        self.__name__ = f"{movie_id}-{slug}"
        self.__acl__: Acl = [] if published else [DENY_ALL]


class SourceResource:
    """A source; the ACL of its movie applies."""

    def __init__(self, parent: MoviePosters, source_id: int) -> None:
        self.__parent__ = parent
        self.__name__ = str(source_id)
        self.__acl__: Acl = []


class VariantResource:
    """A variant of a source; ``canonical_url`` has the movie's slug, ``requested_url`` any."""

    transaction = TRANSACTION

    def __init__(self, parent: SourceResource, url: VariantUrl, found: FoundVariant) -> None:
        self.__parent__ = parent
        self.__name__ = url.recipe.suffix
        self.__acl__: Acl = []
        self.found = found
        self.requested_url = url
        self.canonical_url = replace(url, slug=found.slug)

    def __resource_url__(self, request: Request, info: dict[str, str]) -> str:
        """Used by ``request.resource_url``: the path of the tree is not the URL."""
        return info["app_url"] + self.canonical_url.path


_FIND: Final = (
    select(
        Movie.slug,
        Movie.published,
        PosterSource.state,
        PosterSource.next_attempt_at,
        PosterSource.width,
        PosterSource.height,
        PosterVariant.key,
        PosterVariant.bucket,
    )
    .join(PosterSource, PosterSource.movie_id == Movie.id)
    .outerjoin(
        PosterVariant,
        and_(
            PosterVariant.source_id == PosterSource.id,
            PosterVariant.name == bindparam("name"),
            PosterVariant.format == bindparam("format"),
            PosterVariant.state == VariantState.READY,
        ),
    )
    .where(Movie.id == bindparam("movie_id"), PosterSource.id == bindparam("source_id"))
)
"""Built once: building the query took longer than running it."""


def find_variant(database: Database, url: VariantUrl) -> FoundVariant | None:
    """Look up a variant, ignoring the slug of its URL; raises ``VariantUnavailable``.

    A variant of an older recipe, or of older content, is found until its successor is ready. If the
    connection is lost, the query is run again at once; an outage is not waited for.
    """
    parameters = {
        "name": url.recipe.name,
        "format": url.recipe.format,
        "movie_id": url.movie_id,
        "source_id": url.source_id,
    }
    for is_last in (False, True):
        try:
            with database.autocommit_read() as session:
                row = session.execute(_FIND, parameters).first()
            break
        except SQLAlchemyError as error:
            if is_last or not is_connection_lost(error):
                raise VariantUnavailable(url) from error
    return FoundVariant(*row) if row else None
