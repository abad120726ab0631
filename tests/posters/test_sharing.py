"""Pictures of links: drawn once, linked by their content, superseded, restored and removed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import ShareText
from moziweb.posters.models import SharePicture
from moziweb.posters.sharing import (
    ShareContent,
    SharePictures,
    SupersededPictures,
    links_and_pictures,
    movie_subject,
    week_subject,
)
from moziweb.storage import Storage
from tests.posters.conftest import DEPLOYMENTS, Clock

RETENTION = timedelta(days=30)


class Drawing:
    """Draws texts, and counts its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[ShareText, list[bytes]]] = []

    def __call__(self, text: ShareText, posters: object) -> bytes:
        found = list(posters)  # type: ignore[call-overload]
        self.calls.append((text, found))
        return f"{len(self.calls)} {text.titles[0]}".encode()


@pytest.fixture
def drawing() -> Drawing:
    return Drawing()


@pytest.fixture
def pictures(database: Database, storage: Storage, drawing: Drawing, clock: Clock) -> SharePictures:
    return SharePictures(database, storage, drawing, clock)


def content(
    title: str = "Dűne", subject: str = movie_subject(7), locale: str = "hu", *posters: str
) -> ShareContent:
    return ShareContent(subject, locale, ShareText((title,)), posters, "alt")


def linked(database: Database, storage: Storage, shown: ShareContent) -> str | None:
    with database.read() as session:
        subjects = [shown.subject, movie_subject(99)]
        links, drawn = links_and_pictures(session, storage, {7: "dune"}, subjects, shown.locale)
    assert links == {}
    return drawn.url(shown, lambda *_: None)


def stored(storage: Storage) -> dict[str, bytes]:
    return {found.key: storage.get(found.key) for found in storage.list("share/")}


@DEPLOYMENTS
def test_picture_is_drawn_once_and_linked_in_storage(
    pictures: SharePictures, database: Database, storage: Storage, drawing: Drawing
) -> None:
    shown = content()
    assert linked(database, storage, shown) is None
    url = pictures.ensure(shown)
    assert url
    assert pictures.ensure(content()) == url == linked(database, storage, shown)
    assert len(drawing.calls) == 1
    ((key, body),) = stored(storage).items()
    assert body == "1 Dűne".encode()
    assert url == storage.url(key)
    head = storage.head(key)
    assert head
    assert (head.content_type, "immutable" in (head.cache_control or "")) == ("image/jpeg", True)


@pytest.mark.parametrize(
    "other",
    [
        content("Dune"),
        content("Dűne", movie_subject(8)),
        content("Dűne", week_subject("2026-W34")),
        content("Dűne", movie_subject(7), "en"),
        content("Dűne", movie_subject(7), "hu", "poster/a.jpg"),
    ],
)
@pytest.mark.parametrize(("database_url", "storage"), [("sqlite", "disk")], indirect=True)
def test_other_content_has_its_own_picture(
    pictures: SharePictures, drawing: Drawing, other: ShareContent
) -> None:
    assert pictures.ensure(content()) != pictures.ensure(other)
    assert len(drawing.calls) == 2


@DEPLOYMENTS
def test_changed_content_supersedes_the_picture_of_its_language(
    pictures: SharePictures, database: Database, storage: Storage, drawing: Drawing
) -> None:
    english = pictures.ensure(content(locale="en"))
    first = pictures.ensure(content())
    second = pictures.ensure(content("Dűne 2"))
    assert first != second
    assert linked(database, storage, content()) is None
    assert linked(database, storage, content(locale="en")) == english
    assert len(stored(storage)) == 3  # the old one is still served
    assert pictures.ensure(content()) == first  # the change is undone
    assert len(drawing.calls) == 3
    assert linked(database, storage, content("Dűne 2")) is None


@DEPLOYMENTS
def test_posters_are_read_from_storage(
    pictures: SharePictures, storage: Storage, drawing: Drawing
) -> None:
    storage.put("poster/a.jpg", b"a", content_type="image/jpeg", cache_control="public")
    pictures.ensure(content("Dűne", movie_subject(7), "hu", "poster/a.jpg", "poster/gone.jpg"))
    assert drawing.calls == [(ShareText(("Dűne",)), [b"a"])]


@DEPLOYMENTS
def test_simultaneous_requests_draw_it_once(
    pictures: SharePictures, storage: Storage, drawing: Drawing
) -> None:
    with ThreadPoolExecutor(4) as executor:
        urls = set(executor.map(lambda _: pictures.ensure(content()), range(4)))
    assert len(urls) == len(drawing.calls) == len(stored(storage)) == 1


@DEPLOYMENTS
def test_two_processes_keep_one_picture(database: Database, storage: Storage, clock: Clock) -> None:
    """The other process draws it while this one does."""
    others = SharePictures(database, storage, Drawing(), clock)

    def draw(text: ShareText, posters: object) -> bytes:
        assert others.ensure(content())
        return b"ours"

    url = SharePictures(database, storage, draw, clock).ensure(content())
    assert url == linked(database, storage, content())
    assert list(stored(storage).values()) == ["1 Dűne".encode()]


@pytest.mark.parametrize(("database_url", "storage"), [("sqlite", "disk")], indirect=True)
def test_failed_drawing_stores_nothing(database: Database, storage: Storage, clock: Clock) -> None:
    def draw(text: ShareText, posters: object) -> bytes:
        raise ImageRejected(RejectCode.DECODER_DIED, "killed")

    broken = SharePictures(database, storage, draw, clock)
    with pytest.raises(ImageRejected):
        broken.ensure(content())
    assert stored(storage) == {}
    assert SharePictures(database, storage, Drawing(), clock).ensure(content())


@DEPLOYMENTS
def test_superseded_pictures_and_those_of_deleted_movies_are_removed(
    pictures: SharePictures, database: Database, storage: Storage, clock: Clock
) -> None:
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
    removed = SupersededPictures(database, storage, clock, RETENTION)
    pictures.ensure(content("Régi"))
    pictures.ensure(content("Új"))
    pictures.ensure(content("Törölt", movie_subject(8)))
    pictures.ensure(content("Hét", week_subject("2026-W34")))
    assert removed.count() == 1
    assert [key.partition("/hu-")[0] for key in removed.run()] == ["share/movie-8"]
    clock.advance(days=31)
    assert removed.count() == 1
    assert len(list(removed.run())) == 1
    assert sorted(body.split()[1].decode() for body in stored(storage).values()) == ["Hét", "Új"]
    with database.read() as session:
        assert len(session.scalars(select(SharePicture)).all()) == 2
    assert linked(database, storage, content("Új"))
    # A picture that was removed is drawn again, at another key.
    assert pictures.ensure(content("Régi"))
