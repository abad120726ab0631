"""A film with all that its form shows, and what the form offers to choose from."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from moziweb.movies.models import (
    Credit,
    Distributor,
    Genre,
    Movie,
    Premiere,
    StreamingService,
)


@dataclass(frozen=True, slots=True)
class FormChoices:
    """What there is to choose from: genres by id, names of distributors and of services."""

    genres: dict[int, str]
    distributors: tuple[str, ...]
    services: tuple[str, ...]


def movie_with_relations(session: Session, movie_id: int) -> Movie | None:
    """A film, published or not, with everything that belongs to it. Six queries at most."""
    return session.scalars(
        select(Movie)
        .where(Movie.id == movie_id)
        .options(
            joinedload(Movie.distributor),
            selectinload(Movie.genre_links),
            selectinload(Movie.premieres).options(
                joinedload(Premiere.service), selectinload(Premiere.changes)
            ),
            selectinload(Movie.credits).joinedload(Credit.person),
            selectinload(Movie.trailers),
            selectinload(Movie.provenance),
        )
        # What another editor has saved meanwhile is what counts, not what was read before.
        .execution_options(populate_existing=True)
    ).one_or_none()


def form_choices(session: Session, locale: str) -> FormChoices:
    """What the form offers, named in ``locale``. Three queries."""
    name = Genre.name if locale == "hu" else Genre.name_en
    genres = session.execute(select(Genre.id, name).order_by(Genre.slug))
    return FormChoices(
        genres={row[0]: row[1] for row in genres},
        distributors=tuple(session.scalars(select(Distributor.name).order_by(Distributor.name))),
        services=tuple(
            session.scalars(select(StreamingService.name).order_by(StreamingService.name))
        ),
    )
