"""Adds external images of importers as poster sources of movies."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .fetching.fetcher import DEFAULT_POLICY, FetchPolicy
from .fetching.url_policy import ForbiddenUrl
from .generation import selection
from .generation.upload_store import MAX_SOURCE_URL_LENGTH
from .models import PosterSource, SourceKind


@dataclass(frozen=True, slots=True)
class ImportedPosters:
    """Implementation of ``movies.importers.poster_port.PosterPort``."""

    policy: FetchPolicy = DEFAULT_POLICY

    def is_allowed_url(self, url: str) -> bool:
        """Whether ``url`` may be fetched, by its form and port, and fits into the column."""
        try:
            self.policy.check_url(url)
        except ForbiddenUrl:
            return False
        return len(url) <= MAX_SOURCE_URL_LENGTH

    def urls(self, session: Session, movie_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The URLs of each movie's external images by movie id, the chosen one first."""
        is_external = PosterSource.kind == SourceKind.URL
        query = (
            select(PosterSource.movie_id, PosterSource.url)
            .where(PosterSource.movie_id.in_(sorted(movie_ids)), is_external)
            .order_by(PosterSource.chosen.desc(), PosterSource.id.desc())
        )
        urls: dict[int, tuple[str, ...]] = {}
        for movie_id, url in session.execute(query):
            urls[movie_id] = (*urls.get(movie_id, ()), url or "")
        return urls

    def add(
        self, session: Session, movie_id: int, url: str, origin: str, fetched_at: datetime
    ) -> None:
        """Add a source; its image is fetched when its variants are made.

        It is chosen by `selection.choose_source` if the movie has no chosen source, a drawn one, or
        one of the same ``origin``. A poster that an editor uploaded or chose is not replaced.
        """
        chosen = select(PosterSource).where(PosterSource.movie_id == movie_id, PosterSource.chosen)
        old = session.scalars(chosen).one_or_none()
        is_replaceable = old is None or old.kind is SourceKind.DRAWN or old.origin == origin
        source = PosterSource(
            movie_id=movie_id, kind=SourceKind.URL, url=url, origin=origin, fetched_at=fetched_at
        )
        if is_replaceable:
            selection.choose_source(session, source)
        else:
            session.add(source)

    def set_fetched_at(
        self, session: Session, movie_id: int, url: str, fetched_at: datetime
    ) -> None:
        """Set ``fetched_at`` of the source with this URL; no page shows it."""
        query = select(PosterSource).where(PosterSource.movie_id == movie_id)
        for source in session.scalars(query.where(PosterSource.url == url)):
            source.fetched_at = fetched_at
