"""Loads movies and returns them as ``Snapshot``. Seven queries for any number of movies."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import Credit, CreditRole, Movie, Premiere
from moziweb.movies.movie_rows import relations

from .candidate import GenreFact, PersonFact, PremiereFact, TrailerFact
from .fields import MOVIE_COLUMNS
from .planning import Snapshot
from .premieres import StoredPremiere


def load_movies(session: Session, movie_ids: Collection[int]) -> dict[int, Movie]:
    """Return movies by id, published or not, with all that an import can change."""
    if not movie_ids:
        return {}
    query = select(Movie).where(Movie.id.in_(sorted(movie_ids))).options(*relations())
    return {movie.id: movie for movie in session.scalars(query)}


def snapshot(movie: Movie, posters: tuple[str, ...] = ()) -> Snapshot:
    """Return a movie as frozen values; ``posters`` are the URLs of its external images."""
    values: dict[str, Any] = {name: _column(getattr(movie, name)) for name in MOVIE_COLUMNS}
    values["distributor"] = movie.distributor.name if movie.distributor else None
    values["genres"] = tuple(
        GenreFact(link.genre.name, link.genre.name_en) for link in movie.genre_links
    )
    values["directors"] = _people(movie.credits, CreditRole.DIRECTOR)
    values["cast"] = _people(movie.credits, CreditRole.CAST)
    values["trailers"] = tuple(
        TrailerFact(each.site, each.video_id, each.name, each.language, each.published_at)
        for each in movie.trailers
    )
    values["poster"] = posters[0] if posters else None
    return Snapshot(
        movie.id,
        values,
        premieres=tuple(_stored_premieres(each) for each in movie.premieres),
        posters=posters,
        sources={each.field: each.source for each in movie.provenance},
        fetched={each.field: each.fetched_at for each in movie.provenance},
    )


def _column(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _people(credits_: Iterable[Credit], role: CreditRole) -> tuple[PersonFact, ...]:
    return tuple(
        PersonFact(credit.person.name, credit.character, credit.person.tmdb_id)
        for credit in credits_
        if credit.role is role
    )


def _stored_premieres(premiere: Premiere) -> StoredPremiere:
    fact = PremiereFact(
        premiere.date,
        premiere.precision,
        premiere.kind,
        premiere.rerelease,
        premiere.service.name if premiere.service else "",
        premiere.note,
        premiere.formats,
    )
    return StoredPremiere(premiere.id, fact, cancelled=premiere.cancelled_at is not None)
