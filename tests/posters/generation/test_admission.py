"""How many requests a process admits, and how many wait."""

import threading
import time

import pytest

from moziweb.db import Database
from moziweb.posters.generation import admission as admission_module
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.timings import Part, timed
from tests.posters.conftest import StubReader, add_source
from tests.threads import join_threads

PATIENCE = 10.0


class Worker:
    """A thread that makes a poster until ``leave`` is set."""

    def __init__(
        self, admission: AdmissionControl, stub_reader: StubReader, source_id: int
    ) -> None:
        entered, self.leave = threading.Event(), threading.Event()

        def block() -> None:
            stub_reader.before_read = lambda: None
            entered.set()
            self.leave.wait(PATIENCE)

        stub_reader.before_read = block
        self._thread = threading.Thread(target=admission.ensure_or_wait, args=(source_id,))
        self._thread.start()
        assert entered.wait(PATIENCE)

    def end(self) -> None:
        self.leave.set()
        self._thread.join()


def test_free_slot_makes_the_poster(service: PosterService, source_id: int) -> None:
    assert (
        AdmissionControl(service, slots=1, wait_seconds=0).ensure_or_wait(source_id).status
        is GenerationStatus.MADE
    )


def test_time_is_that_of_images_database_and_storage(
    service: PosterService, source_id: int
) -> None:
    with timed({}) as timings:
        AdmissionControl(service, slots=1, wait_seconds=0).ensure_or_wait(source_id)
    seconds = timings.seconds
    parts = set(sorted(seconds, key=lambda part: seconds[part], reverse=True)[:3])
    assert parts == {Part.IMAGES, Part.DATABASE, Part.STORAGE}


def test_request_without_a_slot_makes_nothing(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    movie_id: int,
    source_id: int,
) -> None:
    admission = AdmissionControl(service, slots=1, wait_seconds=0)
    other = add_source(database, movie_id, chosen=False)
    worker = Worker(admission, stub_reader, source_id)
    assert admission.ensure_or_wait(other) == GenerationResult(GenerationStatus.BUSY)
    worker.end()
    assert admission.ensure_or_wait(other).status is GenerationStatus.MADE


def test_one_request_waits_for_a_poster_that_is_being_made(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    admission = AdmissionControl(service, slots=2, wait_seconds=PATIENCE)
    worker = Worker(admission, stub_reader, source_id)
    threading.Timer(0.2, worker.leave.set).start()
    assert admission.ensure_or_wait(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    worker.end()
    assert stub_reader.reads == 1


def test_only_one_request_waits(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    """The second request is answered at once and not after ten seconds."""
    admission = AdmissionControl(service, slots=2, wait_seconds=PATIENCE)
    worker = Worker(admission, stub_reader, source_id)
    results: list[GenerationResult] = []
    waiting = threading.Thread(target=lambda: results.append(admission.ensure_or_wait(source_id)))
    waiting.start()
    while not admission._waiter_lock.locked():
        waiting.join(0.01)
    assert admission.ensure_or_wait(source_id) == GenerationResult(GenerationStatus.BUSY)
    assert results == []
    worker.end()
    waiting.join()
    assert results == [GenerationResult(GenerationStatus.COMPLETE)]


def test_wait_ends_after_wait_seconds(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    moments = iter([5.0, 6.4, 6.6])  # at the start of the wait, and before each poll
    admission = AdmissionControl(service, slots=2, wait_seconds=1.5, clock=moments.__next__)
    worker = Worker(admission, stub_reader, source_id)
    assert admission.ensure_or_wait(source_id) == GenerationResult(GenerationStatus.BUSY)
    worker.end()


def test_request_does_not_wait_for_a_slow_storage(
    monkeypatch: pytest.MonkeyPatch,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    """The poster keeps its slot, and is made; the request that asks next gets it."""
    monkeypatch.setattr(admission_module, "MAX_REQUEST_SECONDS", 0.2)
    ends = threading.Event()
    stub_reader.before_read = lambda: ends.wait(PATIENCE)
    admission = AdmissionControl(service, slots=1, wait_seconds=10)
    busy = GenerationResult(GenerationStatus.BUSY)
    assert [admission.ensure_or_wait(source_id) for _ in range(2)] == [busy] * 2
    assert stub_reader.reads == 1
    ends.set()
    join_threads(f"poster-{source_id}")
    assert admission.ensure_or_wait(source_id).status is GenerationStatus.COMPLETE


def test_other_work_takes_a_slot_and_waits_like_a_poster(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    admission = AdmissionControl(service, slots=1, wait_seconds=PATIENCE)
    ends = admission.request_ends()
    answers = iter([None, None, "drawn"])  # another thread draws it during the first two
    assert admission.run_or_wait("picture", lambda: next(answers), ends) == "drawn"
    worker = Worker(admission, stub_reader, source_id)
    assert admission.run_or_wait("picture", lambda: 1 / 0, time.monotonic() + 0.2) is None
    worker.end()


def test_nothing_starts_after_the_end_of_the_time(service: PosterService, source_id: int) -> None:
    """A request of several posters and a picture has one deadline."""
    admission = AdmissionControl(service, slots=1, wait_seconds=PATIENCE)
    past = time.monotonic() - 1
    assert admission.ensure_or_wait(source_id, past) == GenerationResult(GenerationStatus.BUSY)
    assert admission.run_or_wait("picture", lambda: 1 / 0, past) is None
    assert service.counts.results() == {}


def test_slot_is_free_after_an_error(
    service: PosterService, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = AdmissionControl(service, slots=1, wait_seconds=0)
    monkeypatch.setattr(PosterService, "ensure_variants", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        admission.ensure_or_wait(source_id)
    monkeypatch.undo()
    assert admission.ensure_or_wait(source_id).status is GenerationStatus.MADE


def test_error_after_the_end_of_the_request_is_logged(
    service: PosterService, caplog: pytest.LogCaptureFixture
) -> None:
    ends = threading.Event()
    admission = AdmissionControl(service, slots=1, wait_seconds=0)
    result = admission.run_or_wait(
        "picture", lambda: ends.wait(PATIENCE) and 1 / 0, time.monotonic() + 0.1
    )
    assert result is None
    assert caplog.messages == []
    ends.set()
    join_threads("picture")
    (record,) = caplog.records
    assert record.getMessage() == "picture failed after its request had ended"
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_number_of_admitted_requests_is_bounded_in_a_burst_only(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    admission = AdmissionControl(service, slots=1, wait_seconds=0)
    assert [admission.try_enter() for _ in range(5)] == [True] * 5
    worker = Worker(admission, stub_reader, source_id)
    assert not admission.try_enter()
    for _ in range(4):
        admission.leave()
    assert [admission.try_enter(), admission.try_enter()] == [True, False]
    admission.set_thread_count(threads=5)
    assert [admission.try_enter(), admission.try_enter()] == [True, False]
    admission.leave()
    assert admission.try_enter()
    worker.end()
    assert admission.try_enter()
