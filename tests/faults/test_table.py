"""The table of faults in docs/deployment.md."""

import re
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from .report import Cost, Fault, record

ROOT = Path(__file__).parents[2]
MAKE_FAULTS = ROOT / "docs" / "make_faults.py"


@pytest.fixture
def make_faults() -> dict[str, Any]:
    return run_path(str(MAKE_FAULTS))


def test_table_has_every_fault(make_faults: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    table = page.split(make_faults["BEGIN"])[1].split(make_faults["END"])[0]
    assert re.findall(r"^\| ([^|]+) \| \d", table, re.MULTILINE) == list(Fault)
    assert table.startswith(make_faults["HEAD"])


def test_every_fault_has_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    for fault in Fault:
        assert f"Fault.{fault.name}" in tests, fault


def test_table_is_made_from_a_report(
    make_faults: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, report = tmp_path / "page.md", tmp_path / "report"
    page.write_text("Before\n<!-- make faults -->\nold\n<!-- end -->\nAfter\n")
    monkeypatch.setenv("FAULTS_REPORT", str(report))
    record(Cost(Fault.STORAGE_AWAY, 9, 0, 4, 1, 1.23, 2.34, "posters after 8 s"))
    record(Cost(Fault.WEB_KILLED, 9, 1, 4, 0, 1.0, None))
    record(Cost(Fault.WEB_KILLED, 9, 0, 4, 0, 1.0, None))
    main = make_faults["main"]
    monkeypatch.setitem(main.__globals__, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["make_faults.py", str(report)])
    main()
    assert page.read_text() == (
        f"Before\n<!-- make faults -->\n{make_faults['HEAD']}"
        f"| {Fault.WEB_KILLED} | 0 of 9 | 0 of 4 | 1.0 s | green |\n"
        f"| {Fault.STORAGE_AWAY} | 0 of 9 | 1 of 4 | 1.2 s; posters after 8 s"
        " | green after 2.3 s |\n<!-- end -->\nAfter\n"
    )


def test_nothing_is_recorded_without_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAULTS_REPORT", raising=False)
    monkeypatch.chdir(tmp_path)
    record(Cost(Fault.WEB_KILLED, 9, 0, 4, 0, 1.0, None))
    assert list(tmp_path.iterdir()) == []
