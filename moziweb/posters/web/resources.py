"""The resource tree of ``/poster/…``: root, movie, source and variant, each with its name and ACL.

An address names all of them in one segment, so the container finds the variant at once and hangs it
below its parents::

    Root                        everyone may view
    └── MovieResource           "1234-dune"; nobody may view an unpublished one
        └── SourceResource      "56"
            └── VariantResource ".thumb.webp"

Looking one up takes one query in a short session of its own: the request's session would stay open
while a poster is made.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from pyramid.authorization import DENY_ALL, Allow, Everyone
from sqlalchemy import and_, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.security import VIEW

from ..generation.admission import AdmissionControl
from ..models import PosterSource, PosterVariant, SourceState, VariantState
from ..urls import CONTAINER, VariantUrl

Acl: TypeAlias = list[tuple[object, object, object]]


class PostersUnavailable(Exception):
    """Nobody can tell what stands at ``address``: the database is away, or too many ask at once."""

    def __init__(self, address: VariantUrl) -> None:
        super().__init__(address.path)
        self.address = address


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
    """``/poster``: finds variants by the one segment that spells their address."""

    __name__ = CONTAINER

    def __init__(self, parent: Root, request: Request) -> None:
        self.__parent__ = parent
        self._request = request

    def __getitem__(self, segment: str) -> "VariantResource":
        """The variant at ``segment``; ``KeyError`` when there is none, or none for this visitor.

        Raises ``PostersUnavailable`` when the database does not answer, and in a burst for what
        the gate does not let in.
        """
        address = VariantUrl.parse(segment)
        if address is None:
            raise KeyError(segment)
        gate: AdmissionControl = self._request.services.poster_admission
        if not gate.try_enter():
            raise PostersUnavailable(address)
        self._request.add_finished_callback(lambda _: gate.leave())
        found = find_variant(self._request.services.database, address)
        if found is None:
            raise KeyError(segment)
        variant = _grow(self.__parent__, address, found)
        if not self._request.has_permission(VIEW, variant):
            raise KeyError(segment)  # what one may not see does not exist
        return variant


@dataclass(frozen=True, slots=True)
class FoundVariant:
    """What the database knows at an address.

    ``slug`` is the movie's own; ``width`` and ``height`` are the source's in pixels, None until it
    was read; ``key`` and ``bucket`` are where the variant is stored, None until it is ready.
    """

    slug: str
    published: bool
    state: SourceState
    next_attempt_at: datetime | None
    width: int | None
    height: int | None
    key: str | None
    bucket: str | None


class MovieResource:
    """A movie, as the parent of its posters."""

    def __init__(self, parent: Root, movie_id: int, slug: str, *, published: bool) -> None:
        self.__parent__ = parent
        self.__name__ = f"{movie_id}-{slug}"
        self.__acl__: Acl = [] if published else [DENY_ALL]


class SourceResource:
    """One of a movie's pictures; it is as visible as its movie."""

    def __init__(self, parent: MovieResource, source_id: int) -> None:
        self.__parent__ = parent
        self.__name__ = str(source_id)
        self.__acl__: Acl = []


class VariantResource:
    """A variant of a source: the thing that an address asks for.

    ``address`` is its one right address, ``asked`` the one that was asked for: the slug may differ.
    """

    def __init__(self, parent: SourceResource, asked: VariantUrl, found: FoundVariant) -> None:
        self.__parent__ = parent
        self.__name__ = asked.recipe.suffix
        self.__acl__: Acl = []
        self.asked = asked
        self.found = found
        self.address = VariantUrl(asked.movie_id, found.slug, asked.source_id, asked.recipe)

    def __resource_url__(self, request: Request, info: dict[str, str]) -> str:
        """What ``request.resource_url`` answers; the tree's own path is not the address."""
        return info["app_url"] + self.address.path


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
"""Built once: building it took longer than asking it, and a burst of requests asks it often."""


def find_variant(database: Database, address: VariantUrl) -> FoundVariant | None:
    """What stands at an address, whatever slug it spells; raises ``PostersUnavailable``.

    A variant of an older recipe, or of older content, counts until its successor is ready.
    """
    asked = {
        "name": address.recipe.name,
        "format": address.recipe.format,
        "movie_id": address.movie_id,
        "source_id": address.source_id,
    }
    try:
        with database.look() as session:
            row = session.execute(_FIND, asked).first()
    except SQLAlchemyError as error:
        raise PostersUnavailable(address) from error
    return FoundVariant(*row) if row else None


def _grow(root: Root, asked: VariantUrl, found: FoundVariant) -> VariantResource:
    movie = MovieResource(root, asked.movie_id, found.slug, published=found.published)
    return VariantResource(SourceResource(movie, asked.source_id), asked, found)
