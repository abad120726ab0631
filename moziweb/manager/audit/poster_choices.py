"""Records the posters that workers choose: a new one is shown once its variants are ready."""

from dataclasses import replace

from pyramid.config import Configurator
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource
from moziweb.services import services_of, set_services

from .log import COMMAND, record


def includeme(config: Configurator) -> None:
    """Add the service ``poster_chosen``; include it before ``moziweb.posters``."""
    services = services_of(config.registry)
    set_services(config.registry, replace(services, poster_chosen=record_chosen))


def record_chosen(session: Session, source: PosterSource) -> None:
    """Add an entry: a source became its movie's poster."""
    movie = session.get_one(Movie, source.movie_id)
    change = ("poster", "", f"#{source.id} {source.url or source.file_name or ''}".strip())
    record(session, COMMAND, "poster.shown", movie, utc_now(), [change])
