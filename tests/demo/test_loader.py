"""The demo in SQLite and PostgreSQL."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from moziweb.db.meta import Base
from moziweb.demo.catalogue import demo_movies
from moziweb.demo.loader import LOADED_FIELDS, DemoReport, load_demo
from moziweb.demo.spec import PosterSpec
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import (
    Credit,
    CreditRole,
    FieldProvenance,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
)
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from tests.conftest import NOW
from tests.factories import make_movie, named

TODAY = budapest_today(NOW)


def contents(session: Session) -> dict[str, Sequence[Any]]:
    """All rows of all tables."""
    tables: Iterable[Table] = Base.metadata.sorted_tables
    return {
        table.name: session.execute(select(table).order_by(*table.primary_key)).all()
        for table in tables
    }


def count(session: Session, model: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_second_run_changes_nothing(dbsession: Session) -> None:
    report = load_demo(dbsession, TODAY, NOW)
    dbsession.commit()
    assert (report.catalogue, report.added) == (796, 796)
    assert count(dbsession, Movie) == 796
    assert report.premieres == count(dbsession, Premiere)
    assert report.people == count(dbsession, Person)
    assert report.posters == count(dbsession, PosterSource)
    before = contents(dbsession)
    again = load_demo(dbsession, TODAY + timedelta(days=100), NOW + timedelta(days=100))
    dbsession.commit()
    assert again == DemoReport(catalogue=796, added=0)
    assert contents(dbsession) == before


def test_rows_equal_the_catalogue(demo_session: Session) -> None:
    query = select(Movie).options(
        joinedload(Movie.distributor),
        selectinload(Movie.genre_links).joinedload(MovieGenre.genre),
        selectinload(Movie.credits).joinedload(Credit.person),
        selectinload(Movie.premieres).options(
            joinedload(Premiere.service), selectinload(Premiere.changes)
        ),
        selectinload(Movie.trailers),
    )
    movies = {movie.imdb_id: movie for movie in demo_session.scalars(query)}
    for expected in demo_movies(TODAY):
        movie = movies[expected.imdb_id]
        assert (movie.title, movie.runtime, movie.rating) == (
            expected.title,
            expected.runtime,
            expected.rating,
        )
        assert movie.synopsis == expected.synopsis
        assert (movie.distributor.name if movie.distributor else "") == expected.distributor
        assert [link.genre.name_en for link in movie.genre_links] == list(expected.genres)
        for role, names in (
            (CreditRole.DIRECTOR, expected.directors),
            (CreditRole.CAST, expected.cast),
        ):
            credited = [each.person.name for each in movie.credits if each.role is role]
            assert credited == list(names)
        assert [(each.date, each.kind, each.precision) for each in movie.premieres] == [
            (each.date, each.kind, each.precision) for each in expected.premieres
        ]
        for row, premiere in zip(movie.premieres, expected.premieres, strict=True):
            assert (row.service.name if row.service else "") == premiere.service
            assert row.formats == premiere.formats
            assert [change.old_date for change in row.changes] == [
                change.old_date for change in premiere.changes
            ]
            assert bool(row.cancelled_at) == bool(premiere.cancelled_on)
        assert [each.video_id for each in movie.trailers] == [
            each.video_id for each in expected.trailers
        ]


def test_slugs_and_codes_are_well_formed(demo_session: Session) -> None:
    for movie in demo_session.scalars(select(Movie)):
        assert re.fullmatch(r"[a-z0-9-]{1,100}", movie.slug)
        assert all(re.fullmatch("[A-Z]{2}", code) for code in movie.countries)
        assert all(re.fullmatch("[a-z]{2,3}", code) for code in movie.languages)
        assert movie.countries
        assert movie.languages
    comedy = demo_session.scalar(select(Genre).where(Genre.name_en == "Comedy"))
    assert comedy
    assert (comedy.name, comedy.slug) == ("Vígjáték", "vigjatek")


def test_posters_are_drawn_later_and_some_movies_have_none(demo_session: Session) -> None:
    sources = demo_session.scalars(select(PosterSource)).all()
    assert 700 < len(sources) < 796
    for source in sources:
        assert (source.kind, source.state) == (SourceKind.DRAWN, SourceState.PENDING)
        assert source.chosen
        assert PosterSpec.from_url(source.url or "").seed


def test_provenance_of_every_field_is_the_demo(demo_session: Session) -> None:
    rows = demo_session.scalars(select(FieldProvenance)).all()
    assert len(rows) == 796 * len(LOADED_FIELDS)
    assert {(row.source, row.fetched_at) for row in rows} == {("demo", NOW)}


def test_existing_rows_are_used_and_not_changed(dbsession: Session) -> None:
    movie = demo_movies(TODAY)[0]
    mine = make_movie(dbsession, "Az enyém", imdb_id=movie.imdb_id)
    person = named(dbsession, Person, demo_movies(TODAY)[1].directors[0])
    genre = named(dbsession, Genre, "Dráma", slug="drama", name_en="Drama")
    dbsession.commit()
    report = load_demo(dbsession, TODAY, NOW)
    assert report.added == 795
    assert mine.title == "Az enyém"
    assert count(dbsession, Movie) == 796
    assert dbsession.scalar(
        select(func.count()).select_from(Credit).where(Credit.person_id == person.id)
    )
    assert dbsession.scalar(
        select(func.count()).select_from(MovieGenre).where(MovieGenre.genre_id == genre.id)
    )
