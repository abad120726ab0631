"""What an operator does with a movie's pictures, through the editor."""

from collections.abc import Iterable, Mapping
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.editorial import PosterEditor, SourceView, UnknownSource
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import SourceReader, UploadReader
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.imaging.errors import ImageRejected
from moziweb.posters.maintenance.movie_locks import locked_movies
from moziweb.posters.maintenance.status import Retry
from moziweb.posters.models import SourceKind, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import Clock, StubReader, picture, source_of


@pytest.fixture
def scheduled() -> list[int]:
    """The sources that the editor wanted to have made."""
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
def editor(
    disk: DiskStorage, service: PosterService, readers: Readers, scheduled: list[int]
) -> PosterEditor:
    def schedule(session: Session, source_ids: Iterable[int]) -> None:
        assert session.in_transaction()
        scheduled.extend(source_ids)

    return PosterEditor(disk, readers, service, schedule)


def described(database: Database, editor: PosterEditor, source_id: int) -> SourceView:
    with database.read() as session:
        return editor.describe_one(session, 7, source_id)


def is_complete(view: SourceView) -> bool:
    """Whether every variant of today's recipes is ready."""
    ready = {(v.name, v.format) for v in view.variants if v.state is VariantState.READY}
    recipes = {(recipe.name, recipe.format) for recipe in RECIPES}
    return view.state is SourceState.READY and ready >= recipes


