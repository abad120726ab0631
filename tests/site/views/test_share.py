"""Pictures of links to movies and weeks: their URLs in pages, and the view that draws them."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import Movie, Premiere
from moziweb.posters.models import PosterSource, SharePicture
from moziweb.services import services_of
from moziweb.storage import StorageUnavailable
from tests.conftest import BASE_URL
from tests.factories import THURSDAY, add_upload, make_movie, make_premiere
from tests.posters.conftest import picture
from tests.site.cached import CACHED, Movies, cache_misses, pages, site, warm, write
from tests.site.cached import fill as fill_movies

WEEK = "/week/2026-W34"


@pytest.fixture
def movie(app: TestApp, dbsession: Session) -> Movie:
    """A movie with an uploaded poster."""
    movie = make_movie(dbsession, "Őrült űrhajósok", original_title="Mad Astronauts")
    make_premiere(dbsession, movie, THURSDAY)
    add_upload(dbsession, services_of(app.app.registry).storage, movie, picture())
    dbsession.commit()
    return movie


def path_of(movie: Movie, prefix: str = "") -> str:
    return f"{prefix}/movie/{movie.id}-{movie.slug}"


def preview(app: TestApp, path: str) -> dict[str, str]:
    """The first of each meta element for previews."""
    found: dict[str, str] = {}
    for element in app.get(path).html.find_all("meta"):
        name = element.get("property") or element.get("name") or ""
        if name.startswith(("og:", "twitter:")):
            found.setdefault(name, element["content"])
    return found


def image_of(app: TestApp, path: str) -> str:
    url = preview(app, path)["og:image"]
    assert url.startswith(BASE_URL)
    return url.removeprefix(BASE_URL)


def fetched(app: TestApp, path: str) -> Image.Image:
    """The picture that a route redirects to."""
    redirect = app.get(path, status=302)
    assert redirect.cache_control.max_age == 3600
    answer = app.get(redirect.location.removeprefix(BASE_URL), status=200)
    assert answer.content_type == "image/jpeg"
    with Image.open(BytesIO(answer.body)) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_picture_of_a_movie_is_drawn_and_then_linked_in_storage(
    app: TestApp, movie: Movie, prefix: str
) -> None:
    path = path_of(movie, prefix)
    found = preview(app, path)
    assert found["twitter:card"] == "summary_large_image"
    assert (found["og:image:width"], found["og:image:height"]) == ("1200", "630")
    title = "Mad Astronauts" if prefix else "Őrült űrhajósok"
    assert found["og:image:alt"].startswith(title)
    route = image_of(app, path)
    assert route.startswith(f"{prefix}/share/movie/{movie.id}-orult-urhajosok.")
    image = fetched(app, route)
    assert image.size == (1200, 630)
    pixel = image.getpixel((200, 315))
    assert isinstance(pixel, tuple)
    assert pixel[0] > pixel[2] + 60  # the poster was made for it, and is red
    # The poster is ready now, so that the page has another picture to show; it was drawn with it.
    linked = image_of(app, path)
    assert linked.startswith("/objects/share/movie-")
    assert app.get(linked).content_type == "image/jpeg"


def test_changes_lead_to_a_new_picture(app: TestApp, dbsession: Session, movie: Movie) -> None:
    fetched(app, image_of(app, path_of(movie)))
    seen = {image_of(app, path_of(movie))}

    def is_new() -> bool:
        route = image_of(app, path_of(movie))
        assert route.startswith("/share/")
        fetched(app, route)
        url = image_of(app, path_of(movie))
        is_new = url not in seen
        seen.add(url)
        return is_new and url.startswith("/objects/")

    movie.title = "Józan űrhajósok"
    dbsession.commit()
    assert is_new()
    dbsession.scalars(select(Premiere)).one().date = THURSDAY + timedelta(days=7)
    dbsession.commit()
    assert is_new()
    dbsession.scalars(select(PosterSource)).one().chosen = False
    dbsession.flush()
    add_upload(dbsession, services_of(app.app.registry).storage, movie, picture("#2040a0"))
    dbsession.commit()
    assert is_new()
    movie.synopsis = "A picture does not show it."
    dbsession.commit()
    assert image_of(app, path_of(movie)) in seen


def test_other_digest_or_slug_redirects_to_the_present_picture(app: TestApp, movie: Movie) -> None:
    here = app.get(image_of(app, path_of(movie))).location
    for segment in (f"{movie.id}-orult-urhajosok.0", f"{movie.id}-x.{'0' * 12}", f"{movie.id}.1f"):
        assert app.get(f"/share/movie/{segment}.jpg", status=302).location == here


def test_movie_without_poster_has_a_picture(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Plakát nélkül")
    dbsession.commit()
    assert fetched(app, image_of(app, path_of(movie))).size == (1200, 630)


def test_poster_that_cannot_be_made_is_left_out(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Rossz plakát")
    add_upload(dbsession, services_of(app.app.registry).storage, movie, picture())
    dbsession.flush()
    dbsession.scalars(select(PosterSource)).one().key = "original/gone.jpg"
    dbsession.commit()
    assert fetched(app, image_of(app, path_of(movie))).size == (1200, 630)


def test_picture_of_a_week_shows_its_posters(
    app: TestApp, dbsession: Session, movie: Movie
) -> None:
    other = make_movie(dbsession, "Kék")
    make_premiere(dbsession, other, THURSDAY)
    add_upload(dbsession, services_of(app.app.registry).storage, other, picture("#2040c0"))
    make_premiere(dbsession, make_movie(dbsession, "Plakát nélkül"), THURSDAY)
    dbsession.commit()
    empty = image_of(app, WEEK)
    assert empty.startswith("/share/week/2026-W34.")
    for source in dbsession.scalars(select(PosterSource.id)).all():
        services_of(app.app.registry).posters.ensure_variants(source)
    route = image_of(app, WEEK)
    assert route != empty
    image = fetched(app, route)
    pixels = [image.getpixel((150, 200)), image.getpixel((370, 200))]
    assert all(isinstance(pixel, tuple) for pixel in pixels)
    assert sorted(pixel[0] > pixel[2] for pixel in pixels) == [False, True]  # type: ignore[index]
    assert image_of(app, WEEK).startswith("/objects/share/week-2026-W34/hu-")
    found = preview(app, WEEK)
    assert found["og:image:alt"].startswith("A premierek plakátjai")
    assert found["twitter:card"] == "summary_large_image"


@pytest.mark.parametrize(
    "path",
    ["/share/movie/999999-x.0.jpg", "/share/movie/x.0.jpg", "/share/movie/0-x.0.jpg",
     "/share/week/2026-W34.0.jpg", "/share/week/2026-W54.0.jpg", "/share/week/x.0.jpg",
     "/share/movie/1-x.jpg", "/share/movie/1-x.x.jpg", "/share/genre/1.0.jpg"],
)  # fmt: skip
def test_unknown_picture_is_404(app: TestApp, path: str) -> None:
    app.get(path, status=404)


def test_unpublished_movie_has_no_picture(app: TestApp, dbsession: Session, movie: Movie) -> None:
    route = image_of(app, path_of(movie))
    movie.published = False
    dbsession.commit()
    app.get(route, status=404)


def test_placeholder_if_storage_fails(
    app: TestApp, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, route = services_of(app.app.registry).storage, image_of(app, path_of(movie))
    app.get(route, status=302)

    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(type(storage), "put", fail)
    answer = app.get(f"/en{route}", status=200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Retry-After"]
    with Image.open(BytesIO(answer.body)) as image:
        assert image.size == (1200, 630)


def test_every_other_page_has_the_picture_of_the_site(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession), THURSDAY)
    dbsession.commit()
    for prefix, locale in (("", "hu"), ("/en", "en")):
        for path in ("/", "/about", "/genres", "/month/2026-08", f"{WEEK}?kind=cinema"):
            found = preview(app, prefix + path)
            url = found["og:image"].removeprefix(BASE_URL)
            assert url.startswith(f"/static/icons/site-{locale}.jpg?v=")
            with Image.open(BytesIO(app.get(url).body)) as image:
                shown = str(image.width), str(image.height)
            assert (found["og:image:width"], found["og:image:height"]) == shown
            assert found["og:image:alt"]


@pytest.fixture
def cached(migrated_sqlite: Path, tmp_path: Path) -> Iterator[tuple[TestApp, Movies]]:
    """A site with cached pages."""
    import shutil

    from tests.conftest import raw_settings

    copy = tmp_path / "site.sqlite"
    shutil.copyfile(migrated_sqlite, copy)
    with site(raw_settings(f"sqlite:///{copy}", tmp_path) | CACHED) as app:
        with services_of(app.app.registry).database.write() as session:
            movies = fill_movies(session)
        warm(app, movies)
        yield app, movies


def test_new_picture_invalidates_exactly_the_pages_that_link_it(
    cached: tuple[TestApp, Movies],
) -> None:
    app, movies = cached
    paths = pages(movies)
    route = image_of(app, paths["ahead"])
    app.get(route, status=302)
    assert cache_misses(app, movies) == {"ahead"}
    assert image_of(app, paths["ahead"]).startswith("/objects/share/week-")
    app.get(image_of(app, paths["other"]), status=302)
    assert cache_misses(app, movies) == {"other"}
    app.get(image_of(app, f"/en{paths['other']}"), status=302)
    assert cache_misses(app, movies) == set()


def test_lost_row_leads_back_to_the_route(cached: tuple[TestApp, Movies]) -> None:
    app, movies = cached
    path = pages(movies)["other"]
    app.get(image_of(app, path), status=302)
    assert image_of(app, path).startswith("/objects/")
    write(app, lambda session: session.delete(session.scalars(select(SharePicture)).one()))
    assert image_of(app, path).startswith("/share/")


def test_week_without_its_shell_links_the_picture(cached: tuple[TestApp, Movies]) -> None:
    """A change of a poster renders the fragments of the week, and its shell stays."""
    app, movies = cached
    path = pages(movies)["week"]
    before = image_of(app, path)

    def colour(session: Session) -> None:
        session.get_one(PosterSource, movies.source).dominant_colour = "#205080"

    write(app, colour)
    answer = app.get(path)
    assert answer.headers["X-Cache"] == "miss"
    assert "shell" not in answer.headers.get("Server-Timing", "")
    assert image_of(app, path) != before
