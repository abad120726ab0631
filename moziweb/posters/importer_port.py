"""External pictures that importers bring, as sources of films' posters."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .fetching.url_policy import ForbiddenUrl, parse_image_url
from .generation import selection
from .generation.upload_store import MAX_URL_LENGTH
from .models import PosterSource, SourceKind


class ImportedPosters:
    """The importers' door to posters (``movies.importers.shelf.PosterShelf``)."""

    def accepts(self, url: str) -> bool:
        """Whether it is a plain http(s) URL of a length that is kept."""
        try:
            parse_image_url(url)
        except ForbiddenUrl:
            return False
        return len(url) <= MAX_URL_LENGTH

    def urls(self, session: Session, movie_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The addresses of each film's external pictures, the chosen one first."""
        rows = session.execute(
            select(PosterSource.movie_id, PosterSource.url)
            .where(
                PosterSource.movie_id.in_(sorted(movie_ids)), PosterSource.kind == SourceKind.URL
            )
            .order_by(PosterSource.chosen.desc(), PosterSource.id.desc())
        )
        found: dict[int, tuple[str, ...]] = {}
        for movie_id, url in rows:
            found[movie_id] = (*found.get(movie_id, ()), url or "")
        return found

    def offer(
        self, session: Session, movie_id: int, url: str, origin: str, fetched_at: datetime
    ) -> None:
        """Add a picture; it is fetched when its variants are made.

        It is chosen where the film shows none, a drawn one, or an earlier one of ``origin`` (as
        ``choosing.choose`` has it: the old one is shown until the new one is ready). What somebody
        uploaded or chose stays.
        """
        chosen = session.scalars(
            select(PosterSource).where(PosterSource.movie_id == movie_id, PosterSource.chosen)
        ).one_or_none()
        gives_way = chosen is None or chosen.kind is SourceKind.DRAWN or chosen.origin == origin
        source = PosterSource(
            movie_id=movie_id, kind=SourceKind.URL, url=url, origin=origin, fetched_at=fetched_at
        )
        if gives_way:
            selection.choose(session, source)
        else:
            session.add(source)

    def renew(self, session: Session, movie_id: int, url: str, fetched_at: datetime) -> None:
        """Note that its source gave the picture's address again; no page shows that."""
        query = select(PosterSource).where(
            PosterSource.movie_id == movie_id, PosterSource.url == url
        )
        for source in session.scalars(query):
            source.fetched_at = fetched_at
