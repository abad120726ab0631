"""When publishes were complete at the earliest, and the bound on what is remembered."""

from moziweb.cache.protocol.publish_times import PublishTimes


def test_publish_has_the_time_that_was_known_when_it_was_read() -> None:
    times = PublishTimes(5, 100)
    times.known_at = 10.0
    times.add(1, ("a:1",), now=12.0)
    times.known_at = 11.0
    times.add(2, ("a:1", "b:1"), now=12.0)
    assert times.latest_before(10.0, now=12.0) == {}
    assert times.latest_before(10.5, now=12.0) == {"a:1": 1}
    assert times.latest_before(11.5, now=12.0) == {"a:1": 2, "b:1": 2}


def test_publish_before_the_longest_grace_loses_its_time() -> None:
    times = PublishTimes(5, 100)
    times.known_at = 10.0
    times.add(1, ("a:1",), now=10.0)
    assert times.latest_before(9.0, now=15.0) == {}
    assert times.latest_before(9.0, now=15.1) == {"a:1": 1}
    assert not times._recent


def test_publishes_of_very_many_tags_lose_their_times_first() -> None:
    times = PublishTimes(5, 3)
    times.known_at = 10.0
    for number, tags in enumerate([("a:1", "b:1"), ("c:1",), ("d:1",)], 1):
        times.add(number, tags, now=10.0)
    assert times.latest_before(9.0, now=10.0) == {"a:1": 1, "b:1": 1}


def test_first_records_are_not_kept() -> None:
    times = PublishTimes(5, 3)
    times.add(1, (), now=10.0)
    assert not times._recent


def test_forgotten_publishes_leave_the_known_time() -> None:
    times = PublishTimes(5, 1)
    times.known_at = 10.0
    for number in (1, 2):
        times.add(number, ("a:1",), now=10.0)
    times.forget()
    assert times.latest_before(20.0, now=20.0) == {}
    assert times.known_at == 10.0
    for number in (3, 4):
        times.add(number, ("b:1",), now=10.0)
    assert len(times._recent) == 1
