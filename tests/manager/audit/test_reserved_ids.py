"""A new row never gets the id of a deleted one."""

from moziweb.db import Database
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinKind
from moziweb.movies.models import Movie, Person
from tests import factories
from tests.conftest import NOW


def test_ids_of_deleted_rows_are_not_given_again(database: Database) -> None:
    with database.write() as session:
        movie, person = factories.make_movie(session, "Törölt"), Person(name="Törölt")
        session.add(person)
        session.flush()
        gone = {movie.id, person.id}
        for kind, row_id in ((BinKind.MOVIE, movie.id), (BinKind.PERSON, person.id)):
            assert Deleter(session, COMMAND, NOW).delete(kind, row_id)
    with database.write() as session:
        rows = [Movie(title=t, original_title=t, slug=t) for t in ("a", "b")]
        people = [Person(name=name) for name in ("a", "b")]
        session.add_all([*rows, *people])
        session.flush()
        movie_ids, person_ids = {row.id for row in rows}, {row.id for row in people}
        assert not gone & (movie_ids | person_ids)
        assert len(movie_ids) == len(person_ids) == 2
