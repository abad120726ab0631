"""What the docs tell is so."""

from pathlib import Path
from runpy import run_path

ROOT = Path(__file__).parent.parent


def test_the_settings_page_is_what_the_table_makes() -> None:
    page = run_path(str(ROOT / "docs" / "make_settings.py"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page
