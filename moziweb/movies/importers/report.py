"""Reports of imports, as values for JSON and as text."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .planning import Change, Effect, Plan
from .problems import Problem


def plan_event(plan: Plan, movie_id: int | None = None) -> dict[str, Any]:
    """Return the plan as values for JSON."""
    return {
        "place": plan.candidate.place,
        "merged": list(plan.candidate.merged),
        "title": plan.candidate.title,
        "effect": plan.effect.value,
        "movie": movie_id or plan.movie_id,
        "changes": [asdict(change) for change in plan.changes],
        "problems": [
            {"place": each.place, "column": each.column, "text": each.english, "fatal": each.fatal}
            for each in plan.problems
        ],
        "flags": [each.english for each in plan.flags],
        "possible": [asdict(each) for each in plan.possible],
    }


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the plan as lines of text; none for a movie without differences."""
    if plan.effect in {Effect.NEW, Effect.CHANGED}:
        yield f"{plan.candidate.place}: {plan.candidate.title}: {plan.effect}"
    for change in plan.changes:
        if plan.effect is Effect.CHANGED or change.kept_for:
            yield f"    {_change_line(change)}"
    for flag in plan.flags:
        yield f"    {flag.english}"
    for problem in plan.problems:
        yield str(problem)


def _change_line(change: Change) -> str:
    line = f"{change.field}: {change.before or '(none)'} -> {change.after}"
    return f"{line}  [stays: {change.kept_for}]" if change.kept_for else line


@dataclass
class ImportSummary:
    """Counts rows by effect and collects the problems. A movie of TMDB counts as one row."""

    effects: Counter[Effect] = field(default_factory=Counter)
    moved: int = 0
    kept: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, plan: Plan) -> None:
        """Count a plan."""
        self.effects[plan.effect] += plan.candidate.rows
        self.moved += len(plan.moves)
        self.kept += len(plan.kept)
        self.problems.extend(plan.problems)

    @property
    def sums(self) -> dict[str, int]:
        """The counts of the report."""
        return {
            "read": self.effects.total(),
            **{effect.value: self.effects[effect] for effect in Effect},
            "moved": self.moved,
            "kept": self.kept,
            "problems": len(self.problems),
        }

    @property
    def line(self) -> str:
        """The counts as a sentence."""
        text = (
            "{read} read: {new} new, {changed} changed, {same} unchanged, {refused} refused; "
            "{moved} premieres moved, {kept} values kept, {problems} problems."
        )
        return text.format_map(self.sums)
