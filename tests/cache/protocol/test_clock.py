"""Values of the clock."""

import pytest

from moziweb.cache.protocol.clock import epoch_of, new_clock, reaches

EPOCH = 7 << 32


def test_epochs_are_random_and_clocks_fit_in_63_bits() -> None:
    clocks = {new_clock() for _ in range(50)}
    assert len({epoch_of(clock) for clock in clocks}) > 45
    assert all(0 < clock < 1 << 63 for clock in clocks)


@pytest.mark.parametrize(
    ("validated_at", "clock", "expected"),
    [
        (EPOCH + 5, EPOCH + 5, True),
        (EPOCH + 6, EPOCH + 5, True),
        (EPOCH + 5, EPOCH + 6, False),
        ((8 << 32) + 9, EPOCH + 5, False),
        ((6 << 32) + 9, EPOCH + 5, False),
    ],
)
def test_valid_reaches_earlier_clocks_of_its_epoch(
    validated_at: int, clock: int, *, expected: bool
) -> None:
    assert reaches(validated_at, clock) is expected
