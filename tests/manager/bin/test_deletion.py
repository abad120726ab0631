"""Deleting into the bin and bringing back: every row, and exactly the pages that change."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database
from moziweb.db.meta import Base
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import (
    BIN_RETENTION,
    Restored,
    RestoreRefused,
    latest_item,
    restore,
)
from moziweb.manager.movies.changes import AuditedMovies
from moziweb.manager.undo.reversal import undone_by
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import Credit, CreditRole, Distributor, Genre, Movie, MovieGenre, Person
from moziweb.posters.models import HeldObject, PosterSource, SourceState
from moziweb.services import services_of
from tests import factories
from tests.site import conftest as site_conftest
from tests.site import test_exactness
from tests.site.cached import Movies, half_of, now, ready_variant, write
from tests.site.test_exactness import Site, paths_of

Rows = dict[str, list[tuple[Any, ...]]]

DERIVED = {"version", "updated_at"}
"""Columns of a movie that grow with each change of its parts."""


cached, plain, movies = site_conftest.cached, test_exactness.plain, test_exactness.movies
"""The fixtures of the site's tests: on both databases."""


def delete(session: Session, kind: BinKind, row_id: int, at: datetime | None = None) -> BinItem:
    done = Deleter(session, COMMAND, at or now()).delete(kind, row_id)
    assert done is not None
    return done.item


def bring_back(
    session: Session, kind: BinKind, row_id: int, at: datetime | None = None
) -> Restored:
    item = latest_item(session, kind, row_id)
    assert item is not None
    return restore(session, item, COMMAND, at or now())


def all_rows(session: Session) -> Rows:
    """The rows of all tables but the bin and the audit log."""
    own = {"manager_bin", "manager_audit", "cache_outbox"}
    return {
        table.name: sorted(
            map(
                tuple,
                session.execute(
                    select(*(column for column in table.c if column.name not in DERIVED))
                ),
            ),
            key=repr,
        )
        for table in Base.metadata.sorted_tables
        if table.name not in own
    }


def rows_of(database: Database) -> Rows:
    with database.read() as session:
        return all_rows(session)


def genre_id(session: Session) -> int:
    return session.scalars(select(Genre.id).where(Genre.slug == "vigjatek")).one()


KINDS = {
    BinKind.MOVIE: ("delete_movie", "movie"),
    BinKind.POSTER: ("choose_poster", ""),
    BinKind.PERSON: ("delete_credit", "person"),
    BinKind.GENRE: ("delete_genre", "genre"),
    BinKind.DISTRIBUTOR: ("change_distributor", "distributor"),
}
"""Each kind, the write of `test_exactness` with the same needless renders, and its own page."""


def row_of(database: Database, movies: Movies, kind: BinKind) -> int:
    with database.read() as session:
        return {
            BinKind.MOVIE: movies.here,
            BinKind.POSTER: movies.source,
            BinKind.PERSON: movies.person,
            BinKind.GENRE: genre_id(session),
            BinKind.DISTRIBUTOR: movies.distributor,
        }[kind]


def test_exactly_the_changed_pages_become_stale(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    write(cached, lambda session: session.add(ready_variant(movies)))
    # Whether there is a genre depends on the set of genres. Filters by a genre that does not exist
    # are "not found", and such pages may share a slot.
    filtered = {"week_drama", "empty_filtered"}
    # Version 1 of the API and site maps show when a row was changed last, which a restoration is.
    names = {name for name in paths_of(cached, movies) if not name.startswith("v1")}
    names -= {"genre_gone", "map_movies", *filtered}
    own = {page for _, page in KINDS.values()} - {""}
    both = Site(cached, plain, movies, half_of(cached, names) | own)
    for kind, (what, own_page) in KINDS.items():
        row_id = row_of(services_of(cached.app.registry).database, movies, kind)
        shown = both.shown()
        write(cached, partial(delete, kind=kind, row_id=row_id))
        both.compare(what)
        assert both.changed, kind
        assert not own_page or both.shown()[own_page][0] == 404, kind
        write(cached, partial(bring_back, kind=kind, row_id=row_id))
        both.compare(what)
        assert both.shown() == shown, kind
    both.finish()


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_comes_back(database: Database, movies: Movies, kind: BinKind) -> None:
    with database.write() as session:
        session.add(ready_variant(movies))
        key = {"list_name": "lista", "ref": "1"}
        session.add(MovieReference(movie_id=movies.here, **key, created_at=now()))
    row_id = row_of(database, movies, kind)
    before = rows_of(database)
    with database.write() as session:
        delete(session, kind, row_id)
    assert rows_of(database) != before
    with database.write() as session:
        assert bring_back(session, kind, row_id).row_id == row_id
    assert rows_of(database) == before
    with database.read() as session:
        assert session.scalar(select(func.count(BinItem.id))) == 0


def test_no_row_refers_to_a_deleted_movie(database: Database, movies: Movies) -> None:
    """So no query of an older release can show it."""
    with database.write() as session:
        delete(session, BinKind.MOVIE, movies.here)
    with database.read() as session:
        for table in Base.metadata.sorted_tables:
            for column in table.c:
                if any(key.column.table.name == "movie" for key in column.foreign_keys):
                    query = select(func.count()).where(column == movies.here)
                    assert session.scalar(query) == 0, table.name
        assert session.get(Movie, movies.here) is None


def test_each_deletion_and_restoration_is_audited(database: Database, movies: Movies) -> None:
    with database.write() as session:
        person = session.get_one(Person, movies.person).name
        delete(session, BinKind.PERSON, movies.person)
    with database.write() as session:
        bring_back(session, BinKind.PERSON, movies.person)
    with database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(each.action, each.subject, each.subject_id) for each in entries] == [
        ("person.delete", "person", movies.person),
        ("film.edit", "film", movies.here),
        ("person.restore", "person", movies.person),
        ("film.edit", "film", movies.here),
    ]
    gone, back = entries[1].changes, entries[3].changes
    cast = f"{person} (Pincér)"
    assert gone == [{"field": "cast", "before": cast, "after": ""}]
    assert back == [{"field": "cast", "before": "", "after": cast}]
    assert entries[1].batch == entries[3].batch == "bin:1"


