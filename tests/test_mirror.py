"""``tests/`` mirrors ``moziweb/``, but for what tests/README.md lists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
GENERATED = "moziweb/db/migrations/versions/"
FOLDERS = {"moziweb/demo/styles/", "moziweb/db/migrations/"}
"""The folders of which not every module needs a row."""


def section(title: str) -> str:
    """The text of a section of the README."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ")[0]


def listed_modules() -> dict[str, str]:
    """The test file of each listed module or folder."""
    found: dict[str, str] = {}
    for line in section("Modules without a test file of their own").splitlines():
        names = re.findall(r"`([^`]+)`", line)
        if line.startswith("| `"):
            found |= {f"moziweb/{name}": names[0] for name in names[1:]}
    return found


def listed_tests() -> list[str]:
    return re.findall(r"`(tests/[^`]+)`", section("Tests of several modules"))


def modules() -> Iterator[Path]:
    for path in sorted((ROOT / "moziweb").rglob("*.py")):
        if not str(path.relative_to(ROOT)).startswith(GENERATED):
            yield path.relative_to(ROOT)


def mirrored(module: Path) -> str:
    """The path of a module's own test file."""
    folder = Path("tests", *module.parent.parts[1:])
    name = module.parent.name if module.name == "__init__.py" else module.stem.strip("_")
    return str(folder / f"test_{name}.py")


def has_code(module: Path) -> bool:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in ast.walk(tree))


def test_every_module_has_its_test_file_or_is_listed() -> None:
    listed = listed_modules().keys()
    missing = [
        str(module)
        for module in modules()
        if not (ROOT / mirrored(module)).exists()
        and not {str(module), f"{module.parent}/"} & listed
        and (module.name != "__init__.py" or has_code(module))
    ]
    assert missing == []


def test_modules_are_listed_by_name() -> None:
    assert {name for name in listed_modules() if name.endswith("/")} == FOLDERS


def test_what_is_listed_exists_and_has_no_test_file() -> None:
    for module, test in listed_modules().items():
        assert (ROOT / test).is_file(), test
        path = Path(module)
        assert (ROOT / path).is_dir() if module.endswith("/") else (ROOT / path).is_file(), module
        assert module.endswith("/") or not (ROOT / mirrored(path)).exists(), module


def test_every_test_file_has_its_module_or_is_listed() -> None:
    listed, mirrors = listed_tests(), {mirrored(module) for module in modules()}
    assert [each for each in listed if not (ROOT / each).exists()] == []
    files = (str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("test_*.py")))
    assert [
        path
        for path in files
        if "/npm/" not in path
        and path not in mirrors
        and path not in listed
        and not any(each.endswith("/") and path.startswith(each) for each in listed)
    ] == []
