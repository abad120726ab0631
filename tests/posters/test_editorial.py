"""What an operator does with a movie's pictures, through the desk."""

from collections.abc import Iterable, Mapping
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.editorial import PosterEditor, SourceView, UnknownSource
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import SourceError, SourceReader, UploadReader
from moziweb.posters.generation.result import Status
from moziweb.posters.generation.service import PosterService
from moziweb.posters.imaging.errors import ImageRejected
from moziweb.posters.maintenance.movie_locks import locked_movies
from moziweb.posters.maintenance.status import Retry
from moziweb.posters.models import SourceKind, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import Clock, StubReader, picture, source_of


@pytest.fixture
def told() -> list[int]:
    """The sources that the desk wanted to have made."""
    return []


Readers = Mapping[SourceKind, SourceReader]


@pytest.fixture
def readers(disk: DiskStorage, stub_reader: StubReader) -> Readers:
    return {SourceKind.DRAWN: stub_reader, SourceKind.UPLOAD: UploadReader(disk)}


@pytest.fixture
def service(
    database: Database, disk: DiskStorage, leases: SourceLeases, clock: Clock, readers: Readers
) -> PosterService:
    return PosterService(database, disk, readers, leases, clock)


@pytest.fixture
def desk(
    disk: DiskStorage, service: PosterService, readers: Readers, told: list[int]
) -> PosterEditor:
    def tell(session: Session, source_ids: Iterable[int]) -> None:
        assert session.in_transaction()
        told.extend(source_ids)

    return PosterEditor(disk, readers, service, tell)


def described(database: Database, desk: PosterEditor, source_id: int) -> SourceView:
    with database.read() as session:
        return desk.describe_one(session, source_id)


