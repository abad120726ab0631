"""The data of the site under faults: movies, some with a poster."""

from collections.abc import Mapping

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.settings import load
from moziweb.storage import from_settings
from tests.factories import add_upload
from tests.posters.conftest import picture
from tests.soak.run import prepare

MOVIES_WITH_POSTERS = (1, 2, 3)


def fill(settings: Mapping[str, str]) -> list[str]:
    """Create the schema and the rows; returns the path of a variant of each poster."""
    prepare(settings["sqlalchemy.url"])
    typed = load(dict(settings))
    database, storage = Database(create_engine(typed)), from_settings(typed)
    with database.write() as session:
        paths = []
        for number in MOVIES_WITH_POSTERS:
            movie = session.get_one(Movie, number)
            source = add_upload(session, storage, movie, picture(f"#{number:02x}a0a0"))
            paths.append(f"/poster/{movie.id}-{movie.slug}.{source.id}.thumb.webp")
    database.engine.dispose()
    return paths
