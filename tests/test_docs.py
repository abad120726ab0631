"""The documentation agrees with the code."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS
from moziweb.cli import main
from moziweb.ops import metrics
from moziweb.ops.health import probes_of
from moziweb.posters import metrics as poster_metrics
from moziweb.settings import SETTINGS

ROOT = Path(__file__).parent.parent


def test_settings_page_is_generated_from_the_tables() -> None:
    page = run_path(str(ROOT / "docs" / "make_settings.py"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page


def table(heading: str, document: str = "cache.md") -> list[str]:
    """The first cells, without backticks, of the table below a heading of a document."""
    page = (ROOT / "docs" / document).read_text(encoding="utf-8")
    section = page.split(f" {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("The cache", [f"cache.{key.name}" for key in CACHE_KEYS]),
        ("A region", [key.name for key in REGION_KEYS]),
    ],
)
def test_cache_guide_lists_exactly_the_keys_of_the_cache(heading: str, names: list[str]) -> None:
    assert sorted(table(heading)) == sorted(names)


def test_cache_guide_lists_exactly_the_metrics() -> None:
    registry = CollectorRegistry()
    metrics.CacheMetrics(registry)
    current = [m for m in registry.collect() if not m.documentation.startswith("Deprecated")]
    counted = {f"{m.name}_total" if m.type == "counter" else m.name for m in current}
    source = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (metrics, poster_metrics)
    )
    whole = set(re.findall(r'"(moziweb_\w+)"', source))
    listed = {
        name.partition("{")[0]
        for name in (*table("What to watch"), *table("Metrics", "monitoring.md"))
    }
    assert len(counted) > 12
    assert listed == counted | whole


def test_deployment_guide_lists_every_part_of_the_heartbeat() -> None:
    services: Any = MagicMock()
    services.database.engine = create_engine("sqlite://")
    parts = [name for probe in probes_of(services) for name in probe.names]
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = guide.split("| part | not healthy |", 1)[1].split("\n\n", 1)[0]
    assert sorted(re.findall(r"^ *\| `(\w+)` \|", section, re.MULTILINE)) == sorted(parts)
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    anchors = {each.lower().replace(" ", "-") for each in re.findall(r"^## (.+)$", runbook, re.M)}
    links = re.findall(r"runbook\.md#([\w-]+)", section)
    assert len(links) == len(parts)
    assert set(links) <= anchors


def test_linked_files_exist() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_architecture_names_what_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`(moziweb/[\w/]+\.py)`", page))
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    pairs = re.findall(r"`(moziweb/[\w/]+\.py)`: `([\w.]+)`", re.sub(r"\s+", " ", page))
    assert len(pairs) > 30
    assert [pair for pair in pairs if not is_defined(*pair)] == []


def test_paths_in_the_documents_exist() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
        for path in re.findall(
            r"`((?:moziweb|tests|docs|scripts)/[\w/.-]+)`", page.read_text(encoding="utf-8")
        )
        if not (ROOT / path).exists()
    ]
    assert missing == []


def blocks(page: str) -> list[str]:
    """The paragraphs and list items of a document with claims.

    Those that end with a colon introduce what follows; code, tables, pictures, quotations and
    headings are no claims by themselves.
    """
    text = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    found = re.split(r"\n\n+|\n(?= *(?:[-*]|\d\.) )", text)
    stripped = [re.sub(r"^(?:[-*]|\d\.) ", "", each.strip()) for each in found]
    return [each for each in stripped if each and each[0] not in "#!|>" and each[-1] != ":"]


@pytest.mark.parametrize(("document", "least"), [("manager.md", 200), ("importing.md", 80)])
def test_guide_names_a_test_of_each_claim(document: str, least: int) -> None:
    """That the tests exist is checked below."""
    page = (ROOT / "docs" / document).read_text(encoding="utf-8")
    assert len(set(re.findall(r"`(test_\w+)`", page))) > least
    assert [each for each in blocks(page) if not re.search("`test_[a-z]", each)] == []


def is_defined(path: str, name: str) -> bool:
    """Whether a module defines a class, function, constant or member."""
    found: object = import_module(
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not None


def test_tests_named_in_the_documents_exist() -> None:
    names = {
        name
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "tests/README.md")
        for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))
    }
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    assert len(names) > 20
    assert [name for name in sorted(names) if f"def {name}(" not in tests] == []


def moziweb_commands() -> set[str]:
    """Each command of ``moziweb`` in a block of a document, also below ``heroku run`` and such."""
    found = set()
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if kind in ("", "sh"):
                pattern = r"(?:^|(?:run|web|\*) +|\.venv/bin/)(moziweb .*)"
                found |= set(re.findall(pattern, block, re.MULTILINE))
    return found


def test_every_command_of_moziweb_in_the_documents_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its options and arguments; none is run."""
    monkeypatch.chdir(tmp_path)
    lines = moziweb_commands()
    assert len(lines) > 40
    for line in sorted(lines):
        _moziweb, *words = shlex.split(line, comments=True)
        for word in words:  # commands read files that exist
            if re.fullmatch(r"\w+\.(?:csv|xlsx|log)", word):
                Path(word).touch()
            elif word.isupper() or word.startswith("$"):
                Path(word).mkdir(exist_ok=True)
        try:
            parse(main, words)
        except click.UsageError as error:
            raise AssertionError(f"{line}: {error.format_message()}") from None


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parses the words of a command and of its subcommands."""
    with command.make_context(command.name, list(words), parent=parent) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            _name, below, words = command.resolve_command(context, rest)
            assert below
            parse(below, words, context)


def test_decisions_have_no_gaps_in_their_numbers() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    assert re.findall(r"\]\((0[^)]+)\)", index) == files


def test_poster_guide_lists_every_key_of_posters() -> None:
    guide = (ROOT / "docs" / "posters.md").read_text(encoding="utf-8")
    keys = [setting.name for setting in SETTINGS if setting.name.startswith("posters.")]
    assert [key for key in keys if f"| `{key}` |" not in guide] == []
