"""Imports from TMDB: by week and id, failures, moved dates, and a second run."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.movies.importers.planning import Effect
from moziweb.movies.importers.refreshing import (
    due_movies,
    movies_to_refresh,
    record_refresh,
    stale_movies,
)
from moziweb.movies.importers.service import Applied, Importer
from moziweb.movies.importers.tmdb.errors import TmdbNotFound, TmdbUnavailable
from moziweb.movies.importers.tmdb.source import TmdbSource
from moziweb.movies.models import (
    FieldProvenance,
    Movie,
    Person,
    Premiere,
    PremiereChange,
    Trailer,
)
from moziweb.posters.models import PosterSource
from tests import factories
from tests.conftest import QueryCounter
from tests.movies.importers.conftest import NOW, TODAY, Clock
from tests.movies.importers.tmdb_world import WEEK, a_movie, catalogue, client_of, source_over
from tests.services.tmdb import TmdbServer, failure, truncated, unavailable
from tests.services.tmdb_movies import release


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    with TmdbServer() as server:
        yield server


def import_movies(importer: Importer, tmdb: TmdbServer, *ids: int) -> list[Applied]:
    return list(importer.run(source_over(tmdb).movies(ids or sorted(tmdb.movies))))


def effects(applied: list[Applied]) -> list[Effect]:
    return [each.plan.effect for each in applied]


def test_week_has_only_its_hungarian_premieres(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    tmdb.add(a_movie(2, release("2026-09-09", 2)))
    tmdb.add(a_movie(3, release("2026-09-10")))
    # Limited in the week and theatrical after it: the theatrical date counts.
    tmdb.add(a_movie(4, release("2026-09-04", 2), release("2026-09-17", 3)))
    source = source_over(tmdb)
    ids = source.ids_between(*WEEK)
    assert ids == (1001, 1002, 1004)
    applied = list(importer.run(source.premieres_between(ids, *WEEK)))
    assert effects(applied) == [Effect.NEW, Effect.NEW, Effect.REFUSED]
    assert "no Hungarian premiere from 2026-09-03 to 2026-09-09" in str(applied[2].plan.problems[0])
    assert set(dbsession.scalars(select(Premiere.date))) == {date(2026, 9, 3), date(2026, 9, 9)}


def test_provenance_and_fetch_time_are_stored(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    rows = dbsession.execute(select(FieldProvenance.source, FieldProvenance.fetched_at)).all()
    assert set(rows) == {("tmdb", NOW)}
    poster = dbsession.scalars(select(PosterSource)).one()
    assert (poster.origin, poster.fetched_at, poster.chosen) == ("tmdb", NOW, True)
    assert poster.url == f"{tmdb.address}/t/p/original/poster1001Abc.jpg"


def test_second_import_changes_nothing_but_old_fetch_times(
    importer: Importer, tmdb: TmdbServer, dbsession: Session, clock: Clock
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    (again,) = import_movies(importer, tmdb)
    assert (again.plan.effect, again.written) == (Effect.SAME, False)
    clock.now += timedelta(days=2)
    source = TmdbSource(client_of(tmdb), clock)
    (refreshed,) = list(importer.run(source.movies([1001])))
    assert (refreshed.plan.effect, refreshed.written) == (Effect.SAME, True)
    assert set(dbsession.scalars(select(FieldProvenance.fetched_at))) == {clock.now}
    assert dbsession.scalars(select(PosterSource.fetched_at)).one() == clock.now


def test_second_import_adds_the_time_of_a_trailer(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    trailer = dbsession.scalars(select(Trailer)).one()
    assert trailer.published_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    trailer.published_at = None  # as imported by a release that did not read it
    dbsession.commit()
    (again,) = import_movies(importer, tmdb)
    assert (again.plan.effect, again.written) == (Effect.CHANGED, True)
    dbsession.expire_all()
    assert dbsession.scalars(select(Trailer)).one().published_at is not None


def test_imdb_id_identifies_an_existing_movie(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    movie = factories.make_movie(dbsession, "Régi cím", imdb_id=catalogue(1).imdb_id)
    dbsession.add(FieldProvenance(movie_id=movie.id, field="title", source="demo"))
    dbsession.commit()
    tmdb.add(a_movie(1, title="Új cím"))
    (applied,) = import_movies(importer, tmdb)
    assert (applied.movie_id, applied.plan.effect) == (movie.id, Effect.CHANGED)
    dbsession.expire_all()
    assert (movie.title, movie.slug, movie.tmdb_id) == ("Új cím", "uj-cim", 1001)


def test_value_of_a_distributor_is_not_overwritten(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    for row in dbsession.scalars(select(FieldProvenance)):
        row.source = "csv"
    dbsession.commit()
    tmdb.add(a_movie(1, release("2026-12-24"), runtime=999))
    (applied,) = import_movies(importer, tmdb)
    assert {change.kept_for for change in applied.plan.changes} == {"csv"}
    assert not applied.written


def test_rescheduled_premiere_has_a_history(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    tmdb.add(a_movie(1, release("2026-10-08")))
    (applied,) = import_movies(importer, tmdb)
    assert len(applied.plan.moves) == 1
    change = dbsession.scalars(select(PremiereChange)).one()
    assert (change.old_date, change.reason) == (date(2026, 9, 3), "Új dátum a TMDB szerint")
    assert effects(import_movies(importer, tmdb)) == [Effect.SAME]


def test_ids_distinguish_people_of_one_name(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    def cast(*ids: int) -> dict[str, object]:
        listed = [{"id": id_, "name": "Kovács Anna", "order": id_} for id_ in ids]
        return {"cast": listed, "crew": []}

    tmdb.add(a_movie(1, credits=cast(7, 8)))
    tmdb.add(a_movie(2, credits=cast(7)))
    import_movies(importer, tmdb)
    assert set(dbsession.scalars(select(Person.tmdb_id))) == {7, 8}
    tmdb.add(a_movie(1, credits=cast(9, 7)))
    assert effects(import_movies(importer, tmdb, 1001)) == [Effect.CHANGED]
    assert effects(import_movies(importer, tmdb, 1001)) == [Effect.SAME]


def test_missing_movie_does_not_stop_the_others(importer: Importer, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1))
    tmdb.add(a_movie(2))
    tmdb.answer_next("/3/movie/1001", truncated(), unavailable())
    applied = import_movies(importer, tmdb, 1001, 404, 1002)
    assert effects(applied) == [Effect.NEW, Effect.REFUSED, Effect.NEW]
    assert "404/34" in str(applied[1].plan.problems[0])


def test_outage_ends_the_run_and_keeps_earlier_movies(
    importer: Importer, tmdb: TmdbServer, dbsession: Session
) -> None:
    tmdb.add(a_movie(1))
    tmdb.add(a_movie(2))
    tmdb.answer_next("/3/movie/1002", *[unavailable()] * 3)
    single = Importer(importer._database, importer._posters, importer._clock, chunk_size=1)
    with pytest.raises(TmdbUnavailable):
        import_movies(single, tmdb, 1001, 1002)
    assert dbsession.scalars(select(Movie.tmdb_id)).all() == [1001]


def test_search_and_imdb_id(tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1, title="Hamupipőke"))
    source = source_over(tmdb)
    (found,) = source.search("hamupip")
    assert (found.tmdb_id, found.title) == (1001, "Hamupipőke")
    assert found.year == str(catalogue(1).released.year)
    assert source.id_of_imdb(catalogue(1).imdb_id) == 1001
    with pytest.raises(TmdbNotFound):
        source.id_of_imdb("tt9999999")
    with pytest.raises(ValueError, match="not an IMDb id"):
        source.id_of_imdb("1001/../7")


def test_upcoming_undated_and_stale_movies_are_due(dbsession: Session) -> None:
    def add_movie(tmdb_id: int | None, day: date | None, fetched_days_ago: int) -> None:
        movie = factories.make_movie(dbsession, tmdb_id=tmdb_id)
        if day:
            factories.make_premiere(dbsession, movie, day)
        fetched_at = NOW - timedelta(days=fetched_days_ago)
        dbsession.add(
            FieldProvenance(movie_id=movie.id, field="title", source="tmdb", fetched_at=fetched_at)
        )

    add_movie(1, TODAY + timedelta(days=30), 2)
    add_movie(2, TODAY - timedelta(days=30), 2)
    add_movie(3, TODAY - timedelta(days=30), 200)
    add_movie(4, None, 5)
    add_movie(None, TODAY + timedelta(days=30), 2)
    dbsession.commit()
    since = NOW - timedelta(days=150)
    assert movies_to_refresh(dbsession, TODAY, since) == (3, 4, 1)
    assert movies_to_refresh(dbsession, TODAY, since, limit=1) == (3,)
    # Changed at TMDB, with stale data, or not fetched for two weeks.
    add_movie(5, TODAY + timedelta(days=30), 20)
    dbsession.commit()
    due = movies_to_refresh(dbsession, TODAY, since, changed={2, 4, 77}, now=NOW)
    assert due == (3, 5, 4)
    ((movie_id, _title, fetched),) = stale_movies(dbsession, since)
    assert dbsession.get_one(Movie, movie_id).tmdb_id == 3
    assert fetched == NOW - timedelta(days=200)


def test_changes_are_fetched_by_days_and_pages(tmdb: TmdbServer) -> None:
    for number in (1, 2, 3):
        tmdb.add(a_movie(number))
    found = source_over(tmdb).changed_between(date(2026, 8, 20), date(2026, 8, 21))
    assert found == {1001, 1002, 1003}
    days = {"start_date": "2026-08-20", "end_date": "2026-08-21"}
    assert [dict(asked.query) for asked in tmdb.requests] == [
        {"page": "1", **days}, {"page": "2", **days},
    ]  # fmt: skip


def test_only_changed_movies_are_due_after_a_recent_refresh(
    database: Database, dbsession: Session, tmdb: TmdbServer
) -> None:
    for tmdb_id in (1001, 1002):
        movie = factories.make_movie(dbsession, tmdb_id=tmdb_id)
        dbsession.add(
            FieldProvenance(movie_id=movie.id, field="title", source="tmdb", fetched_at=NOW)
        )
    dbsession.commit()
    tmdb.changed |= {1002, 7}
    source, long_ago = source_over(tmdb), NOW - timedelta(days=150)

    def due(**options: bool) -> tuple[int, ...]:
        return due_movies(database, source, NOW, long_ago, **options)

    assert due() == (1001, 1002)  # there is no checkpoint
    assert tmdb.requests == []
    record_refresh(database, NOW - timedelta(days=3))
    assert due() == (1002,)
    assert due(everything=True) == (1001, 1002)
    tmdb.answer_next("/3/movie/changes", failure(400, 22, "Invalid date range."))
    assert due() == (1001, 1002)
    record_refresh(database, NOW - timedelta(days=15))
    assert due() == (1001, 1002)


def test_number_of_queries_does_not_depend_on_the_number_of_movies(
    importer: Importer, tmdb: TmdbServer, dbsession: Session, query_counter: QueryCounter
) -> None:
    tmdb.add(a_movie(1))
    import_movies(importer, tmdb)
    with query_counter(importer._database.engine) as few:
        list(importer.preview(source_over(tmdb).movies([1001])))
    for number in range(2, 40):
        tmdb.add(a_movie(number))
    import_movies(importer, tmdb)
    with query_counter(importer._database.engine) as many:
        list(importer.preview(source_over(tmdb).movies(sorted(tmdb.movies))))
    assert len(many) == len(few) <= 12
    assert dbsession.scalar(select(func.count()).select_from(Movie)) == 39
