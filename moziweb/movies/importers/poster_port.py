"""What the importers ask of posters, which live on the floor above: it is handed in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


class PosterPort(Protocol):
    """External pictures as sources of films' posters."""

    def accepts(self, url: str) -> bool:
        """Whether a picture may be fetched from there at all."""

    def urls(self, session: Session, movie_ids: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
        """The addresses of each film's external pictures, the chosen one first."""

    def offer(
        self, session: Session, movie_id: int, url: str, origin: str, fetched_at: datetime
    ) -> None:
        """Add a picture. It is chosen where the film has none but drawn ones and ``origin``'s."""

    def renew(self, session: Session, movie_id: int, url: str, fetched_at: datetime) -> None:
        """Note that the picture's address was given again."""
