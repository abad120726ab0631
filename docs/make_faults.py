"""Writes the table of faults in docs/deployment.md: ``python docs/make_faults.py REPORT``.

REPORT has the rows of a run of ``tests/faults/``; ``make faults`` does both.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("deployment.md")
BEGIN = "<!-- make faults -->\n"
END = "<!-- end -->\n"

HEAD = """| fault | errors, cached pages | errors, other pages | site healed after | heartbeat |
| --- | --- | --- | --- | --- |
"""


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of the rows of a report."""
    return HEAD + "".join(f"{_row(row)}\n" for row in rows)


def _row(row: Mapping[str, Any]) -> str:
    heartbeat = "green" if row["heartbeat"] is None else f"green after {row['heartbeat']:.1f} s"
    healed = f"{row['site']:.1f} s" + (f"; {row['note']}" if row["note"] else "")
    cached = f"{row['errors']} of {row['requests']}"
    others = f"{row['uncached_errors']} of {row['uncached']}"
    return f"| {row['fault']} | {cached} | {others} | {healed} | {heartbeat} |"


def replaced(page: str, text: str) -> str:
    """Return a page with the part between the two marks replaced."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + text + END + rest.split(END, 1)[1]


def main() -> None:
    """Replace the table; a fault that was tested twice has its last row."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    rows = {row["number"]: row for row in map(json.loads, lines)}
    text = table(rows[number] for number in sorted(rows))
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
