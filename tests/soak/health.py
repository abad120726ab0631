"""Whether the site answered: what it may do while something is broken, and what it may never do.

An answer of 5xx is excused when a server was frozen or dead while it was made, or had been until
shortly before. Even then only few may be; and most of all answers must be pages.
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


@dataclass(frozen=True)
class Outage:
    """A server that was frozen or dead; Unix times."""

    name: str
    begun: float
    over: float

    def excuses(self, seen: Seen) -> bool:
        """Whether it was going on, or healing, at any moment of a read."""
        return seen.at <= self.over + HEALING and seen.at + seen.took >= self.begun


@dataclass
class Health:
    """Counts of answers, apart for those that an outage touched.

    Reads that got no answer are not among them: a web process is killed now and then.
    """

    pages: int = 0
    answers: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """By whether an outage excuses them."""
    errors: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})

    def judge(self, reads: Sequence[Seen], outages: Sequence[Outage]) -> None:
        """Judge reads, with all outages until the last of them was over."""
        for seen in reads:
            names = [outage.name for outage in outages if outage.excuses(seen)]
            excused = bool(names)
            self.answers[excused] += 1
            self.pages += seen.status == 200
            if seen.status >= 500:
                told = f"{seen.status} for {seen.path} at {seen.at:.3f} after {seen.took:.2f} s"
                self.errors[excused].append(f"{told}: {', '.join(names) or 'nothing was wrong'}")

    def complaints(self) -> list[str]:
        """What is wrong; empty for a site that is well."""
        total, within = sum(self.answers.values()), self.answers[True]
        found = self.errors[False][:10]
        if len(self.errors[True]) > MOST_ERRORS * within:
            found.append(f"{len(self.errors[True])} errors of {within} answers in outages")
        if not total or self.pages < FEWEST_PAGES * total:
            found.append(f"{self.pages} pages of {total} answers")
        return found
