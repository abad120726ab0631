"""Concurrent writes of the manager on PostgreSQL: nothing is lost, and no order of locks differs.

The test holds a transaction open. A request or a job in a thread waits for it at a lock.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database, retry
from moziweb.manager.audit.log import COMMAND, record_import
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.audit.name_entries import record_names
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinKind
from moziweb.manager.bulk.actions import BulkWriter
from moziweb.manager.bulk.models import BulkAction
from moziweb.manager.movies import save
from moziweb.manager.movies.changes import before_import, imported_fields
from moziweb.manager.movies.locks import lock_movie, lock_movies
from moziweb.manager.names.kinds import NAME_MODELS, USES, NamedKind
from moziweb.manager.names.merging import merge_names
from moziweb.manager.undo.name_reversal import NameUndoer
from moziweb.manager.views import movie_posters
from moziweb.movies.importers.candidate import Candidate, PersonFact
from moziweb.movies.importers.planning import Plan
from moziweb.movies.importers.service import Importer
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Movie,
    MovieGenre,
    Person,
    PremiereKind,
)
from moziweb.movies.movie_rows import lock_new_people, service_id
from moziweb.posters.importer_port import ImportedPosters
from moziweb.posters.models import PosterSource, SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW
from tests.db.faults import conflicts_at
from tests.db.rivals import Start, held, rival
from tests.manager.bulk.test_runner import do as do_in_bulk
from tests.manager.conftest import csrf_of
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press
from tests.manager.views.test_bin import one_id
from tests.manager.views.test_imports import LIST, applied, previewed
from tests.manager.views.test_movie_posters import posters
from tests.manager.views.test_movie_posters import previewed as uploaded
from tests.manager.views.test_names import add_row, add_rows, count
from tests.posters.pictures import encoded, quarters
from tests.threads import wait_until

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def database_of(site: TestApp) -> Database:
    return services_of(site.app.registry).database


@pytest.fixture
def repeated(caplog: pytest.LogCaptureFixture) -> Callable[[], int]:
    """How many requests and transactions were run again."""
    caplog.set_level(logging.WARNING, retry.__name__)
    return lambda: sum(each.name == retry.__name__ for each in caplog.records)


@pytest.fixture
def movie_id(site: TestApp) -> int:
    return make_movie(site)


@pytest.mark.parametrize("name_kind", [NamedKind.DISTRIBUTOR, NamedKind.SERVICE])
def test_a_new_name_of_two_editors_is_made_once(
    site: TestApp,
    editor: TestApp,
    movie_id: int,
    repeated: Callable[[], int],
    name_kind: NamedKind,
) -> None:
    form = movie_form(editor, movie_id)
    if name_kind is NamedKind.DISTRIBUTOR:
        form["distributor"] = "Új Kft."
    else:
        form["premieres-0-kind"], form["premieres-0-service"] = "streaming", "Új Kft."
    with held(database_of(site)) as (session, start):
        if name_kind is NamedKind.DISTRIBUTOR:
            session.add(Distributor(name="Új Kft."))
            session.flush()
        else:
            service_id(session, "Új Kft.")
        saving = start(lambda: press(form))
    assert saving.result().status_int == 303
    model = NAME_MODELS[name_kind]
    with database_of(site).read() as session:
        assert session.scalar(select(func.count()).where(model.name == "Új Kft.")) == 1
    assert repeated() == 1


def test_a_new_person_of_two_editors_is_made_once(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """Names of people are not unique, so the database refuses no second one."""
    form = movie_form(editor, movie_id)
    form["cast-2-name"] = "Új Színész"
    with held(database_of(site)) as (session, start):
        lock_new_people(session, ["Új Színész"])
        made = save._person(session, "Új Színész").id
        saving = start(lambda: press(form))
    assert saving.result().status_int == 303
    assert one_id(site, Person, name="Új Színész") == made


@dataclass
class Imports:
    """Imports movies; ``pause`` is called in each transaction after the movie is written."""

    site: TestApp
    pause: Callable[[], object] = lambda: None

    def bring(self, title: str, *cast: PersonFact) -> Any:
        """Imports a new movie with a cast."""
        importer = Importer(
            database_of(self.site), ImportedPosters(), lambda: NOW,
            on_written=self._note, before_writing=before_import,
        )  # fmt: skip
        values = {"title": title, "cast": cast}
        return importer.apply(Candidate("tmdb", "tmdb", title, f"tmdb {title}", title, values))

    def _note(self, session: Session, movie: Movie, plan: Plan) -> None:
        fields = imported_fields(session, movie)
        entry = record_import(session, COMMAND, movie, plan, NOW, (), fields=fields)
        record_names(session, [entry], COMMAND, NOW)
        self.pause()


@contextmanager
def paused_import(site: TestApp, *cast: PersonFact) -> Iterator[Start]:
    """An import whose transaction has made people and is open until the end of the block.

    Yields a function that runs work in another thread and returns once that waits for a lock.
    """
    written, go = Event(), Event()

    def pause() -> None:
        written.set()
        assert go.wait(60)

    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(Imports(site, pause).bring, "Első", *cast)
        wait_until(lambda: written.is_set() or importing.done())
        with rival(database_of(site)) as start:
            try:
                yield start
            finally:
                go.set()
        assert importing.result().written


def test_an_editor_waits_for_a_person_that_an_import_makes(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = movie_form(editor, movie_id)
    form["cast-2-name"] = "Új Színész"
    with paused_import(site, PersonFact("Új Színész", tmdb_id=77)) as start:
        saving = start(lambda: press(form))
    assert saving.result().status_int == 303
    assert "Új Színész" in [each.person.name for each in movie_of(site, movie_id).credits]
    assert one_id(site, Person, name="Új Színész")


def test_an_import_waits_for_a_person_that_another_one_makes(
    site: TestApp, repeated: Callable[[], int]
) -> None:
    person = PersonFact("Új Színész", tmdb_id=77)
    with paused_import(site, person) as start:
        importing = start(lambda: Imports(site).bring("Második", person))
    assert importing.result().written
    assert one_id(site, Person, name="Új Színész")
    assert count(site, Credit) == 2
    assert repeated() == 0


@pytest.mark.parametrize("writer", ["editor", "import"])
def test_new_people_are_locked_in_one_order(
    site: TestApp, editor: TestApp, movie_id: int, repeated: Callable[[], int], writer: str
) -> None:
    form = movie_form(editor, movie_id)
    form["directors-1-name"], form["cast-2-name"] = "Ödön", "Adél"

    def write() -> None:
        if writer == "editor":
            press(form, status=303)
        else:
            Imports(site).bring("Első", PersonFact("Ödön"), PersonFact("Adél"))

    with held(database_of(site)) as (session, start):
        lock_new_people(session, ["Adél"])
        writing = start(write)
        lock_new_people(session, ["Ödön"])  # no deadlock: the other one waits for the first
    writing.result()
    assert repeated() == 0


def test_an_id_that_another_editor_has_just_given_is_an_error_at_its_field(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    other = make_movie(site, "Másik")
    form = movie_form(editor, movie_id)
    form["imdb_id"] = "tt0000007"
    with held(database_of(site)) as (session, start):
        session.get_one(Movie, other).imdb_id = "tt0000007"
        session.flush()
        saving = start(lambda: press(form))
    refused = saving.result()
    assert refused.status_int == 400
    assert "Másik" in refused.html.select_one("#imdb_id-errors").text


def test_a_person_that_is_deleted_during_a_save_is_made_again(
    site: TestApp, editor: TestApp, movie_id: int, repeated: Callable[[], int]
) -> None:
    (person,) = add_rows(site, Person(name="Vendég Művész"))
    form = movie_form(editor, movie_id)
    form["cast-2-name"], form["cast-2-person_id"] = "Vendég Művész", str(person)
    with held(database_of(site)) as (session, start):
        assert Deleter(session, COMMAND, NOW).delete(BinKind.PERSON, person)
        saving = start(lambda: press(form))
    assert saving.result().status_int == 303
    assert repeated() == 1
    names = [each.person.name for each in movie_of(site, movie_id).credits]
    assert "Vendég Művész" in names
    assert one_id(site, Person, name="Vendég Művész") != person


def reference(session: Session, kind: NamedKind, movie_id: int, row_id: int) -> None:
    """Lets a movie refer to a row, as a save does."""
    movie = session.get_one(Movie, movie_id)
    if kind is NamedKind.PERSON:
        role = {"role": CreditRole.CAST, "position": 20}
        session.add(Credit(movie_id=movie_id, person_id=row_id, **role))
    elif kind is NamedKind.GENRE:
        session.add(MovieGenre(movie_id=movie_id, genre_id=row_id, position=20))
    elif kind is NamedKind.DISTRIBUTOR:
        movie.distributor_id = row_id
    else:
        factories.make_premiere(session, movie, kind=PremiereKind.STREAMING, service_id=row_id)
    session.flush()


@dataclass
class Twins:
    """A movie that refers to a row, one that does not yet, and another row."""

    kind: NamedKind
    movie: int
    other_movie: int
    row: int
    other_row: int


@pytest.fixture
def twins(site: TestApp, name_kind: NamedKind) -> Twins:
    movie, row = make_movie(site), add_row(site, name_kind)
    slugs = {NamedKind.GENRE: {"slug": "masik", "name_en": "x"}, NamedKind.SERVICE: {"slug": "m"}}
    with database_of(site).write() as session:
        reference(session, name_kind, movie, row)
        other = NAME_MODELS[name_kind](name="Másik", **slugs.get(name_kind, {}))
        session.add(other)
        other_movie = factories.make_movie(session).id
        return Twins(name_kind, movie, other_movie, row, other.id)


def users_of(site: TestApp, kind: NamedKind, row_id: int) -> set[int]:
    column, movie = USES[kind]
    with database_of(site).read() as session:
        return set(session.scalars(select(movie).where(column == row_id)))


@pytest.mark.parametrize("name_kind", NamedKind)
def test_a_merge_waits_for_saves_and_takes_what_they_write(
    site: TestApp, twins: Twins, repeated: Callable[[], int]
) -> None:
    def merge() -> int:
        with database_of(site).write() as session:
            done = merge_names(session, twins.kind, twins.row, twins.other_row, COMMAND, NOW)
            assert done is not None
            return done.entry.id

    with held(database_of(site)) as (session, start):
        lock_movies(session, [twins.movie, twins.other_movie])
        merging = start(merge)
        reference(session, twins.kind, twins.other_movie, twins.row)  # the merge has no lock of it
    entry_id = merging.result()
    assert users_of(site, twins.kind, twins.other_row) == {twins.movie, twins.other_movie}

    def take_back() -> None:
        with database_of(site).write() as session:
            NameUndoer(session, COMMAND, NOW).undo(session.get_one(AuditEntry, entry_id))

    third = make_movie(site)
    with held(database_of(site)) as (session, start):
        lock_movies(session, [twins.movie, third])
        undoing = start(take_back)
        reference(session, twins.kind, third, twins.other_row)
    undoing.result()
    assert users_of(site, twins.kind, twins.row) == {twins.movie, twins.other_movie}
    assert repeated() == 0


@pytest.mark.parametrize("name_kind", [each for each in NamedKind if each.value in {*BinKind}])
def test_a_deletion_waits_for_saves_and_takes_what_they_write(site: TestApp, twins: Twins) -> None:
    def delete() -> Any:
        with database_of(site).write() as session:
            done = Deleter(session, COMMAND, NOW).delete(BinKind(twins.kind), twins.row)
            assert done is not None
            return done.movies

    with held(database_of(site)) as (session, start):
        lock_movies(session, [twins.movie, twins.other_movie])
        deleting = start(delete)
        reference(session, twins.kind, twins.other_movie, twins.row)
    assert deleting.result().keys() == {twins.movie, twins.other_movie}
    assert users_of(site, twins.kind, twins.row) == set()


def test_a_bulk_deletion_locks_movies_in_the_order_of_ids(site: TestApp) -> None:
    first, second = make_movie(site), make_movie(site)

    def delete() -> None:
        with database_of(site).write() as session:
            bulk_writer(site, session).write(BulkAction.DELETE, [second, first])

    with held(database_of(site)) as (session, start):
        lock_movies(session, [first])
        deleting = start(delete)
        lock_movies(session, [second])  # no deadlock: the other one waits for the first
    deleting.result()
    assert count(site, Movie) == 0


def test_a_bulk_undo_locks_movies_in_the_order_of_ids(site: TestApp) -> None:
    first, second = make_movie(site), make_movie(site)
    with database_of(site).write() as session:
        bulk_writer(site, session).write(BulkAction.UNPUBLISH, [first, second])
    with database_of(site).read() as session:
        latest_first = select(AuditEntry.id).where(AuditEntry.action == "film.unpublish")
        entries = session.scalars(latest_first.order_by(AuditEntry.id.desc())).all()

    def take_back() -> None:
        with database_of(site).write() as session:
            bulk_writer(site, session).write(BulkAction.UNDO, entries)

    with held(database_of(site)) as (session, start):
        lock_movies(session, [first])
        undoing = start(take_back)
        lock_movies(session, [second])
    undoing.result()
    assert movie_of(site, first).published
    assert movie_of(site, second).published


def bulk_writer(site: TestApp, session: Session) -> BulkWriter:
    editor = services_of(site.app.registry).poster_editor
    return BulkWriter(session, editor, COMMAND, NOW, NOW.date(), "bulk:1", {})


@pytest.mark.parametrize("action", [BulkAction.UNPUBLISH, BulkAction.DELETE])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_bulk_job_goes_on_after_a_conflict(
    site: TestApp, movie_id: int, action: BulkAction, nth: int
) -> None:
    """The first conflict is that of the counting."""
    with conflicts_at("INSERT INTO manager_audit", nth=nth) as failed:
        do_in_bulk(site, action, [movie_id])
    assert len(failed) == 1
    with database_of(site).read() as session:
        of_movie = AuditEntry.subject == "film", AuditEntry.subject_id == movie_id
        query = select(func.count()).where(*of_movie)
        assert session.scalar(query) == 1


def test_an_import_goes_on_after_a_conflict(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    with conflicts_at("INSERT INTO movie ") as movies, conflicts_at("UPDATE import_job") as jobs:
        done = applied(page)
    assert (len(movies), len(jobs)) == (1, 1)
    assert "elkészült" in done.text
    assert count(site, Movie) == 2


def test_publishing_sees_what_another_editor_has_just_saved(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    token = csrf_of(editor)
    path = f"/manager/movies/{movie_id}/publish"
    with held(database_of(site)) as (session, start):
        lock_movie(session, movie_id)
        session.get_one(Movie, movie_id).published = False
        session.flush()
        publishing = start(
            lambda: editor.post(path, {"csrf_token": token, "do": "unpublish"}, status="*")
        )
    assert publishing.result().status_int == 303
    assert last_entry(site).action == "user.sign_in"  # it was off the site already


def test_a_choice_of_a_poster_is_audited_after_the_one_before(
    site: TestApp, editor: TestApp, movie_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It waits for the other choice, too.
    monkeypatch.setattr(movie_posters, "affected_by_choosing", lambda *_arguments: None)
    with database_of(site).write() as session:
        movie = session.get_one(Movie, movie_id)
        urls = [f"https://example.com/{number}.jpg" for number in range(3)]
        old, theirs, mine = (
            factories.add_poster(
                session, movie, url=url, chosen=url == urls[0], state=SourceState.READY
            ).id
            for url in urls
        )
    fields = {"csrf_token": csrf_of(editor), "do": "choose", "source": str(mine)}
    with held(database_of(site)) as (session, start):
        services_of(site.app.registry).poster_editor.choose(session, theirs)
        choosing = start(lambda: editor.post(posters(movie_id), fields, status="*"))
    assert choosing.result().status_int == 303
    entry = last_entry(site)
    assert entry.fields == {"poster": {"before": theirs, "after": mine}}
    assert entry.changes[0]["before"].startswith(f"#{theirs} ")
    assert old != theirs


def test_a_focal_point_is_audited_after_the_one_before(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    with database_of(site).write() as session:
        movie = session.get_one(Movie, movie_id)
        source = factories.add_poster(session, movie, state=SourceState.READY).id
    fields = {"csrf_token": csrf_of(editor), "do": "focus", "source": str(source)}
    with held(database_of(site)) as (session, start):
        lock_movie(session, movie_id)
        session.get_one(PosterSource, source).focal_x = 0.25
        session.flush()
        focusing = start(
            lambda: editor.post(posters(movie_id), {**fields, "x": "70", "y": "50"}, status="*")
        )
    assert focusing.result().status_int == 303
    assert last_entry(site).fields == {
        "focal_point": {"before": [source, 0.25, 0.5], "after": [source, 0.7, 0.5]}
    }


def test_a_new_poster_is_audited_after_a_choice(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    with database_of(site).write() as session:
        movie = session.get_one(Movie, movie_id)
        source = factories.add_poster(session, movie, chosen=False, state=SourceState.READY).id
    place = uploaded(editor, movie_id, encoded(quarters()))
    fields = {"csrf_token": csrf_of(editor), "do": "add"}
    with held(database_of(site)) as (session, start):
        services_of(site.app.registry).poster_editor.choose(session, source)
        saving = start(lambda: editor.post(place, fields, status="*"))
    assert saving.result().status_int == 303
    assert (last_entry(site).fields or {}).keys() == {"sources"}  # the choice was not this one's