@pytest.mark.parametrize("kind", BinKind)
def test_restoration_takes_back_the_entry_of_the_deletion(
    database: Database, movies: Movies, kind: BinKind
) -> None:
    row_id = row_of(database, movies, kind)
    for hours in (1, 2):
        with database.write() as session:
            delete(session, kind, row_id, now() - timedelta(hours=hours))
            deletion = entry_of(session, f"{kind}.delete")
        with database.write() as session:
            assert bring_back(session, kind, row_id).entry.undoes == deletion
        with database.read() as session:
            assert undone_by(session, [deletion]).keys() == {deletion}


def entry_of(session: Session, action: str) -> int:
    """The id of the latest entry of an action."""
    query = select(AuditEntry.id).where(AuditEntry.action == action)
    return session.scalars(query.order_by(AuditEntry.id.desc())).all()[0]


def test_restoration_of_a_poster_takes_back_no_other_change(
    database: Database, movies: Movies
) -> None:
    """The change that has removed the poster may have changed other fields, too."""
    poster = row_of(database, movies, BinKind.POSTER)
    moment = now()
    with database.write() as session:
        other = factories.add_poster(
            session, session.get_one(Movie, movies.here), url="https://example.com/2.jpg",
            chosen=False,
        ).id  # fmt: skip
        delete(session, BinKind.POSTER, other, moment)
        audited = AuditedMovies(session, [movies.here])
        Deleter(session, COMMAND, moment).remove_source(poster)
        audited.record(COMMAND, "film.undo", moment)
    with database.write() as session:
        assert bring_back(session, BinKind.POSTER, poster).entry.undoes is None


def test_deleted_movie_names_every_field_in_the_audit(database: Database, movies: Movies) -> None:
    with database.write() as session:
        delete(session, BinKind.MOVIE, movies.here)
    with database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
    before = {each["field"]: each["before"] for each in entry.changes}
    assert (entry.action, before["title"], before["published"]) == ("film.delete", "Itt van", "✓")
    assert {"premieres", "cast", "directors", "genres", "distributor", "sources"} <= before.keys()
    assert all(each["after"] == "" for each in entry.changes)


@pytest.mark.parametrize("first", ["movie", "person"])
@pytest.mark.parametrize("back", ["movie", "person"])
def test_links_between_two_deleted_rows_come_back_with_the_second(
    database: Database, movies: Movies, first: str, back: str
) -> None:
    pair = {"movie": (BinKind.MOVIE, movies.here), "person": (BinKind.PERSON, movies.person)}
    before = rows_of(database)
    for name in (first, *(pair.keys() - {first})):
        with database.write() as session:
            delete(session, *pair[name])
    for name in (back, *(pair.keys() - {back})):
        with database.write() as session:
            bring_back(session, *pair[name])
    assert rows_of(database) == before


@pytest.mark.parametrize("back", ["movie", "distributor"])
def test_a_movie_gets_its_deleted_distributor_back(
    database: Database, movies: Movies, back: str
) -> None:
    pair = {
        "movie": (BinKind.MOVIE, movies.here),
        "distributor": (BinKind.DISTRIBUTOR, movies.distributor),
    }
    before = rows_of(database)
    with database.write() as session:
        delete(session, *pair["distributor"])
    with database.write() as session:
        delete(session, *pair["movie"])
    for name in (back, *(pair.keys() - {back})):
        with database.write() as session:
            bring_back(session, *pair[name])
    assert rows_of(database) == before


