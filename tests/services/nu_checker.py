"""The Nu HTML checker of the W3C, from npm, which needs Java."""

import json
from collections.abc import Mapping
from pathlib import Path

from .process import ServiceError, run

_JAR = Path(__file__).parents[1] / "npm" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"


def html_errors(pages: Mapping[str, str], folder: Path) -> list[str]:
    """The errors and warnings in ``pages``, HTML by name, which are written to ``folder``."""
    names: dict[str, str] = {}
    for number, (name, html) in enumerate(pages.items()):
        path = folder / f"page-{number}.html"
        path.write_text(html, encoding="utf-8")
        names[path.name] = name
    command: list[str | Path] = [
        "java",
        "-jar",
        _JAR,
        "--format",
        "json",
        "--exit-zero-always",
        folder,
    ]
    result = run(command)
    if result.returncode != 0 or not result.stderr:
        raise ServiceError(f"the HTML checker did not run: {result.stderr or result.stdout}")
    return [
        f"{names[each['url'].rpartition('/')[2]]}: {each['message']}: {each.get('extract', '')}"
        for each in json.loads(result.stderr)["messages"]
        if each["type"] == "error" or each.get("subType") == "warning"
    ]
