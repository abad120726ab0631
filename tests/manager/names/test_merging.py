"""Merging: every reference follows, nothing is lost, and exactly the changed pages become stale."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinKind
from moziweb.manager.bin.restoring import latest_item, restore
from moziweb.manager.names.kinds import NAME_MODELS, USES, NamedKind
from moziweb.manager.names.merging import NameMerge, merge_names
from moziweb.manager.undo.name_reversal import NameUndoer
from moziweb.manager.undo.outcome import UndoRefused
from moziweb.movies.models import (
    Audio,
    Credit,
    CreditRole,
    Distributor,
    FormerAddress,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
)
from tests import factories
from tests.manager.bin.test_deletion import rows_of
from tests.site import conftest as site_conftest
from tests.site import test_exactness
from tests.site.cached import Movies, feeds, half_of, now, week_here, write
from tests.site.test_exactness import Site, paths_of

cached, plain, movies = site_conftest.cached, test_exactness.plain, test_exactness.movies
"""The fixtures of the site's tests: on both databases."""

WHAT = {
    NamedKind.PERSON: "merge_people",
    NamedKind.GENRE: "merge_genres",
    NamedKind.DISTRIBUTOR: "merge_distributors",
    NamedKind.SERVICE: "delete_premiere",  # the same one on both services becomes one
}
"""The write of `test_exactness` with the same needless renders."""

OWN_PAGES = {
    NamedKind.PERSON: "person",
    NamedKind.GENRE: "genre",
    NamedKind.DISTRIBUTOR: "distributor",
    NamedKind.SERVICE: "service",
}


def merge(session: Session, kind: NamedKind, merged: str, kept: str) -> NameMerge:
    merged_id, kept_id = (named(session, kind, name).id for name in (merged, kept))
    done = merge_names(session, kind, merged_id, kept_id, COMMAND, now())
    assert done is not None
    return done


def named(session: Session, kind: NamedKind, name: str) -> Any:
    model = NAME_MODELS[kind]
    return session.scalars(select(model).where(model.name == name)).one()


def take_back(session: Session, entry_id: int) -> int:
    entry = session.get_one(AuditEntry, entry_id)
    return NameUndoer(session, COMMAND, now()).undo(entry).entry.id


def make_twins(session: Session, movies: Movies) -> None:
    """A second row of each kind: in a movie with the first one, and in another one."""
    here, ahead = (session.get_one(Movie, each) for each in (movies.here, movies.ahead))
    session.add(Person(name="szinesz itt van", imdb_id="nm0000001", tmdb_id=7))
    session.flush()
    twin = named(session, NamedKind.PERSON, "szinesz itt van")
    for position, (movie, character) in enumerate(((here, "Rendőr"), (ahead, "Vendég")), start=7):
        values = {"movie_id": movie.id, "person_id": twin.id, "role": CreditRole.CAST}
        session.add(Credit(**values, position=position, character=character))
    genre = factories.named(session, Genre, "Komédia", slug="komedia", name_en="Comedies")
    for movie_id in (movies.here, movies.undated):
        session.add(MovieGenre(movie_id=movie_id, genre_id=genre.id, position=5))
    factories.set_distributor(session, ahead, "forgalmazo itt van")
    day = week_here().thursday
    same = factories.make_premiere(session, here, day, service="netflix HU", note="felirattal")
    factories.make_premiere(session, ahead, day, service="netflix HU")
    session.flush()
    change = {"old_date": day - timedelta(days=7), "old_precision": same.precision}
    session.add(PremiereChange(premiere_id=same.id, reason="csúszik", **change))
    session.flush()


TWINS = {
    NamedKind.PERSON: ("szinesz itt van", "Színész Itt van"),
    NamedKind.GENRE: ("Komédia", "Vígjáték"),
    NamedKind.DISTRIBUTOR: ("forgalmazo itt van", "Forgalmazó Itt van"),
    NamedKind.SERVICE: ("netflix HU", "Netflix"),
}
"""The names of the twin and of the row that the pages of the tests show."""


