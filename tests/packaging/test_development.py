"""development.ini as it is shipped: what `pserve --reload` looks at."""

from glob import glob
from pathlib import Path

from plaster import get_loader

ROOT = Path(__file__).parents[2]


def test_a_change_of_any_template_or_catalogue_starts_it_again() -> None:
    """pserve expands its patterns as is done here; that is not to be had without a server."""
    loader = get_loader(str(ROOT / "development.ini"), protocols=["wsgi"])
    patterns = loader.get_settings("pserve")["watch_files"].split()
    watched = {name for pattern in patterns for name in glob(pattern, recursive=True)}  # noqa: PTH207
    package = ROOT / "moziweb"
    shown = {str(path) for kind in ("*.jinja2", "*.mo") for path in package.rglob(kind)}
    assert len(shown) > 30
    assert watched == shown
