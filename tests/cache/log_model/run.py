"""The long form: ``python -m tests.cache.log_model.run --states 1000000``, or ``make model``."""

import argparse
import sys
import time

from .search import explore
from .worlds import LARGE


def main() -> int:
    """Explore the large worlds; return 1 if one of them serves a stale answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=1_000_000, help="limit for each world")
    parser.add_argument("world", nargs="*", help="parts of names; all worlds without them")
    options = parser.parse_args()
    failed = 0
    for name, world in LARGE.items():
        if options.world and not any(part in name for part in options.world):
            continue
        began = time.perf_counter()
        outcome = explore(world, limit=options.states)
        wrong = bool(outcome.stale or outcome.lost or outcome.useless)
        failed |= wrong
        verdict = "WRONG" if wrong else "complete" if outcome.complete else "no fault so far"
        seconds = time.perf_counter() - began
        sys.stdout.write(f"{name}: {outcome.states:,} states, {verdict}, {seconds:.0f} s\n")
        if wrong:
            sys.stdout.write("\n".join(explore(world, trace=True).stale) + "\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
