"""The interface of the poster service for importers, which are a layer below it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


class PosterPort(Protocol):
    """Stores external images as poster sources of movies."""

    def is_allowed_url(self, url: str) -> bool:
        """Whether an image may be fetched from ``url``."""

    def urls(self, session: Session, movie_ids: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
        """Return the URLs of each movie's external images, the chosen one first."""

    def add(
        self, session: Session, movie_id: int, url: str, origin: str, fetched_at: datetime
    ) -> None:
        """Add an image. It is chosen unless an image was chosen from another source."""

    def set_fetched_at(
        self, session: Session, movie_id: int, url: str, fetched_at: datetime
    ) -> None:
        """Set ``fetched_at`` of the image with this URL."""
