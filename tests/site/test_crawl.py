"""Crawls the demo: all pages that the main pages link to, each on one of the databases."""

import random
import re
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.calendar import month_of, week_of
from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from tests.conftest import NOW, QueryCounter
from tests.site.cached import half_of
from tests.site.scraper import cards, json_ld

# Not those that add a filter, which have `nofollow`: tests/site/presenters/test_filter_form.py.
LINK = re.compile(r'<a [^>]*href="(/[^"#]*)"(?! rel="nofollow")')
FOLLOWED_FROM = ("/", "/en/", "/undated", "/en/about", "/genre/drama")


def links(html: str) -> set[str]:
    """The pages of the site that a page links to. Posters are omitted: a request makes them."""
    return {link for link in LINK.findall(html) if not link.startswith(("/poster/", "/objects/"))}


def test_every_link_of_the_main_pages_works(demo_app: TestApp) -> None:
    found: set[str] = set()
    for path in FOLLOWED_FROM:
        found |= links(demo_app.get(path).text)
    assert len(found) > 100
    for link in half_of(demo_app, found):
        demo_app.get(link, status=200)


@pytest.mark.parametrize("demo_url", ["sqlite"], indirect=True)
def test_every_week_and_month_of_the_demo_is_200(
    demo_app: TestApp, demo_session: Session, query_counter: QueryCounter
) -> None:
    first, last = demo_session.execute(
        select(func.min(Premiere.date), func.max(Premiere.date))
    ).one()
    paths, week, month = [], week_of(first), month_of(first)
    while week.start <= last:
        paths.append(f"/week/{week.name}")
        week = week.next
    while month.start <= last:
        paths.append(f"/en/month/{month.name}")
        month = month.next
    shown: set[str] = set()
    for path in paths:
        with query_counter(services_of(demo_app.app.registry).database.engine) as statements:
            page = demo_app.get(path, status=200)
        assert len(statements) <= 5, path
        shown |= {card.href.removeprefix("/en") for card in cards(page.text)}
    dated = select(func.count(func.distinct(Premiere.movie_id))).where(Premiere.precision == "day")
    assert len(shown) >= (demo_session.scalar(dated) or 0) > 700


def test_movie_pages_have_json_ld_and_working_links(
    demo_app: TestApp, demo_session: Session, demo_url: str
) -> None:
    movies = list(demo_session.scalars(select(Movie).order_by(Movie.id)))
    assert len(movies) == 796
    chance = random.Random(demo_url.partition(":")[0])
    for movie in chance.sample(movies, 20):
        page = demo_app.get(f"/movie/{movie.id}-{movie.slug}", status=200)
        data = json_ld(page.text)
        assert data["@type"] == "Movie"
        assert data["genre"]
        assert data["director"]
        assert data["actor"]
        assert re.fullmatch(r"PT(\d+H)?(\d+M)?", data["duration"])
        assert data["description"] in page.text or "&#" in page.text
        assert demo_app.get(f"/api/movie/{movie.id}").json["imdb_id"] == movie.imdb_id


def test_every_date_on_a_page_has_its_year(demo_app: TestApp) -> None:
    for path in ("/", "/en/", "/undated", "/week/2026-W33"):
        found = cards(demo_app.get(path).text)
        assert found
        assert all(
            re.search(r"\b20\d\d\b", card.date) or "dátum" in card.date or "date" in card.date
            for card in found
        )


def test_index_has_all_sections_today(demo_app: TestApp) -> None:
    premieres = demo_app.get("/api/main/").json["premieres"]
    sections = {each["section"] for each in premieres}
    assert {"this-week", "next-week", "still-in-cinemas", "undated"} <= sections
    week = week_of(date(NOW.year, NOW.month, NOW.day))
    for each in premieres:
        if each["section"] == "this-week":
            assert date.fromisoformat(each["premiere"]["date"]) in week