def test_upload_becomes_the_poster_once_it_is_ready(
    database: Database, editor: PosterEditor, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    upload = editor.store(picture("#2040a0"))
    with database.write() as session:
        added = editor.add_upload(session, 7, upload).id
    with database.read() as session:
        views = editor.describe(session, 7)
    assert [(view.id, view.chosen, view.awaits_choice) for view in views] == [
        (source_id, True, False),
        (added, False, True),
    ]
    assert service.ensure_variants(added).status is GenerationStatus.MADE
    with database.read() as session:
        views = editor.describe(session, 7)
    assert [(view.id, view.chosen) for view in views] == [(added, True), (source_id, False)]
    assert all(is_complete(view) for view in views)


def test_same_file_is_the_same_source_and_chosen_again(
    database: Database, editor: PosterEditor, service: PosterService, movie_id: int
) -> None:
    first, second = editor.store(picture("#2040a0")), editor.store(picture("#a04020"))
    ids = []
    for upload in (first, second, first):
        with database.write() as session:
            ids.append(editor.add_upload(session, 7, upload).id)
        service.ensure_variants(ids[-1])
    assert ids[0] == ids[2]
    with database.read() as session:
        assert [view.id for view in editor.describe(session, 7)] == [ids[0], ids[1]]


def test_invalid_image_is_not_stored(editor: PosterEditor, disk: DiskStorage) -> None:
    with pytest.raises(ImageRejected):
        editor.store(b"<html>")
    assert list(disk.list()) == []


def test_external_image_is_described_before_it_is_fetched(
    database: Database, editor: PosterEditor, movie_id: int
) -> None:
    with database.write() as session:
        movie = session.get_one(Movie, 7)
        added = editor.add_url(session, movie, "https://example.com/a.jpg").id
    view = described(database, editor, added)
    assert (view.kind, view.state, view.chosen) == (SourceKind.URL, SourceState.PENDING, True)
    assert view.variants == ()
    assert not is_complete(view)


def test_source_is_described_with_its_variants_and_its_failure(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    service.ensure_variants(source_id)
    view = described(database, editor, source_id)
    assert len(view.variants) == len(RECIPES)
    assert {variant.state for variant in view.variants} == {VariantState.READY}
    assert all(variant.url and variant.url.startswith("/objects/") for variant in view.variants)
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    with database.write() as session:
        editor.regenerate(session, [source_id])
    service.ensure_variants(source_id)
    view = described(database, editor, source_id)
    assert (view.state, view.error_code, view.attempts) == (SourceState.FAILED, "not_found", 1)
    assert len(view.variants) == len(RECIPES)


def test_old_variants_are_ready_until_the_regenerated_ones_are(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    scheduled: list[int],
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        assert editor.regenerate(session, [source_id]) == 1
    assert scheduled == [source_id]
    view = described(database, editor, source_id)
    assert view.state is SourceState.PENDING
    assert {variant.state for variant in view.variants} == {VariantState.READY}
    assert service.ensure_variants(source_id).made == len(RECIPES)
    assert stub_reader.reads == 2
    assert service.ensure_variants(source_id).status is GenerationStatus.COMPLETE


def test_regeneration_retries_a_permanent_failure(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    service.ensure_variants(source_id)
    stub_reader.error = None
    assert service.ensure_variants(source_id).status is GenerationStatus.BACKING_OFF
    with database.write() as session:
        assert editor.regenerate(session, [source_id]) == 1
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE


def test_source_regenerated_while_it_is_made_is_made_again(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    def regenerate_while_reading() -> None:
        stub_reader.before_read = lambda: None
        with database.write() as session:
            editor.regenerate(session, [source_id])

    stub_reader.before_read = regenerate_while_reading
    assert service.ensure_variants(source_id).status is GenerationStatus.LOST
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE


def test_failed_source_is_retried_at_once(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    scheduled: list[int],
) -> None:
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    assert service.ensure_variants(source_id).status is GenerationStatus.FAILED
    with database.write() as session:
        assert editor.retry(session, Retry(code="timeout")) == 0
        assert editor.retry(session, Retry(code="not_found")) == 1
    assert scheduled == [source_id]
    stub_reader.error = None
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE


def test_focal_point_is_within_the_image(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    source_id: int,
    scheduled: list[int],
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session, pytest.raises(ValueError, match="within 0 and 1"):
        editor.set_focal_point(session, source_id, 1.1, 0.5)
    with database.write() as session:
        editor.set_focal_point(session, source_id, 0.25, 0.75)
    assert described(database, editor, source_id).focal_point == (0.25, 0.75)
    assert source_of(database, source_id).state is SourceState.PENDING
    assert scheduled == [source_id], "it does not wait for the sweep"
    service.ensure_variants(source_id)
    with database.write() as session:
        editor.set_focal_point(session, source_id, 0.25, 0.75)
    assert source_of(database, source_id).state is SourceState.READY


def test_preview_stores_nothing(
    database: Database, editor: PosterEditor, disk: DiskStorage, source_id: int
) -> None:
    for previewed in (
        editor.preview(picture()),
        editor.preview_source(source_of(database, source_id)),
    ):
        assert [one.recipe for one in previewed] == list(RECIPES)
        with Image.open(BytesIO(previewed[0].data)) as image:
            assert image.size == (previewed[0].width, previewed[0].height)
    assert list(disk.list()) == []
    assert source_of(database, source_id).state is SourceState.PENDING


def test_unknown_source_raises(database: Database, editor: PosterEditor) -> None:
    with database.write() as session, pytest.raises(UnknownSource):
        editor.choose(session, 404)


def test_source_of_another_movie_is_unknown(
    database: Database, editor: PosterEditor, source_id: int
) -> None:
    with database.read() as session:
        assert editor.describe_one(session, 7, source_id).id == source_id
        with pytest.raises(UnknownSource):
            editor.describe_one(session, 8, source_id)


@pytest.mark.parametrize("method", ["regenerate", "set_focal_point"])
def test_regeneration_waits_for_the_movie_lock(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    clock: Clock,
    source_id: int,
    method: str,
) -> None:
    service.ensure_variants(source_id)
    with locked_movies(database, clock, [7]) as lock:
        with database.write() as session:
            if method == "regenerate":
                editor.regenerate(session, [source_id])
            else:
                editor.set_focal_point(session, source_id, 0.25, 0.75)
        assert source_of(database, source_id).regenerate_requested
        assert service.ensure_variants(source_id).status is GenerationStatus.BUSY
        assert lock.renew() == {7}
    assert service.ensure_variants(source_id).made == len(RECIPES)


def test_focal_point_moved_while_the_source_is_made_is_applied(
    database: Database,
    editor: PosterEditor,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    def move_meanwhile() -> None:
        stub_reader.before_read = lambda: None
        with database.write() as session:
            editor.set_focal_point(session, source_id, 0.25, 0.75)

    stub_reader.before_read = move_meanwhile
    assert service.ensure_variants(source_id).status is GenerationStatus.LOST
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
