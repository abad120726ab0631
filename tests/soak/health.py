"""Checks that the site answered: what is allowed during an outage, and what never is.

A 5xx answer is excused if a server was frozen or dead during the request, or had been until shortly
before. Even then few are allowed, and most answers must be pages.

No answer is excused only if the web process itself was dead. All other requests are answered soon:
a server that hangs costs one short timeout, a killed renderer costs its lease. Times say nothing
beside other work, so ``make soak`` judges them, for a machine that does nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.soak.verdict import Outage, Seen

MOST_ERRORS = 0.02
"""Share of the answers during outages. Every server has a fallback; the last is the database."""

FEWEST_PAGES = 0.98
"""Share of pages in all answers (``Seen.is_page``)."""


QUICK = 1.0
"""Seconds: some timeouts of a hanging memcached (0.2)."""

MOST_SLOW = 0.02
"""Share of answers that take longer: they waited for a renderer that was killed."""

LONGEST = 5.0
"""Upper limit of an answer in seconds: the life of a lease (2), and time for the work after it."""


@dataclass
class Health:
    """Counts of answers, with and without an outage, and of reads without an answer."""

    pages: int = 0
    answers: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """By whether an outage excuses them."""
    errors: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})
    unanswered: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})
    """By whether the web process was dead."""
    slow: int = 0
    late: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def judge(self, reads: Sequence[Seen], outages: Sequence[Outage]) -> None:
        """Check reads; ``outages`` must include all until after the last read."""
        for seen in reads:
            names = [outage.name for outage in outages if outage.excuses(seen)]
            if not seen.is_answered:
                dead = any(outage.silences(seen) for outage in outages)
                self.unanswered[dead].append(_described(seen, names))
                continue
            self._time(seen, names)
            excused = bool(names)
            self.answers[excused] += 1
            self.pages += seen.is_page
            if seen.status >= 500:
                self.errors[excused].append(_described(seen, names))

    def _time(self, seen: Seen, names: Sequence[str]) -> None:
        self.slowest = max(self.slowest, seen.took)
        self.slow += seen.took > QUICK
        if seen.took > LONGEST:
            self.late.append(_described(seen, names))

    def complaints(self) -> list[str]:
        """What is wrong, but for times; empty for a healthy site."""
        total, within = sum(self.answers.values()), self.answers[True]
        found = [*self.errors[False][:10], *self.unanswered[False][:10]]
        if len(self.errors[True]) > MOST_ERRORS * within:
            found.append(f"{len(self.errors[True])} errors of {within} answers in outages")
        if not total or self.pages < FEWEST_PAGES * total:
            found.append(f"{self.pages} pages of {total} answers")
        return found

    def delays(self) -> list[str]:
        """What took too long for a quiet machine; empty for a healthy site."""
        total, found = sum(self.answers.values()), self.late[:10]
        if self.slow > MOST_SLOW * total:
            found.append(f"{self.slow} of {total} answers took longer than {QUICK:g} s")
        return found


def _described(seen: Seen, names: Sequence[str]) -> str:
    what = str(seen.status) if seen.is_answered else "no answer"
    text = f"{what} for {seen.path} at {seen.at:.3f} after {seen.took:.2f} s"
    return f"{text}: {', '.join(names) or 'nothing was wrong'}"
