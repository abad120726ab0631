"""Input and output of a render."""

from moziweb.cache.regions.rendering import (
    PERIOD_END,
    CacheStatus,
    RenderContext,
    Rendered,
    Stopwatch,
)
from tests.cache.regions.bench import Bench


def test_render_may_cap_its_expiry(bench: Bench) -> None:
    def render(context: RenderContext) -> Rendered:
        context.depend("week:1")
        context.cap(bench.now + 10)
        return Rendered(b"this week")

    assert bench.read(render=render).entry.expires == bench.now + 10
    bench.now += 10
    assert bench.read(render=render).status is CacheStatus.MISS


def test_entry_of_a_period_is_marked(bench: Bench) -> None:
    context = RenderContext(bench.source())
    context.depend("week:1")
    context.cap(10.0)
    ends_with_period = Rendered(b"").entry(context.recorder, 0.0, 100.0)
    assert (ends_with_period.expires, ends_with_period.debug) == (10.0, {PERIOD_END: 1})
    before_it = Rendered(b"").entry(context.recorder, 0.0, 5.0)
    assert (before_it.expires, before_it.debug) == (5.0, {})


def test_reset_forgets_what_was_recorded(bench: Bench) -> None:
    context = RenderContext(bench.source())
    context.depend("movie:1")
    context.cap(10.0)
    context.is_negative = context.is_personal = True
    context.reset()
    context.depend("movie:2")
    entry = Rendered(b"").entry(context.recorder, 0.0, 100.0)
    assert (entry.tags, entry.expires) == (("movie:2",), 100.0)
    assert not context.is_negative
    assert not context.is_personal


def test_stopwatch_adds_the_times_of_a_step() -> None:
    stopwatch = Stopwatch()
    for step in ("clock", "fetch", "clock"):
        with stopwatch.measure(step):
            pass
    timings = stopwatch.timings()
    assert [step for step, _ in timings] == ["clock", "fetch", "total"]
    assert sum(seconds for _, seconds in timings[:-1]) <= timings[-1][1]
