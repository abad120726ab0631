"""How many requests a process admits, and how many wait."""

import threading

from moziweb.db import Database
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.posters.generation.result import GenerationResult, Status
from moziweb.posters.generation.service import PosterService
from tests.posters.conftest import StubReader, add_source

PATIENCE = 10.0


class Worker:
    """A thread that makes a poster until ``leave`` is set."""

    def __init__(self, gate: AdmissionControl, stub_reader: StubReader, source_id: int) -> None:
        entered, self.leave = threading.Event(), threading.Event()

        def hold() -> None:
            stub_reader.before_read = lambda: None
            entered.set()
            self.leave.wait(PATIENCE)

        stub_reader.before_read = hold
        self._thread = threading.Thread(target=gate.ensure_or_wait, args=(source_id,))
        self._thread.start()
        assert entered.wait(PATIENCE)

    def end(self) -> None:
        self.leave.set()
        self._thread.join()


def test_free_slot_makes_the_poster(service: PosterService, source_id: int) -> None:
    assert (
        AdmissionControl(service, slots=1, wait_seconds=0).ensure_or_wait(source_id).status
        is Status.MADE
    )


def test_request_without_a_slot_makes_nothing(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    movie_id: int,
    source_id: int,
) -> None:
    gate = AdmissionControl(service, slots=1, wait_seconds=0)
    other = add_source(database, movie_id, chosen=False)
    worker = Worker(gate, stub_reader, source_id)
    assert gate.ensure_or_wait(other) == GenerationResult(Status.BUSY)
    worker.end()
    assert gate.ensure_or_wait(other).status is Status.MADE


def test_one_request_waits_for_a_poster_that_is_being_made(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    gate = AdmissionControl(service, slots=2, wait_seconds=PATIENCE)
    worker = Worker(gate, stub_reader, source_id)
    threading.Timer(0.2, worker.leave.set).start()
    assert gate.ensure_or_wait(source_id) == GenerationResult(Status.COMPLETE)
    worker.end()
    assert stub_reader.reads == 1


def test_only_one_request_waits(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    """The second request is answered at once and not after ten seconds."""
    gate = AdmissionControl(service, slots=2, wait_seconds=PATIENCE)
    worker = Worker(gate, stub_reader, source_id)
    ends: list[GenerationResult] = []
    waiting = threading.Thread(target=lambda: ends.append(gate.ensure_or_wait(source_id)))
    waiting.start()
    while not gate._waiter_lock.locked():
        waiting.join(0.01)
    assert gate.ensure_or_wait(source_id) == GenerationResult(Status.BUSY)
    assert ends == []
    worker.end()
    waiting.join()
    assert ends == [GenerationResult(Status.COMPLETE)]


def test_wait_ends_after_wait_seconds(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    moments = iter([5.0, 6.4, 6.6])  # at the start of the wait, and before each poll
    gate = AdmissionControl(service, slots=2, wait_seconds=1.5, clock=moments.__next__)
    worker = Worker(gate, stub_reader, source_id)
    assert gate.ensure_or_wait(source_id) == GenerationResult(Status.BUSY)
    worker.end()


def test_number_of_admitted_requests_is_bounded_in_a_burst_only(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    gate = AdmissionControl(service, slots=1, wait_seconds=0)
    assert [gate.try_enter() for _ in range(5)] == [True] * 5
    worker = Worker(gate, stub_reader, source_id)
    assert not gate.try_enter()
    for _ in range(4):
        gate.leave()
    assert [gate.try_enter(), gate.try_enter()] == [True, False]
    gate.set_thread_count(threads=5)
    assert [gate.try_enter(), gate.try_enter()] == [True, False]
    gate.leave()
    assert gate.try_enter()
    worker.end()
    assert gate.try_enter()