def test_an_upload_becomes_the_poster_once_it_is_ready(
    database: Database, desk: PosterEditor, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    upload = desk.store(picture("#2040a0"))
    with database.write() as session:
        added = desk.add_upload(session, 7, upload).id
    with database.read() as session:
        views = desk.describe(session, 7)
    assert [(view.id, view.chosen, view.awaits_choice) for view in views] == [
        (source_id, True, False),
        (added, False, True),
    ]
    assert service.ensure_variants(added).status is Status.MADE
    with database.read() as session:
        views = desk.describe(session, 7)
    assert [(view.id, view.chosen, view.is_complete) for view in views] == [
        (added, True, True),
        (source_id, False, True),
    ]


def test_the_same_file_again_is_chosen_again(
    database: Database, desk: PosterEditor, service: PosterService, movie_id: int
) -> None:
    first, second = desk.store(picture("#2040a0")), desk.store(picture("#a04020"))
    ids = []
    for upload in (first, second, first):
        with database.write() as session:
            ids.append(desk.add_upload(session, 7, upload).id)
        service.ensure_variants(ids[-1])
    assert ids[0] == ids[2]
    with database.read() as session:
        assert [view.id for view in desk.describe(session, 7)] == [ids[0], ids[1]]


def test_what_is_no_picture_is_not_stored(desk: PosterEditor, disk: DiskStorage) -> None:
    with pytest.raises(ImageRejected):
        desk.store(b"<html>")
    assert list(disk.list()) == []


def test_an_external_picture_is_described_before_it_was_fetched(
    database: Database, desk: PosterEditor, movie_id: int
) -> None:
    with database.write() as session:
        movie = session.get_one(Movie, 7)
        added = desk.add_url(session, movie, "https://example.com/a.jpg").id
    view = described(database, desk, added)
    assert (view.kind, view.state, view.chosen) == (SourceKind.URL, SourceState.PENDING, True)
    assert view.variants == ()
    assert not view.is_complete


def test_a_source_is_described_with_its_variants_and_its_failure(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    service.ensure_variants(source_id)
    view = described(database, desk, source_id)
    assert len(view.variants) == len(RECIPES)
    assert {variant.state for variant in view.variants} == {VariantState.READY}
    assert all(variant.url and variant.url.startswith("/objects/") for variant in view.variants)
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    with database.write() as session:
        desk.regenerate(session, [source_id])
    service.ensure_variants(source_id)
    view = described(database, desk, source_id)
    assert (view.state, view.error_code, view.attempts) == (SourceState.FAILED, "not_found", 1)
    assert len(view.variants) == len(RECIPES)


def test_regenerating_makes_everything_anew_and_shows_the_old_till_then(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    told: list[int],
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        assert desk.regenerate(session, [source_id]) == 1
    assert told == [source_id]
    view = described(database, desk, source_id)
    assert view.state is SourceState.PENDING
    assert {variant.state for variant in view.variants} == {VariantState.READY}
    assert service.ensure_variants(source_id).made == len(RECIPES)
    assert stub_reader.reads == 2
    assert service.ensure_variants(source_id).status is Status.COMPLETE


def test_regenerating_all_mends_what_has_failed_for_good(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    service.ensure_variants(source_id)
    stub_reader.error = None
    assert service.ensure_variants(source_id).status is Status.BACKING_OFF
    with database.write() as session:
        assert desk.regenerate_all(session) == 1
    assert service.ensure_variants(source_id).status is Status.MADE


def test_asked_to_regenerate_while_it_is_made_it_is_made_again(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    def ask_meanwhile() -> None:
        stub_reader.before_read = lambda: None
        with database.write() as session:
            desk.regenerate(session, [source_id])

    stub_reader.before_read = ask_meanwhile
    assert service.ensure_variants(source_id).status is Status.LOST
    assert service.ensure_variants(source_id).status is Status.MADE


def test_what_failed_is_tried_again_at_once(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    told: list[int],
) -> None:
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    assert service.ensure_variants(source_id).status is Status.FAILED
    with database.write() as session:
        assert desk.retry(session, Retry(code="timeout")) == 0
        assert desk.retry(session, Retry(code="not_found")) == 1
    assert told == [source_id]
    stub_reader.error = None
    assert service.ensure_variants(source_id).status is Status.MADE


def test_a_focal_point_lies_within_the_picture(
    database: Database, desk: PosterEditor, service: PosterService, source_id: int, told: list[int]
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session, pytest.raises(ValueError, match="within 0 and 1"):
        desk.set_focal_point(session, source_id, 1.1, 0.5)
    with database.write() as session:
        desk.set_focal_point(session, source_id, 0.25, 0.75)
    assert described(database, desk, source_id).focal_point == (0.25, 0.75)
    assert source_of(database, source_id).state is SourceState.PENDING
    assert told == [source_id], "nobody has to wait for the sweep"
    service.ensure_variants(source_id)
    with database.write() as session:
        desk.set_focal_point(session, source_id, 0.25, 0.75)
    assert source_of(database, source_id).state is SourceState.READY


def test_variants_are_previewed_and_nothing_is_kept(
    database: Database, desk: PosterEditor, disk: DiskStorage, source_id: int
) -> None:
    for previewed in (
        desk.preview(picture()),
        desk.preview_source(source_of(database, source_id)),
    ):
        assert [one.recipe for one in previewed] == list(RECIPES)
        with Image.open(BytesIO(previewed[0].data)) as image:
            assert image.size == (previewed[0].width, previewed[0].height)
    assert list(disk.list()) == []
    assert source_of(database, source_id).state is SourceState.PENDING


def test_a_source_that_is_gone_is_told_so(database: Database, desk: PosterEditor) -> None:
    with database.write() as session, pytest.raises(UnknownSource):
        desk.choose(session, 404)


def test_a_source_of_another_movie_is_unknown(
    database: Database, desk: PosterEditor, source_id: int, told: list[int]
) -> None:
    with database.write() as session:
        for act in (desk.choose, desk.describe_one):
            act(session, source_id, movie_id=7)
            with pytest.raises(UnknownSource):
                act(session, source_id, movie_id=8)
        with pytest.raises(UnknownSource):
            desk.set_focal_point(session, source_id, 0.1, 0.1, movie_id=8)
        assert desk.regenerate(session, [source_id], movie_id=8) == 0
        assert told == []
        assert desk.regenerate(session, [source_id], movie_id=7) == 1
        assert told == [source_id]


@pytest.mark.parametrize("way", ["regenerate", "regenerate_all", "set_focal_point"])
def test_what_is_to_be_made_anew_waits_for_whoever_removes_objects(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    clock: Clock,
    source_id: int,
    way: str,
) -> None:
    service.ensure_variants(source_id)
    with locked_movies(database, clock, [7]) as lock:
        with database.write() as session:
            match way:
                case "regenerate":
                    desk.regenerate(session, [source_id])
                case "regenerate_all":
                    desk.regenerate_all(session)
                case _:
                    desk.set_focal_point(session, source_id, 0.25, 0.75)
        assert source_of(database, source_id).regenerate_requested
        assert service.ensure_variants(source_id).status is Status.BUSY
        assert lock.renew() == {7}
    assert service.ensure_variants(source_id).made == len(RECIPES)


def test_a_focal_point_that_moves_while_it_is_made_is_not_lost(
    database: Database,
    desk: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    def move_meanwhile() -> None:
        stub_reader.before_read = lambda: None
        with database.write() as session:
            desk.set_focal_point(session, source_id, 0.25, 0.75)

    stub_reader.before_read = move_meanwhile
    assert service.ensure_variants(source_id).status is Status.LOST
    assert service.ensure_variants(source_id).status is Status.MADE
