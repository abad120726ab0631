"""Values of the clock: 31 bits of a random epoch, 32 bits of a count."""

import secrets
from typing import Final

EPOCH_SHIFT: Final = 32


def new_clock() -> int:
    """Return a clock at its first tick in a random epoch."""
    return secrets.randbits(31) << EPOCH_SHIFT | 1


def epoch_of(clock: int) -> int:
    """Return the epoch of a clock value or a stamp."""
    return clock >> EPOCH_SHIFT


def reaches(validated_at: int, clock: int) -> bool:
    """Return whether what was valid at ``validated_at`` is therefore valid at ``clock``.

    Values of two epochs are never compared: a later epoch may have the lower number.
    """
    return validated_at >= clock and validated_at >> EPOCH_SHIFT == clock >> EPOCH_SHIFT
