"""The scores of Lighthouse for the public pages, as a phone and as a desktop computer.

The demo is served with ready posters. Lighthouse simulates the network and the processor of a
phone, so a busy machine lowers the score of performance: its figure is the median of some runs. The
other scores do not depend on time. The audits that are not passed are listed.

Run it from the repository's root: ``python -m benchmarks.lighthouse [--runs 3]``.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.report import Bound, Cell, finish, print_table
from benchmarks.shown_site import shown_site
from tests.services.process import find_program, run

SMALLEST: Final = ("--runs", "1", "--pages", "movie", "--devices", "desktop", "--posters", "2")
"""The arguments of the smallest run, which the tests do."""

PERFORMANCE: Final = {"mobile": 95, "desktop": 100}
CATEGORIES: Final = ("accessibility", "best-practices", "seo")
PAGES: Final = ("index", "week", "month", "movie")
POSTERS: Final = 200

CLI: Final = Path(__file__).parents[1] / "tests/npm/node_modules/lighthouse/cli/index.js"
FLAGS: Final = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"

TRIES: Final = 3
AGAIN: Final = "Please run Lighthouse again"
"""In its message if Chromium has not recorded the page load, as on a busy machine."""


def report_of(url: str, device: str) -> dict[str, Any]:
    """The report of one run."""
    preset = ["--preset=desktop"] if device == "desktop" else []
    categories = ",".join(("performance", *CATEGORIES))
    command: list[str | Path] = [
        find_program("node"), CLI, url, "--output=json", "--output-path=stdout", "--quiet",
        f"--only-categories={categories}", "--disable-full-page-screenshot",
        f"--chrome-flags={FLAGS}", *preset,
    ]  # fmt: skip
    for _ in range(TRIES):
        done = run(command, env={**os.environ, "CHROME_PATH": str(find_program("chromium"))})
        if AGAIN not in done.stderr:
            break
    if done.returncode:
        raise SystemExit(f"lighthouse: {url}: {done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def scores_of(report: dict[str, Any]) -> dict[str, float]:
    """The scores of the categories, from 0 to 100."""
    return {name: 100 * (each["score"] or 0) for name, each in report["categories"].items()}


def not_passed(report: dict[str, Any]) -> Iterator[str]:
    """The audits that lower a score, with what they found."""
    for name, category in report["categories"].items():
        for each in category["auditRefs"]:
            audit = report["audits"][each["id"]]
            if each["weight"] and audit["score"] is not None and audit["score"] < 1:
                shown = audit.get("displayValue", "")
                yield f"{name}: {audit['id']} {audit['score']:.2f} {shown}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Scores of Lighthouse.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--devices", nargs="+", choices=PERFORMANCE, default=list(PERFORMANCE))
    parser.add_argument("--posters", type=int, default=POSTERS, help="posters that are made first")
    options = parser.parse_args(arguments)
    bounds: list[Bound] = []
    rows: list[list[Cell]] = []
    failed: dict[str, list[str]] = {}
    with shown_site(options.posters) as site:
        for device in options.devices:
            for page in options.pages:
                reports = [
                    report_of(site.url + site.paths[page], device) for _ in range(options.runs)
                ]
                runs = [scores_of(each) for each in reports]
                scores = {name: median(each[name] for each in runs) for name in runs[0]}
                name = f"{page}, {device}"
                rows.append([name, *scores.values()])
                failed[name] = list(not_passed(reports[-1]))
                lowest = {"performance": PERFORMANCE[device]} | dict.fromkeys(CATEGORIES, 100)
                bounds += [
                    Bound(f"{name}: {category}", round(score, 1), at_least=lowest[category])
                    for category, score in scores.items()
                ]
    print_table("Lighthouse", ["", "performance", *CATEGORIES], rows)
    for name, audits in failed.items():
        print(f"\n{name}:", *(audits or ["every audit is passed"]), sep="\n  ")
    return finish({"runs": options.runs, "not_passed": failed}, bounds)


if __name__ == "__main__":
    sys.exit(main())
