"""Pictures of links to movies and weeks: their URLs in pages, and the view that draws them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import Movie, Premiere
from moziweb.posters.generation import admission
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.posters.models import PosterSource, SharePicture, SourceState
from moziweb.services import services_of, set_services
from moziweb.storage import StorageUnavailable
from tests.conftest import BASE_URL
from tests.factories import THURSDAY, add_upload, make_movie, make_premiere
from tests.posters.conftest import picture
from tests.site.cached import (
    CACHED,
    Movies,
    cache_misses,
    every_page,
    pages,
    site,
    warm,
    write,
)
from tests.site.cached import fill as fill_movies
from tests.threads import PATIENCE, join_threads

WEEK = "/week/2026-W34"


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for longer than five seconds: a busy machine takes longer."""
    monkeypatch.setattr(admission, "MAX_REQUEST_SECONDS", 60.0)


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


def test_picture_of_a_week_has_its_posters_made_first(app: TestApp, movie: Movie) -> None:
    route = image_of(app, WEEK)
    pixel = fetched(app, route).getpixel((150, 200))
    assert isinstance(pixel, tuple)
    assert pixel[0] > pixel[2] + 60
    assert image_of(app, WEEK).startswith("/objects/share/week-2026-W34/hu-")


def drawn(session: Session) -> int:
    """The number of pictures that are stored."""
    session.rollback()  # ends the snapshot
    return session.scalar(select(func.count(SharePicture.id))) or 0


def test_head_draws_nothing(app: TestApp, dbsession: Session, movie: Movie) -> None:
    route = image_of(app, path_of(movie))
    answer = app.head(route, status=200)
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("image/jpeg", "no-store")
    assert drawn(dbsession) == 0
    assert dbsession.scalars(select(PosterSource.state)).one() is SourceState.PENDING
    url = app.get(route, status=302).location
    assert app.head(route, status=302).location == url
    assert drawn(dbsession) == 1


@pytest.mark.parametrize("kind", ["movie", "week"])
def test_picture_without_a_poster_that_is_being_made_is_not_kept(
    app: TestApp, dbsession: Session, movie: Movie, kind: str
) -> None:
    """A preview gets the title and the date; the next request gets the poster."""
    services = services_of(app.app.registry)
    impatient = AdmissionControl(services.posters, slots=2, wait_seconds=0)
    set_services(app.app.registry, replace(services, poster_admission=impatient))
    route = image_of(app, path_of(movie) if kind == "movie" else WEEK)
    source = dbsession.scalars(select(PosterSource)).one()
    source.state, source.lease_token = SourceState.GENERATING, "another"
    source.lease_until = datetime.now(UTC) + timedelta(minutes=5)
    dbsession.commit()
    answer = app.get(route, status=200)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    with Image.open(BytesIO(answer.body)) as image:
        assert image.size == (1200, 630)
    assert drawn(dbsession) == 0
    assert list(services.storage.list("share/")) == []
    source.state, source.lease_token, source.lease_until = SourceState.PENDING, None, None
    dbsession.commit()
    app.get(route, status=302)
    assert drawn(dbsession) == 1


@pytest.mark.parametrize(
    ("minutes", "is_kept"), [(2, False), (120, True)], ids=["failed once", "failed several times"]
)
def test_picture_does_not_wait_for_a_poster_that_fails_again_and_again(
    app: TestApp, dbsession: Session, movie: Movie, minutes: int, is_kept: bool
) -> None:
    source = dbsession.scalars(select(PosterSource)).one()
    source.state = SourceState.RETRY_WAIT
    source.next_attempt_at = datetime.now(UTC) + timedelta(minutes=minutes)
    dbsession.commit()
    app.get(image_of(app, path_of(movie)), status=302 if is_kept else 200)
    assert drawn(dbsession) == is_kept


def test_request_does_not_wait_for_a_storage_that_hangs(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drawing keeps its slot, ends later, and is linked then; others ask storage nothing."""
    storage = services_of(app.app.registry).storage
    movie = make_movie(dbsession, "Plakát nélkül")
    dbsession.commit()
    other = make_movie(dbsession, "Másik")
    dbsession.commit()
    thaws, puts, put = threading.Event(), list[str](), type(storage).put

    def hang(storage: object, key: str, *arguments: object, **options: object) -> object:
        puts.append(key)
        thaws.wait(PATIENCE)
        return put(storage, key, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(storage), "put", hang)
    monkeypatch.setattr(admission, "MAX_REQUEST_SECONDS", 0.2)
    routes = [image_of(app, path_of(each)) for each in (movie, movie, other)]
    for route in routes:
        answer = app.get(route, status=200)
        assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "2")
    assert not thaws.is_set()
    thaws.set()
    join_threads("share-picture")
    assert len(puts) == drawn(dbsession) == 1
    assert image_of(app, path_of(movie)).startswith("/objects/share/")


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


def test_every_page_has_all_texts_of_a_preview(cached: tuple[TestApp, Movies]) -> None:
    app, movies = cached
    for name, path in every_page(movies).items():
        response = app.get(path)
        if response.content_type != "text/html":
            continue
        found = preview(app, path)
        html = response.html
        assert found["og:title"], name
        assert (
            found["og:description"] == html.find("meta", attrs={"name": "description"})["content"]
        )
        assert found["og:description"], name
        assert found["og:url"] == html.find("link", rel="canonical")["href"], name
        assert found["og:site_name"] == "moziweb", name
        locale = "en_GB" if html.html["lang"] == "en" else "hu_HU"
        assert found["og:locale"] == locale, name
        assert found["og:image"].startswith(BASE_URL), name
        assert found["og:image:alt"], name
        assert found["twitter:card"] == "summary_large_image", name


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
