"""Prints the figures of benchmarks: tables, then one line of JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = str | int | float
Figures = Mapping[str, object]


@dataclass(frozen=True)
class Bound:
    """The bounds of a figure: ``at_least``, ``at_most``, or both."""

    figure: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        wanted = [
            f"{word} {bound:g}"
            for word, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        verdict = "kept" if self.kept else "MISSED"
        return f"{verdict:6}  {self.figure}: {self.value:.2f} ({', '.join(wanted)})"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table; the first column is left-aligned, figures are right-aligned."""
    lines = [list(header), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}\n")
    for line in lines:
        first, *others = line
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join((first.ljust(widths[0]), *cells)))


def _shown(cell: Cell) -> str:
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)


def finish(figures: Figures, bounds: Sequence[Bound]) -> int:
    """Print each bound and, on the last line, all figures; return the exit status."""
    print()
    for bound in bounds:
        print(bound)
    missed = [bound.figure for bound in bounds if not bound.kept]
    kept = {bound.figure: round(bound.value, 3) for bound in bounds}
    print(json.dumps({**figures, "bounds": kept, "missed": missed}))
    return 1 if missed else 0
