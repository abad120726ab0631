"""The shipped development.ini: the files that ``pserve --reload`` watches."""

from glob import glob
from pathlib import Path

from plaster import get_loader

ROOT = Path(__file__).parents[2]


def test_reload_watches_every_template_and_catalogue() -> None:
    """pserve expands the patterns in the same way, but only when it serves."""
    loader = get_loader(str(ROOT / "development.ini"), protocols=["wsgi"])
    patterns = loader.get_settings("pserve")["watch_files"].split()
    watched = {name for pattern in patterns for name in glob(pattern, recursive=True)}  # noqa: PTH207
    package = ROOT / "moziweb"
    shown = {str(path) for kind in ("*.jinja2", "*.mo") for path in package.rglob(kind)}
    assert len(shown) > 30
    assert watched == shown
