"""The index: which movies are in which section."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import CreditRole, DatePrecision, Movie, PremiereKind, Rating
from moziweb.services import services_of, set_services
from tests.conftest import BASE_URL, NOW, QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    make_movie,
    make_premiere,
    move_premiere,
)
from tests.site.cached import Movies, write
from tests.site.scraper import ScrapedCard, cards

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
SECTION = re.compile(r'<section class="shelf[^"]*" id="([a-z0-9-]+)".*?</section>', re.DOTALL)


def sections(html: str) -> dict[str, list[str]]:
    """The titles of the cards by section."""
    return {match[1]: [card.title for card in cards(match[0])] for match in SECTION.finditer(html)}


def only_card(app: TestApp, path: str = "/") -> ScrapedCard:
    (card,) = cards(app.get(path).text)
    return card


def genres_beside(app: TestApp, path: str) -> list[str]:
    """The genres beside the only card."""
    return [link.text for link in app.get(path).html.select("li.film .film-genres > a")]


def test_sections_go_by_kind_and_week(app: TestApp, dbsession: Session) -> None:
    placed = {
        "this thursday": (THURSDAY, None),
        "this wednesday": (THURSDAY + 6 * DAY, None),
        "next thursday": (THURSDAY + WEEK, None),
        "in two weeks": (THURSDAY + 2 * WEEK, None),
        "last wednesday": (THURSDAY - DAY, None),
        "three weeks ago": (THURSDAY - 3 * WEEK, None),
        "long ago": (THURSDAY - 3 * WEEK - DAY, None),
        "streamed now": (THURSDAY + DAY, "MUBI"),
        "streamed next": (THURSDAY + WEEK, "MUBI"),
        "streamed before": (THURSDAY - WEEK, "MUBI"),
    }
    for title, (day, service) in placed.items():
        make_premiere(dbsession, make_movie(dbsession, title), day, service=service)
    make_movie(dbsession, "undated")
    dbsession.commit()
    assert sections(app.get("/").text) == {
        "this-week": ["this thursday", "this wednesday"],
        "next-week": ["next thursday"],
        "streaming-this-week": ["streamed now"],
        "streaming-next-week": ["streamed next"],
        "still-in-cinemas": ["last wednesday", "three weeks ago"],
        "undated": ["undated"],
    }


def test_filtered_index_has_no_empty_sections(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession, "screened"))
    make_premiere(dbsession, make_movie(dbsession, "streamed"), service="MUBI")
    dbsession.commit()
    page = app.get("/en/?kind=streaming")
    assert sections(page.text) == {"streaming-this-week": ["streamed"]}
    assert "Nothing has been announced" not in page.text
    assert sections(app.get("/").text)["next-week"] == []


def test_filtered_index_without_films_leads_to_the_nearest(
    app: TestApp, dbsession: Session
) -> None:
    movie = make_movie(dbsession, "adults", rating=Rating.AGE_18)
    for weeks in (-6, 3):
        make_premiere(dbsession, movie, THURSDAY + weeks * WEEK)
    dbsession.commit()
    page = app.get("/en/?rating=18")
    assert sections(page.text) == {}
    empty = page.html.find(class_="empty")
    assert "No film of this week or the next matches the filters." in empty.text
    assert [link["href"] for link in empty.select(".ways-out a")] == [
        "/en/week/2026-W37?rating=18",
        "/en/week/2026-W28?rating=18",
    ]
    assert not app.get("/en/?rating=16").html.select(".ways-out")


def test_nearest_premieres_of_an_empty_index_are_refreshed(cached: TestApp, movies: Movies) -> None:
    def links() -> list[str]:
        return [link["href"] for link in cached.get("/?kind=festival").html.select(".ways-out a")]

    assert links() == links() == []
    write(
        cached,
        lambda session: make_premiere(
            session,
            session.get_one(Movie, movies.here),
            THURSDAY + 9 * WEEK,
            kind=PremiereKind.FESTIVAL,
        ),
    )
    assert links() == ["/week/2026-W43?kind=festival"]


def test_limited_and_festival_premieres_are_in_cinema_section(
    app: TestApp, dbsession: Session
) -> None:
    for shift, name in ((0, "now"), (-7, "before")):
        for kind in (PremiereKind.LIMITED, PremiereKind.FESTIVAL):
            movie = make_movie(dbsession, f"{kind} {name}")
            make_premiere(dbsession, movie, THURSDAY + shift * DAY, kind=kind)
    dbsession.commit()
    found = sections(app.get("/").text)
    assert sorted(found["this-week"]) == ["festival now", "limited now"]
    assert found["still-in-cinemas"] == ["limited before"]


def test_week_changes_at_midnight_in_budapest(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession, "new"), THURSDAY)
    dbsession.commit()
    before = datetime(2026, 8, 19, 21, 59, tzinfo=UTC)
    set_services(app.app.registry, replace(services_of(app.app.registry), clock=lambda: before))
    assert sections(app.get("/").text)["next-week"] == ["new"]
    set_services(
        app.app.registry,
        replace(services_of(app.app.registry), clock=lambda: before + timedelta(minutes=1)),
    )
    assert sections(app.get("/").text)["this-week"] == ["new"]


def test_cancelled_premiere_is_marked_and_not_running(app: TestApp, dbsession: Session) -> None:
    for title, day in (("now", THURSDAY), ("before", THURSDAY - WEEK)):
        movie = make_movie(dbsession, title)
        make_premiere(dbsession, movie, day, cancelled_at=datetime(2026, 8, 1, tzinfo=UTC))
    dbsession.commit()
    assert "Elmarad" in only_card(app).body
    assert "Cancelled" in only_card(app, "/en/").body


def test_moved_premiere_shows_its_former_date(app: TestApp, dbsession: Session) -> None:
    premiere = make_premiere(dbsession, make_movie(dbsession), date(2026, 7, 30))
    move_premiere(dbsession, premiere, THURSDAY, at=NOW)
    dbsession.commit()
    assert "2026. július 30." in only_card(app).body
    assert "30 July 2026" in only_card(app, "/en/").body


def test_rerelease_and_unusual_weekday_are_flagged(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession), THURSDAY + DAY, rerelease=True)
    dbsession.commit()
    body = only_card(app, "/en/").body
    assert "Re-release" in body
    assert "Friday" in body


def test_thursday_is_not_flagged(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession))
    dbsession.commit()
    assert "Thursday" not in only_card(app, "/en/").body


def test_card_shows_known_values(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Az", original_title="That", runtime=95, rating="16")
    add_genres(dbsession, movie, "Vígjáték/Comedy", "Krimi/Crime")
    source = add_poster(dbsession, movie)
    make_premiere(dbsession, movie, service="MUBI")
    dbsession.commit()
    card = only_card(app)
    assert (card.title, card.date) == ("Az", "2026. augusztus 20.")
    assert card.href == f"/movie/{movie.id}-az"
    assert card.picture == f"{BASE_URL}/poster/{movie.id}-az.{source.id}.thumb.jpg"
    for text in ("That", "95 perc", "MUBI", ">16<"):
        assert text in card.body
    assert genres_beside(app, "/") == ["Vígjáték", "Krimi"]
    card = only_card(app, "/en/")
    assert (card.title, card.date) == ("That", "20 August 2026")
    assert card.href == f"/en/movie/{movie.id}-az"
    for text in ("95 min", "Az"):
        assert text in card.body
    assert genres_beside(app, "/en/") == ["Comedy", "Crime"]


def test_unknown_day_is_not_shown(app: TestApp, dbsession: Session) -> None:
    for precision, day in (("month", date(2026, 11, 1)), ("year", date(2027, 1, 1))):
        make_premiere(dbsession, make_movie(dbsession), day, precision=DatePrecision(precision))
    dbsession.commit()
    assert [card.date for card in cards(app.get("/").text)] == ["2026. november", "2027"]


def test_the_first_row_is_not_lazy(app: TestApp, dbsession: Session) -> None:
    for _ in range(8):
        movie = make_movie(dbsession)
        make_premiere(dbsession, movie)
        add_poster(dbsession, movie)
    dbsession.commit()
    lazy = ['loading="lazy"' in card.body for card in cards(app.get("/").text)]
    assert lazy == [False] * 6 + [True] * 2


def test_every_section_says_the_rating(app: TestApp, dbsession: Session) -> None:
    """Also “still in cinemas”, whose cards are small."""
    for weeks in (-1, 0, 1):
        movie = make_movie(dbsession, f"Film {weeks}", rating="16")
        make_premiere(dbsession, movie, THURSDAY + timedelta(weeks=weeks))
    dbsession.commit()
    html = app.get("/").html
    for key in ("this-week", "next-week", "still-in-cinemas"):
        (mark,) = html.select(f"#{key} .rating")
        assert mark.find("span", attrs={"aria-hidden": "true"}).text == "16"
        assert "16" in mark.find(class_="visually-hidden").text


def test_sections_have_the_markup_of_other_sites(app: TestApp, dbsession: Session) -> None:
    """A scraper finds movies in these lists, and those of next week by this heading."""
    for title, day in (("ma", THURSDAY), ("majd", THURSDAY + WEEK), ("is", THURSDAY + WEEK + DAY)):
        make_premiere(dbsession, make_movie(dbsession, title), day)
    dbsession.commit()
    found = {
        section.h2.text: [
            movie.find("strong", class_="item-title").text
            for movie in section.select(":scope > ul.movie-list > li a.movie")
        ]
        for section in app.get("/").html.select("section.item-list-section")
    }
    assert found == {"Ezen a héten a mozikban": ["ma"], "Jövő héten érkezik": ["majd", "is"]}


def test_card_links_its_directors_and_genres_beside_its_movie(
    app: TestApp, dbsession: Session
) -> None:
    """One scraper takes every item of a list, at any depth, for a movie; another each first link.

    The first link of an item is its movie, which contains no other.
    """
    movie = make_movie(dbsession, "a")
    add_genres(dbsession, movie, "Dráma/Drama", "Krimi/Crime")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Első", "Második", "Harmadik")
    add_people(dbsession, movie, CreditRole.CAST, "Színész")
    make_premiere(dbsession, movie)
    make_premiere(dbsession, make_movie(dbsession, "b"))
    dbsession.commit()
    page = app.get("/en/")
    (listed,) = page.html.select("#this-week ul.movie-list")
    first, second = listed.find_all("li")
    assert [(link["href"], link.text) for link in first.select("li > div > .film-genres > a")] == [
        ("/en/genre/drama", "Drama"), ("/en/genre/krimi", "Crime"),
    ]  # fmt: skip
    people = first.select("li > div > .film-directors > a")
    assert [link.text for link in people] == ["Első", "Második"]
    for link in first.select("li > div > span > a"):
        assert "a" in {card.title for card in cards(app.get(link["href"]).text)}
    for item, number in ((first, 5), (second, 1)):
        links = item.find_all("a")
        assert (len(links), links[0]["class"]) == (number, ["movie"])
        assert not links[0].find("a")
    assert not any("Drama" in card.body for card in cards(page.text))
    assert "director" not in first.get_text().lower()


def test_day_is_a_heading_of_its_first_movie(app: TestApp, dbsession: Session) -> None:
    for title, days in (("a", 0), ("b", 0), ("c", 1)):
        make_premiere(dbsession, make_movie(dbsession, title), THURSDAY + days * DAY)
    dbsession.commit()
    items = app.get("/").html.select("#this-week li")
    assert [item.time["datetime"] if item.h3 else None for item in items] == [
        "2026-08-20", None, "2026-08-21",
    ]  # fmt: skip


def test_skip_link_leads_to_the_first_movies(app: TestApp, dbsession: Session) -> None:
    for path, expected in (("/", "content"), ("/undated", "content"), ("/about", "content")):
        assert app.get(path).html.select_one(".skip-link")["href"] == f"#{expected}"
    make_premiere(dbsession, make_movie(dbsession), THURSDAY + WEEK)
    dbsession.commit()
    for path, expected in (("/", "next-week-films"), ("/week/2026-W35", "cinema-films")):
        html = app.get(path).html
        assert html.select_one(".skip-link")["href"] == f"#{expected}"
        assert html.select_one(f"#{expected} a.movie")


def test_jump_links_are_those_of_sections_with_movies(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession), THURSDAY)
    dbsession.commit()
    assert not app.get("/").html.select(".section-links")
    make_premiere(dbsession, make_movie(dbsession), THURSDAY, service="MUBI")
    dbsession.commit()
    links = app.get("/en/").html.select(".section-links a")
    assert [(link["href"], link.text) for link in links] == [
        ("#this-week", "In cinemas this week 1"),
        ("#streaming-this-week", "Streaming this week 1"),
    ]


def test_undated_section_is_limited_and_links_to_the_rest(app: TestApp, dbsession: Session) -> None:
    for _ in range(8):
        make_movie(dbsession)
    dbsession.commit()
    page = app.get("/")
    assert len(sections(page.text)["undated"]) == 6
    assert len(cards(page.click(href="^/undated$", index=-1).text)) == 8


def test_index_without_movies_is_200(app: TestApp) -> None:
    assert sections(app.get("/").text) == {"this-week": [], "next-week": []}


@pytest.mark.parametrize("movies", [1, 40])
def test_index_takes_six_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, movies: int
) -> None:
    for number in range(movies):
        movie = make_movie(dbsession)
        add_genres(dbsession, movie, "Dráma", "Krimi")
        add_poster(dbsession, movie)
        service = "MUBI" if number % 2 else None
        make_premiere(dbsession, movie, THURSDAY + number % 14 * DAY, service=service)
        make_movie(dbsession)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        assert len(cards(app.get("/").text)) >= movies
    assert len(statements) == 6
