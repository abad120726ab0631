"""Whether the site answered: what it may do while something is broken, and what it may never do.

An answer of 5xx is excused when a server was frozen or dead while it was made, or had been until
shortly before. Even then only few may be; and most of all answers must be pages.

No answer at all is excused where the very process that was asked was dead. Whatever else happens,
a request is answered, and soon: a server that hangs costs one short time-out, and a renderer that
was killed costs its lease.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.soak.verdict import Seen

HEALING = 1.0
"""Seconds from a server's return in which errors are still put down to its absence."""

MOST_ERRORS = 0.02
"""Of the answers made while a server was away: each has a way around it, the database at last."""

FEWEST_PAGES = 0.98
"""Of all answers, those with 200."""


QUICK = 1.0
"""Seconds: one time-out of a hanging memcached (0.2), and what a busy machine takes."""

MOST_SLOW = 0.02
"""Of all answers, those that take longer than that: they waited for a renderer that was killed."""

LONGEST = 5.0
"""Seconds that no answer may exceed: a lease's life (2), and what a busy machine takes."""


@dataclass(frozen=True)
class Outage:
    """A server that was frozen or dead; Unix times. ``port`` is a web process's."""

    name: str
    begun: float
    over: float
    port: int = 0

    def excuses(self, seen: Seen) -> bool:
        """Whether it was going on, or healing, at any moment of a read."""
        return seen.at <= self.over + HEALING and seen.at + seen.took >= self.begun

    def silences(self, seen: Seen) -> bool:
        """Whether it was the process that a read was sent to."""
        return self.port == seen.port and self.excuses(seen)


@dataclass
class Health:
    """Counts of answers, apart for those that an outage touched, and of reads without one."""

    pages: int = 0
    answers: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """By whether an outage excuses them."""
    errors: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})
    unanswered: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})
    """By whether the process that was asked was dead."""
    slow: int = 0
    late: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def judge(self, reads: Sequence[Seen], outages: Sequence[Outage]) -> None:
        """Judge reads, with all outages until the last of them was over."""
        for seen in reads:
            names = [outage.name for outage in outages if outage.excuses(seen)]
            if not seen.is_answered:
                dead = any(outage.silences(seen) for outage in outages)
                self.unanswered[dead].append(_told(seen, names))
                continue
            self._time(seen, names)
            excused = bool(names)
            self.answers[excused] += 1
            self.pages += seen.status == 200
            if seen.status >= 500:
                self.errors[excused].append(_told(seen, names))

    def _time(self, seen: Seen, names: Sequence[str]) -> None:
        self.slowest = max(self.slowest, seen.took)
        self.slow += seen.took > QUICK
        if seen.took > LONGEST:
            self.late.append(_told(seen, names))

    def complaints(self) -> list[str]:
        """What is wrong; empty for a site that is well."""
        total, within = sum(self.answers.values()), self.answers[True]
        found = [*self.errors[False][:10], *self.unanswered[False][:10], *self.late[:10]]
        if self.slow > MOST_SLOW * total:
            found.append(f"{self.slow} of {total} answers took longer than {QUICK:g} s")
        if len(self.errors[True]) > MOST_ERRORS * within:
            found.append(f"{len(self.errors[True])} errors of {within} answers in outages")
        if not total or self.pages < FEWEST_PAGES * total:
            found.append(f"{self.pages} pages of {total} answers")
        return found


def _told(seen: Seen, names: Sequence[str]) -> str:
    what = str(seen.status) if seen.is_answered else "no answer"
    told = f"{what} for {seen.path} at {seen.at:.3f} after {seen.took:.2f} s"
    return f"{told}: {', '.join(names) or 'nothing was wrong'}"
