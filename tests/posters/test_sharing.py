"""Pictures of links: drawn once, linked by their content, superseded, restored and removed."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters import sharing
from moziweb.posters.generation.host_breaker import STORAGE, STORAGE_PAUSES, THRESHOLD
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import ShareText
from moziweb.posters.models import PosterHost, SharePicture
from moziweb.posters.sharing import (
    PictureUnavailable,
    ShareContent,
    SharePictures,
    SupersededPictures,
    links_and_pictures,
    movie_subject,
    week_subject,
)
from moziweb.storage import Storage, StorageUnavailable, StoredObject
from moziweb.storage.disk import DiskStorage
from tests.conftest import QueryCounter
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
    pictures.ensure(content("Dűne", movie_subject(7), "hu", "poster/a.jpg"))
    assert drawing.calls == [(ShareText(("Dűne",)), [b"a"])]


@DEPLOYMENTS
def test_picture_that_lacks_a_poster_is_not_kept(
    pictures: SharePictures, database: Database, storage: Storage, drawing: Drawing
) -> None:
    """The poster returns under the same key, so the digest will be the same."""
    shown = content("Dűne", movie_subject(7), "hu", "poster/a.jpg", "poster/b.jpg")
    storage.put("poster/b.jpg", b"b", content_type="image/jpeg", cache_control="public")
    assert pictures.ensure(shown) == "1 Dűne".encode()
    assert pictures.ensure(shown, keep=False) == "2 Dűne".encode()
    assert (stored(storage), linked(database, storage, shown)) == ({}, None)
    storage.put("poster/a.jpg", b"a", content_type="image/jpeg", cache_control="public")
    url = pictures.ensure(shown)
    assert url == linked(database, storage, shown)
    assert [posters for _, posters in drawing.calls] == [[b"b"], [b"b"], [b"a", b"b"]]
    # What a request that does not keep it asks for may be stored already.
    assert pictures.ensure(shown, keep=False) == "4 Dűne".encode()


class FailingStorage(DiskStorage):
    """A storage whose writes fail, and are counted, until ``is_back``."""

    puts = 0
    is_back = False

    def put(self, key: str, body: bytes, **options: Any) -> StoredObject:
        self.puts += 1
        if not self.is_back:
            raise StorageUnavailable("away")
        return super().put(key, body, **options)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_storage_that_fails_is_not_asked_again_while_its_breaker_is_open(
    database: Database, clock: Clock, drawing: Drawing, tmp_path: Path
) -> None:
    storage = FailingStorage(tmp_path / "objects")
    pictures = SharePictures(database, storage, drawing, clock)
    for _ in range(3 * THRESHOLD):
        with pytest.raises(PictureUnavailable):
            pictures.ensure(content())
    assert (storage.puts, len(drawing.calls)) == (THRESHOLD, THRESHOLD)
    # A picture that neither reads nor writes objects needs no storage.
    assert pictures.ensure(content(), keep=False)
    assert not storage_is_closed(database)
    clock.advance(seconds=STORAGE_PAUSES.shortest.total_seconds() + 1)
    storage.is_back = True
    assert pictures.ensure(content())
    assert storage_is_closed(database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_failed_drawing_leaves_the_trial_of_storage_to_the_next(
    database: Database, clock: Clock, drawing: Drawing, tmp_path: Path
) -> None:
    storage = FailingStorage(tmp_path / "objects")
    pictures = SharePictures(database, storage, drawing, clock)
    for _ in range(THRESHOLD):
        with pytest.raises(PictureUnavailable):
            pictures.ensure(content())
    clock.advance(seconds=STORAGE_PAUSES.shortest.total_seconds() + 1)
    storage.is_back = True
    with pytest.raises(PictureUnavailable, match="decoder_died"):
        SharePictures(database, storage, rejected, clock).ensure(content())
    assert pictures.ensure(content())
    assert storage_is_closed(database)


def rejected(text: ShareText, posters: object) -> bytes:
    raise ImageRejected(RejectCode.DECODER_DIED, "killed")


def storage_is_closed(database: Database) -> bool:
    with database.read() as session:
        return session.get(PosterHost, STORAGE) is None


@DEPLOYMENTS
def test_simultaneous_requests_draw_it_once(
    database: Database, storage: Storage, clock: Clock
) -> None:
    """The others get None while it is drawn: admission control lets one of them wait."""
    during: list[object] = []

    def draw(text: ShareText, posters: object) -> bytes:
        with ThreadPoolExecutor(3) as executor:
            during.extend(executor.map(lambda _: ours.ensure(content()), range(3)))
        return b"drawn"

    ours = SharePictures(database, storage, draw, clock)
    url = ours.ensure(content())
    assert during == [None, None, None]
    assert url == ours.ensure(content())
    assert list(stored(storage).values()) == [b"drawn"]


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
    broken = SharePictures(database, storage, rejected, clock)
    with pytest.raises(PictureUnavailable, match="decoder_died"):
        broken.ensure(content())
    assert storage_is_closed(database)
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


class CountingStorage(DiskStorage):
    """Counts the keys of each removal."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.removals: list[int] = []

    def delete(self, keys: Iterable[str]) -> None:
        found = list(keys)
        self.removals.append(len(found))
        super().delete(found)


@pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)
def test_pictures_are_removed_page_by_page(
    database: Database,
    clock: Clock,
    drawing: Drawing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    query_counter: QueryCounter,
) -> None:
    """As many queries and storage requests as pages, each movie found by the index."""
    monkeypatch.setattr(sharing, "PICTURES_PER_REMOVAL", 4)
    storage = CountingStorage(tmp_path / "objects")
    pictures = SharePictures(database, storage, drawing, clock)
    for number in range(1, 10):
        pictures.ensure(content("Törölt", movie_subject(number)))
    removed = SupersededPictures(database, storage, clock, RETENTION)
    with query_counter(database.engine) as statements:
        assert len(list(removed.run())) == 9
    assert storage.removals == [4, 4, 1]
    assert len(statements) <= 4 + 3 * 2  # reads, and a removal with its tags for each page
    assert stored(storage) == {}
    if database.engine.dialect.name == "sqlite":
        query = str(
            select(SharePicture.id)
            .where(removed._is_old())
            .compile(database.engine, compile_kwargs={"literal_binds": True})
        )
        with database.read() as session:
            plan = session.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
        assert "SEARCH movie USING INTEGER PRIMARY KEY" in str(plan)