def test_exactly_the_changed_pages_become_stale(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    write(cached, lambda session: make_twins(session, movies))
    # Version 1 of the API and site maps show when a row was changed last, which taking back is.
    names = {name for name in paths_of(cached, movies) if not name.startswith("v1")}
    names -= {"map_movies"}
    names = half_of(cached, names) | set(OWN_PAGES.values())
    both = Site(cached, plain, movies, names)
    for kind in NamedKind:
        for kept in (0, 1):
            shown, entries = both.shown(), list[int]()
            pair = TWINS[kind][1 - kept], TWINS[kind][kept]
            write(cached, partial(_merge, kind=kind, pair=pair, entries=entries))
            both.compare(WHAT[kind])
            assert both.changed
            status = both.shown()[OWN_PAGES[kind]][0]
            assert status == (301 if kept == 0 else 200)

            write(cached, partial(_take_back, entries=entries))
            both.compare(WHAT[kind])
            again = both.shown()
            if kind is NamedKind.SERVICE:  # calendars and feeds count every change of a premiere
                again, shown = (
                    {name: each for name, each in found.items() if name not in feeds(movies)}
                    for found in (again, shown)
                )
            assert again == shown, (kind, kept)
    both.finish()


def _merge(session: Session, *, kind: NamedKind, pair: tuple[str, str], entries: list[int]) -> None:
    entries.append(merge(session, kind, *pair).entry.id)


def _take_back(session: Session, *, entries: list[int]) -> None:
    entries.append(take_back(session, entries[-1]))


@pytest.mark.parametrize("kind", NamedKind)
def test_taking_back_restores_every_row(
    database: Database, movies: Movies, kind: NamedKind
) -> None:
    with database.write() as session:
        make_twins(session, movies)
    before = comparable(rows_of(database)), premieres(database)
    with database.write() as session:
        entry = merge(session, kind, *TWINS[kind]).entry.id
    merged = comparable(rows_of(database)), premieres(database)
    assert merged != before
    with database.write() as session:
        undone = take_back(session, entry)
    assert (comparable(rows_of(database)), premieres(database)) == before
    # The reversal is a change itself, which can be taken back.
    with database.write() as session:
        take_back(session, undone)
    assert (comparable(rows_of(database)), premieres(database)) == merged


def premieres(database: Database) -> list[tuple[Any, ...]]:
    """The premieres without their revisions, which count every change."""
    columns = ("id", "movie_id", "service_id", "date", "kind", "formats", "audio", "note")
    with database.read() as session:
        rows = session.execute(select(*(getattr(Premiere, name) for name in columns)))
        return sorted(tuple(row) for row in rows)


def comparable(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: found for name, found in rows.items() if name != "premiere"}


@pytest.mark.parametrize("kind", NamedKind)
def test_no_row_refers_to_a_merged_one(database: Database, movies: Movies, kind: NamedKind) -> None:
    with database.write() as session:
        make_twins(session, movies)
        column, movie = USES[kind]
        twin, kept = (named(session, kind, name).id for name in TWINS[kind])
        query = select(movie).where(column.in_((twin, kept))).distinct()
        before = set(session.scalars(query))
        done = merge(session, kind, *TWINS[kind])
        assert set(session.scalars(select(movie).where(column == kept))) == before
        assert session.scalar(select(func.count()).where(column == twin)) == 0
        assert session.get(NAME_MODELS[kind], twin) is None
    assert (done.moved, done.joined) == (1, 0 if kind is NamedKind.DISTRIBUTOR else 1)


def test_two_roles_in_a_movie_become_one_with_both_characters(
    database: Database, movies: Movies
) -> None:
    with database.write() as session:
        make_twins(session, movies)
        done = merge(session, NamedKind.PERSON, *TWINS[NamedKind.PERSON])
        kept = named(session, NamedKind.PERSON, "Színész Itt van")
        roles = select(Credit).where(Credit.person_id == kept.id).order_by(Credit.movie_id)
        found = [(each.movie_id, each.character) for each in session.scalars(roles)]
        assert found == [(movies.here, "Pincér / Rendőr"), (movies.ahead, "Vendég")]
        assert (kept.imdb_id, kept.tmdb_id) == ("nm0000001", 7)
    assert done.lost == ()


def test_characters_that_do_not_fit_together_stay_two_roles(
    database: Database, movies: Movies
) -> None:
    with database.write() as session:
        make_twins(session, movies)
        for credit in session.scalars(select(Credit).where(Credit.movie_id == movies.here)):
            credit.character = f"{'x' * 150} {credit.id}"
        done = merge(session, NamedKind.PERSON, *TWINS[NamedKind.PERSON])
        assert (done.moved, done.joined) == (2, 0)


def test_values_that_go_are_named(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        kept = named(session, NamedKind.PERSON, "Színész Itt van")
        kept.imdb_id = "nm0000002"
        session.flush()
        person = merge(session, NamedKind.PERSON, *TWINS[NamedKind.PERSON])
        genre = merge(session, NamedKind.GENRE, *TWINS[NamedKind.GENRE])
        assert (kept.imdb_id, kept.tmdb_id) == ("nm0000002", 7)
    lost = {(each.field, each.kept, each.lost) for each in (*person.lost, *genre.lost)}
    assert lost == {("imdb_id", "nm0000002", "nm0000001"), ("name_en", "Comedy", "Comedies")}


def test_the_same_premiere_on_both_services_becomes_one(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        streamed = Premiere.movie_id == movies.here, Premiere.service_id.is_not(None)
        first, second = session.scalars(select(Premiere).where(*streamed).order_by(Premiere.id))
        first.audio, second.formats = Audio.DUBBED, ("2D",)
        session.flush()
        merge(session, NamedKind.SERVICE, *TWINS[NamedKind.SERVICE])
        (one,) = session.scalars(select(Premiere).where(*streamed)).all()
        moves = select(PremiereChange.reason).where(PremiereChange.premiere_id == one.id)
        assert (one.audio, one.formats, one.note) == (Audio.DUBBED, ("2D",), "felirattal")
        assert session.scalars(moves).all() == ["csúszik"]


def test_premieres_that_differ_stay_two(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        streamed = Premiere.movie_id == movies.here, Premiere.service_id.is_not(None)
        first, second = session.scalars(select(Premiere).where(*streamed).order_by(Premiere.id))
        first.audio, second.audio = Audio.DUBBED, Audio.SUBTITLED
        session.flush()
        done = merge(session, NamedKind.SERVICE, *TWINS[NamedKind.SERVICE])
        assert (done.moved, done.joined) == (2, 0)


def test_each_merge_is_audited_in_its_transaction(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        twin, kept = (named(session, NamedKind.PERSON, n).id for n in TWINS[NamedKind.PERSON])
        merge(session, NamedKind.PERSON, *TWINS[NamedKind.PERSON])
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        found = [(each.action, each.subject_id, each.batch) for each in entries]
        batch = f"merge:{entries[0].id}"
    assert found == [
        ("person.merge", kept, None),
        ("person.merged", twin, batch),
        ("film.edit", movies.here, batch),
        ("film.edit", movies.ahead, batch),
    ]
    assert entries[0].changes == [
        {"field": "merged", "before": "szinesz itt van", "after": ""},
        {"field": "imdb_id", "before": "", "after": "nm0000001"},
        {"field": "tmdb_id", "before": "", "after": "7"},
    ]


def test_addresses_of_merged_rows_follow_through_several_merges(
    database: Database, movies: Movies
) -> None:
    with database.write() as session:
        make_twins(session, movies)
        third = Person(name="Harmadik")
        session.add(third)
        session.flush()
        twin, kept = (named(session, NamedKind.PERSON, n).id for n in TWINS[NamedKind.PERSON])
        merge(session, NamedKind.PERSON, *TWINS[NamedKind.PERSON])
        merge(session, NamedKind.PERSON, "Színész Itt van", "Harmadik")
        rows = session.scalars(select(FormerAddress).order_by(FormerAddress.key))
        found = {each.key: each.row_id for each in rows}
        assert found == {f"#{twin}": third.id, f"#{kept}": third.id}
        merge(session, NamedKind.GENRE, *TWINS[NamedKind.GENRE])
        slug = FormerAddress.table_name == "genre", FormerAddress.key == "komedia"
        kept_genre = named(session, NamedKind.GENRE, "Vígjáték").id
        assert session.scalars(select(FormerAddress.row_id).where(*slug)).one() == kept_genre


def test_a_later_change_refuses_taking_back(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        entry = merge(session, NamedKind.DISTRIBUTOR, *TWINS[NamedKind.DISTRIBUTOR]).entry.id
    with database.write() as session:
        factories.set_distributor(session, session.get_one(Movie, movies.ahead), "Harmadik")
    with database.write() as session, pytest.raises(UndoRefused) as refusal:
        take_back(session, entry)
    (touched,) = refusal.value.differences
    assert (touched.before, touched.after, touched.now) == (
        "Majd jön: forgalmazo itt van", "Majd jön: Forgalmazó Itt van", "Majd jön: Harmadik",
    )  # fmt: skip


def test_an_address_that_was_taken_refuses_taking_back(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        entry = merge(session, NamedKind.GENRE, *TWINS[NamedKind.GENRE]).entry.id
        session.add(Genre(slug="komedia", name="Új", name_en="New"))
    with database.write() as session, pytest.raises(UndoRefused) as refusal:
        take_back(session, entry)
    assert refusal.value.text.interpolate() == "“Új” has komedia now."


def test_movies_in_the_bin_come_back_with_the_kept_rows(database: Database, movies: Movies) -> None:
    with database.write() as session:
        make_twins(session, movies)
        assert Deleter(session, COMMAND, now()).delete(BinKind.MOVIE, movies.here)
    with database.write() as session:
        for kind, names in TWINS.items():
            merge(session, kind, names[1], names[0])
    with database.write() as session:
        item = latest_item(session, BinKind.MOVIE, movies.here)
        assert item is not None
        restore(session, item, COMMAND, now())
        genres = select(MovieGenre.genre_id).where(MovieGenre.movie_id == movies.here)
        assert session.scalars(genres).all() == [named(session, NamedKind.GENRE, "Komédia").id]
        distributor = session.get_one(Movie, movies.here).distributor_id
        assert session.get_one(Distributor, distributor).name == "forgalmazo itt van"
        cast = Credit.movie_id == movies.here, Credit.role == CreditRole.CAST
        people = select(Person.name).join(Credit, Credit.person_id == Person.id).where(*cast)
        assert session.scalars(people).all() == ["szinesz itt van"] * 2
        streamed = Premiere.movie_id == movies.here, Premiere.service_id.is_not(None)
        services = select(StreamingService.name).join(
            Premiere, Premiere.service_id == StreamingService.id
        )
        assert set(session.scalars(services.where(*streamed))) == {"netflix HU"}


def test_missing_rows_and_the_same_row_are_not_merged(database: Database, movies: Movies) -> None:
    with database.write() as session:
        for kind in NamedKind:
            assert merge_names(session, kind, 1, 1, COMMAND, now()) is None
            assert merge_names(session, kind, 1, 99_999, COMMAND, now()) is None
            assert merge_names(session, kind, 99_999, 1, COMMAND, now()) is None
