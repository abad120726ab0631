"""Bounded negative caching."""

from moziweb.cache.protocol.keys import KeyBuilder
from moziweb.cache.regions.negative import NegativeEntries
from moziweb.cache.regions.rendering import CacheStatus, RenderContext, Rendered
from tests.cache.regions.bench import LIFE, Bench

TTL = 20.0


def opened(slots: int = 1000) -> tuple[Bench, NegativeEntries]:
    bench = Bench(negative_slots=slots, negative_ttl=TTL)
    return bench, NegativeEntries(bench.region, KeyBuilder("site", "pages"))


def store(bench: Bench, negative: NegativeEntries, page: str) -> None:
    context = RenderContext(bench.source())
    context.depend(f"movie:{page}")
    negative.cap(context)
    assert negative.store(page, Rendered(page.encode()), context) is not None


def test_answer_is_found_under_its_own_page_only() -> None:
    """With one slot, all pages share it."""
    bench, negative = opened(slots=1)
    store(bench, negative, "a")
    found = negative.find("a")
    assert found is not None
    assert (found.status, found.entry.payload) == (CacheStatus.HIT, b"a")
    assert negative.find("b") is None
    store(bench, negative, "b")
    assert negative.find("a") is None
    assert negative.entries(["a", "b"]).keys() == {"b"}
    assert (negative.key_of("a"), bool(negative.key_of("b"))) == (None, True)


def test_answers_take_a_bounded_number_of_entries() -> None:
    bench, negative = opened(slots=8)
    for number in range(100):
        store(bench, negative, str(number))
    assert len(bench.backend._values) <= 8


def test_answer_is_invalidated_by_its_tags() -> None:
    bench, negative = opened()
    store(bench, negative, "a")
    bench.stamps.publish(["movie:a"])
    assert negative.find("a") is None
    assert negative.key_of("a") is not None, "stored, though not valid"


def test_answer_lives_for_the_negative_ttl() -> None:
    bench, negative = opened()
    assert TTL < LIFE
    store(bench, negative, "a")
    bench.now += TTL - 0.1
    assert negative.find("a") is not None
    bench.now += 0.1
    assert negative.find("a") is None


def test_answer_is_not_kept_in_the_local_cache() -> None:
    bench, negative = opened()
    store(bench, negative, "a")
    assert [found.status for _ in range(3) if (found := negative.find("a"))] == ["hit"] * 3
    assert bench.region.local_cache_bytes == 0
