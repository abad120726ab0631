"""The dependency recorder: tags and clocks, expiry, and whether a render may be stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import TagError
from moziweb.cache.protocol.dependencies import (
    NEVER,
    DependencyGroup,
    DependencyRecorder,
    NotStoredReason,
)


def rendered(clock: int | None, *tags: str) -> DependencyRecorder:
    """A recorder with a dependency on ``tags``."""
    recorder = DependencyRecorder()
    recorder.depend(clock, *tags)
    return recorder


def test_tags_are_grouped_by_snapshot_clock() -> None:
    recorder = rendered(5, "b:1", "a:1")
    recorder.include_cached([DependencyGroup(3, ("c:1",))], NEVER, validated_at=9)
    assert recorder.dependencies() == (
        DependencyGroup(3, ("c:1",)),
        DependencyGroup(5, ("a:1", "b:1")),
    )


def test_lower_clock_counts_for_repeated_tag() -> None:
    recorder = rendered(5, "a:1")
    recorder.include_cached([DependencyGroup(3, ("a:1",))], NEVER, validated_at=9)
    recorder.include_cached([DependencyGroup(4, ("a:1",))], NEVER, validated_at=9)
    assert {tag: g.snapshot_clock for g in recorder.dependencies() for tag in g.tags} == {"a:1": 3}


GROUPS = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.sampled_from(["a:1", "b:1", "c:1"]))), max_size=6
)


@given(own=GROUPS, cached=GROUPS, child=GROUPS)
def test_each_tag_has_its_lowest_clock(
    own: list[tuple[int, list[str]]],
    cached: list[tuple[int, list[str]]],
    child: list[tuple[int, list[str]]],
) -> None:
    recorder, inner = DependencyRecorder(), DependencyRecorder()
    for clock, tags in own:
        recorder.depend(clock, *tags)
    for clock, tags in cached:
        recorder.include_cached([DependencyGroup(clock, tuple(tags))], NEVER, validated_at=9)
    for clock, tags in child:
        inner.depend(clock, *tags)
    recorder.include_child(inner)
    pairs = [(clock, tag) for clock, tags in (*own, *cached, *child) for tag in tags]
    lowest = {tag: min(c for c, each in pairs if each == tag) for _, tag in pairs}
    groups = recorder.dependencies()
    assert [group.snapshot_clock for group in groups] == sorted(
        {clock for clock, _ in (*own, *cached, *child)}
    )
    assert lowest == {tag: group.snapshot_clock for group in groups for tag in group.tags}
    assert sum(len(group.tags) for group in groups) == len(lowest)
    assert all(list(group.tags) == sorted(group.tags) for group in groups)


def test_clock_without_tags_is_kept() -> None:
    assert rendered(5).dependencies() == (DependencyGroup(5, ()),)


def test_malformed_tag_is_refused() -> None:
    with pytest.raises(TagError):
        rendered(5, "not a tag")


def test_child_dependencies_are_included() -> None:
    page, list_, card = rendered(7, "list:x"), rendered(6, "week:1"), rendered(5, "movie:1")
    card.cap(100.0)
    list_.include_child(card)
    page.include_child(list_)
    assert {tag for group in page.dependencies() for tag in group.tags} == {
        "list:x",
        "week:1",
        "movie:1",
    }
    assert page.expires == 100.0


def test_earliest_expiry_counts() -> None:
    recorder = rendered(5)
    assert recorder.expires == NEVER
    recorder.cap(50.0)
    recorder.cap(60.0)
    recorder.include_cached([DependencyGroup(3, ())], 40.0, validated_at=9)
    assert recorder.expires == 40.0


def test_render_with_known_clock_may_be_stored() -> None:
    assert rendered(5, "a:1").not_stored_reason(wrote=False, now=0.0) is None


def test_render_without_dependencies_is_not_stored() -> None:
    assert (
        DependencyRecorder().not_stored_reason(wrote=False, now=0.0)
        is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
    )


def test_render_with_unknown_clock_is_not_stored() -> None:
    recorder = rendered(5, "a:1")
    recorder.depend(None, "b:1")
    assert (
        recorder.not_stored_reason(wrote=False, now=0.0) is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN
    )


def test_page_with_fragment_of_unknown_clock_is_not_stored() -> None:
    page = rendered(5, "a:1")
    page.include_child(rendered(None, "b:1"))
    assert page.not_stored_reason(wrote=False, now=0.0) is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN


def test_page_with_fragment_without_dependencies_is_not_stored() -> None:
    page = rendered(5, "a:1")
    page.include_child(DependencyRecorder())
    assert page.not_stored_reason(wrote=False, now=0.0) is NotStoredReason.SNAPSHOT_CLOCK_UNKNOWN


def test_render_in_writing_transaction_is_not_stored() -> None:
    assert rendered(5).not_stored_reason(wrote=True, now=0.0) is NotStoredReason.WROTE


def test_page_with_stale_fragment_is_not_stored() -> None:
    card, page = rendered(4, "b:1"), rendered(5, "a:1")
    card.include_cached([DependencyGroup(3, ("c:1",))], NEVER, validated_at=9, stale=True)
    page.include_child(card)
    assert page.not_stored_reason(wrote=False, now=0.0) is NotStoredReason.STALE_PART


def test_expired_render_is_not_stored() -> None:
    recorder = rendered(5)
    recorder.cap(50.0)
    assert recorder.not_stored_reason(wrote=False, now=49.9) is None
    assert recorder.not_stored_reason(wrote=False, now=50.0) is NotStoredReason.EXPIRED


def test_page_is_valid_at_least_clock_of_its_fragments() -> None:
    recorder = DependencyRecorder()
    assert recorder.validated_at is None
    recorder.include_cached([DependencyGroup(3, ())], NEVER, validated_at=9)
    recorder.include_cached([DependencyGroup(3, ())], NEVER, validated_at=7)
    recorder.include_cached([DependencyGroup(3, ())], NEVER, validated_at=8)
    assert recorder.validated_at == 7


@pytest.mark.parametrize("clocks", [(7, 9), (9, 7)])
def test_page_of_fragments_of_two_epochs_has_no_validation_clock(clocks: tuple[int, int]) -> None:
    """The least number is of one epoch, in which the other fragment was not validated."""
    recorder = DependencyRecorder()
    for epoch in clocks:
        group = DependencyGroup(epoch << 32, ())
        recorder.include_cached([group], NEVER, validated_at=(epoch << 32) + 5)
    assert recorder.validated_at is None


def test_page_with_new_fragment_has_no_validation_clock() -> None:
    recorder = DependencyRecorder()
    recorder.include_cached([DependencyGroup(3, ())], NEVER, validated_at=9)
    recorder.include_child(rendered(5, "a:1"))
    recorder.include_cached([DependencyGroup(3, ())], NEVER, validated_at=9)
    assert recorder.validated_at is None


def test_stale_fragment_takes_precedence_over_unknown_clock() -> None:
    """Without stamps, a page of ``stale_if_error`` copies must be served as stale."""
    recorder = DependencyRecorder()
    recorder.depend(None)
    recorder.include_cached((DependencyGroup(1, ("a:1",)),), NEVER, validated_at=None, stale=True)
    assert recorder.not_stored_reason(wrote=False, now=0) is NotStoredReason.STALE_PART
    assert recorder.not_stored_reason(wrote=True, now=0) is NotStoredReason.STALE_PART