def test_a_distributor_that_was_replaced_meanwhile_stays(
    database: Database, movies: Movies
) -> None:
    with database.write() as session:
        delete(session, BinKind.DISTRIBUTOR, movies.distributor)
        factories.set_distributor(session, session.get_one(Movie, movies.here), "Másik")
    with database.write() as session:
        bring_back(session, BinKind.DISTRIBUTOR, movies.distributor)
        distributor_id = session.get_one(Movie, movies.here).distributor_id
        assert session.get_one(Distributor, distributor_id).name == "Másik"


def test_a_role_whose_place_is_taken_comes_last(database: Database, movies: Movies) -> None:
    with database.write() as session:
        delete(session, BinKind.PERSON, movies.person)
        movie = session.get_one(Movie, movies.here)
        factories.add_people(session, movie, CreditRole.CAST, "Új Színész", "Másik Színész")
    with database.write() as session:
        bring_back(session, BinKind.PERSON, movies.person)
        cast = Credit.movie_id == movies.here, Credit.role == CreditRole.CAST
        names = select(Person.name).join(Credit, Credit.person_id == Person.id).where(*cast)
        assert session.scalars(names.order_by(Credit.position)).all() == [
            "Új Színész", "Másik Színész", "Színész Itt van",
        ]  # fmt: skip


def test_a_taken_imdb_id_refuses_the_restoration(database: Database, movies: Movies) -> None:
    with database.write() as session:
        imdb_id = session.get_one(Movie, movies.here).imdb_id
        delete(session, BinKind.MOVIE, movies.here)
        session.get_one(Movie, movies.undated).imdb_id = imdb_id
    with database.write() as session, pytest.raises(RestoreRefused) as refusal:
        bring_back(session, BinKind.MOVIE, movies.here)
    assert refusal.value.text.interpolate() == f"“Valamikor” has {imdb_id} now."
    with database.read() as session:
        assert latest_item(session, BinKind.MOVIE, movies.here) is not None


def test_a_poster_comes_back_after_its_movie(database: Database, movies: Movies) -> None:
    before = rows_of(database)
    with database.write() as session:
        delete(session, BinKind.POSTER, movies.source)
        delete(session, BinKind.MOVIE, movies.here)
    with database.write() as session, pytest.raises(RestoreRefused):
        bring_back(session, BinKind.POSTER, movies.source)
    with database.write() as session:
        bring_back(session, BinKind.MOVIE, movies.here)
    with database.write() as session:
        bring_back(session, BinKind.POSTER, movies.source)
    assert rows_of(database) == before


def test_a_poster_that_was_chosen_meanwhile_stays(database: Database, movies: Movies) -> None:
    with database.write() as session:
        delete(session, BinKind.POSTER, movies.source)
        movie = session.get_one(Movie, movies.here)
        other = factories.add_poster(session, movie, url="https://example.com/2.jpg").id
    with database.write() as session:
        bring_back(session, BinKind.POSTER, movies.source)
        chosen = select(PosterSource.id).where(
            PosterSource.movie_id == movies.here, PosterSource.chosen
        )
        assert session.scalars(chosen).all() == [other]


def test_a_source_that_was_being_made_is_made_again(database: Database, movies: Movies) -> None:
    with database.write() as session:
        source = session.get_one(PosterSource, movies.source)
        source.state, source.lease_token = SourceState.GENERATING, "a" * 32
        delete(session, BinKind.POSTER, movies.source)
    with database.write() as session:
        bring_back(session, BinKind.POSTER, movies.source)
        source = session.get_one(PosterSource, movies.source)
        assert (source.state, source.lease_token) == (SourceState.PENDING, None)


def test_after_thirty_days_nothing_comes_back(database: Database, movies: Movies) -> None:
    with database.write() as session:
        delete(session, BinKind.MOVIE, movies.here, now() - BIN_RETENTION)
    with database.write() as session, pytest.raises(RestoreRefused):
        bring_back(session, BinKind.MOVIE, movies.here)


def test_missing_rows_cannot_be_deleted(database: Database) -> None:
    with database.write() as session:
        for kind in BinKind:
            assert Deleter(session, COMMAND, now()).delete(kind, 99) is None


def test_objects_are_held_until_the_poster_comes_back(database: Database, movies: Movies) -> None:
    with database.write() as session:
        variant = ready_variant(movies)
        session.add(variant)
        session.get_one(PosterSource, movies.source).key = "upload/aa/aa.jpg"
        session.flush()
        delete(session, BinKind.MOVIE, movies.here)
    with database.write() as session:
        held = {row.key: row.bucket for row in session.scalars(select(HeldObject))}
        assert held == {"upload/aa/aa.jpg": None, "poster/thumb.jpg": "disk"}
        bring_back(session, BinKind.MOVIE, movies.here)
        assert session.scalar(select(func.count(HeldObject.id))) == 0


def test_a_genre_leaves_no_link(database: Database, movies: Movies) -> None:
    with database.write() as session:
        number = genre_id(session)
        delete(session, BinKind.GENRE, number)
        links = select(func.count()).where(MovieGenre.genre_id == number)
        assert session.scalar(links) == 0
