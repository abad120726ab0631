"""Facets and their premieres."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies import facet_queries
from moziweb.movies.facet_queries import (
    BLOCK,
    Facet,
    FacetPosition,
    FacetSection,
    all_genres,
    all_services,
    facet_blocks,
    facet_positions,
    genre_by_slug,
    long_filmographies,
    roles_of,
    service_by_slug,
)
from moziweb.movies.list_position import ListPosition
from moziweb.movies.models import (
    CreditRole,
    DatePrecision,
    Distributor,
    Genre,
    Movie,
    Person,
    StreamingService,
)
from moziweb.movies.queries import Listing
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    make_movie,
    make_premiere,
    set_distributor,
)

WEEK = timedelta(weeks=1)


def movie_with_everything(session: Session, title: str, *, published: bool = True) -> Movie:
    """A movie with a genre, a person in both roles and a distributor; no premiere."""
    movie = make_movie(session, title, published=published)
    add_genres(session, movie, "Dráma")
    add_people(session, movie, CreditRole.DIRECTOR, "Enyedi Ildikó")
    add_people(session, movie, CreditRole.CAST, "Enyedi Ildikó")
    set_distributor(session, movie, "Fórum")
    return movie


def facets(session: Session) -> list[Facet]:
    found = [
        session.scalars(select(Genre)).first(),
        session.scalars(select(Person).order_by(Person.id)).first(),
        session.scalars(select(Distributor)).first(),
        session.scalars(select(StreamingService).order_by(StreamingService.id)).first(),
    ]
    return [facet for facet in found if facet is not None]


def facet_listings(
    session: Session,
    facet: Facet,
    section: FacetSection,
    limit: int = 99,
    position: FacetPosition | None = None,
) -> Sequence[Listing]:
    return facet_blocks(session, facet, [section], THURSDAY, limit, position)[section]


def titles(session: Session, facet: Facet, section: FacetSection, limit: int = 99) -> list[str]:
    return [each.movie.title for each in facet_listings(session, facet, section, limit)]


@pytest.fixture
def filled(dbsession: Session) -> None:
    """Premieres of two weeks before to a week after; one movie without any, one unpublished."""
    for shift in (-2, -1, 0, 1):
        movie = movie_with_everything(dbsession, f"{shift:+}")
        make_premiere(dbsession, movie, THURSDAY + shift * WEEK, service="MUBI")
    movie_with_everything(dbsession, "none")
    hidden = movie_with_everything(dbsession, "hidden", published=False)
    make_premiere(dbsession, hidden, service="MUBI")
    make_premiere(dbsession, make_movie(dbsession, "other"), service="Netflix")
    dbsession.commit()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("common", [0, 2_000])
def test_sections_of_each_facet(
    dbsession: Session, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    """In the order of dates and by the movies of the facet."""
    monkeypatch.setattr(facet_queries, "COMMON", common)
    found = facets(dbsession)
    assert len(found) == 4
    for facet in found:
        at_once = facet_blocks(dbsession, facet, FacetSection, THURSDAY, 99)
        for section in FacetSection:
            assert at_once[section] == facet_listings(dbsession, facet, section)
        assert titles(dbsession, facet, FacetSection.COMING) == ["+0", "+1"]
        assert titles(dbsession, facet, FacetSection.PAST) == ["-1", "-2"]
        assert titles(dbsession, facet, FacetSection.PAST, 1) == ["-1"]
        without = [] if isinstance(facet, StreamingService) else ["none"]
        assert titles(dbsession, facet, FacetSection.UNANNOUNCED) == without


def test_month_and_year_are_coming_until_they_are_over(dbsession: Session) -> None:
    for name, day, precision in (
        ("this month", THURSDAY.replace(day=1), DatePrecision.MONTH),
        ("this year", THURSDAY.replace(month=1, day=1), DatePrecision.YEAR),
        ("last month", (THURSDAY.replace(day=1) - WEEK).replace(day=1), DatePrecision.MONTH),
    ):
        movie = make_movie(dbsession, name)
        add_genres(dbsession, movie, "Dráma")
        make_premiere(dbsession, movie, day, precision=precision)
    genre = genre_by_slug(dbsession, "drama")
    assert genre
    assert titles(dbsession, genre, FacetSection.COMING) == ["this year", "this month"]
    assert titles(dbsession, genre, FacetSection.PAST) == ["last month"]


def test_every_row_is_reached_by_positions(dbsession: Session) -> None:
    """Also rows of one date, in each section."""
    for number in range(2 * BLOCK + 1):
        for day in (THURSDAY, date(2020, 1, 2), None):
            movie = make_movie(dbsession, f"{number} {day}")
            add_genres(dbsession, movie, "Dráma")
            if day:
                make_premiere(dbsession, movie, day)
    (genre,) = all_genres(dbsession)
    positions = list(facet_positions(dbsession, genre, THURSDAY))
    assert [FacetPosition.parse(str(each)) for each in positions] == positions
    assert len(positions) == 2 * len(FacetSection)
    for section in FacetSection:
        whole = facet_listings(dbsession, genre, section, 10 * BLOCK)
        found = list(facet_listings(dbsession, genre, section, BLOCK))
        for position in positions:
            if position.section is section:
                found += facet_listings(dbsession, genre, section, BLOCK, position)
        assert [each.movie.id for each in found] == [each.movie.id for each in whole]
        assert len(whole) == 2 * BLOCK + 1


def test_person_of_many_premieres_has_a_long_filmography(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_people(dbsession, movie, CreditRole.CAST, "Valaki")
    for number in range(BLOCK):
        make_premiere(dbsession, movie, THURSDAY + number * WEEK)
    assert long_filmographies(dbsession) == []
    make_premiere(dbsession, movie)
    assert [person.name for person in long_filmographies(dbsession)] == ["Valaki"]


@pytest.mark.usefixtures("filled")
def test_block_begins_at_a_position_without_a_row(dbsession: Session) -> None:
    genre = genre_by_slug(dbsession, "drama")
    assert genre
    (last,) = facet_listings(dbsession, genre, FacetSection.COMING)[1:]
    for section, day, expected in (
        (FacetSection.COMING, last.day - timedelta(days=1), ["+1"]),
        (FacetSection.COMING, last.day + timedelta(days=1), []),
        (FacetSection.PAST, THURSDAY - WEEK - timedelta(days=1), ["-2"]),
    ):
        position = FacetPosition(section, ListPosition(day, 1))
        found = facet_listings(dbsession, genre, section, 9, position)
        assert [each.movie.title for each in found] == expected


@pytest.mark.usefixtures("filled")
def test_lists_of_facets(dbsession: Session) -> None:
    assert [genre.slug for genre in all_genres(dbsession)] == ["drama"]
    assert [service.slug for service in all_services(dbsession)] == ["mubi", "netflix"]
    netflix = service_by_slug(dbsession, "netflix")
    assert netflix
    assert netflix.name == "Netflix"
    assert service_by_slug(dbsession, "nincs") is None
    person = dbsession.scalars(select(Person).order_by(Person.id)).first()
    assert person
    assert roles_of(dbsession, person) == {CreditRole.DIRECTOR, CreditRole.CAST}
