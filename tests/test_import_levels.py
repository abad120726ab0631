"""Import levels: the longest chain of imports inside a package stays short."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("package", "limit"), [("cache", 10), ("posters", 6)])
def test_import_levels_are_few(package: str, limit: int) -> None:
    modules = {name_of(path): path for path in (ROOT / "moziweb" / package).rglob("*.py")}
    assert len(modules) > 40

    @cache
    def level(module: str) -> int:
        below = {each for each in imports(module, modules[module]) if each in modules} - {module}
        return 1 + max(map(level, below), default=0)

    assert max(map(level, modules)) <= limit


def name_of(path: Path) -> str:
    """The dotted name of a module or package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: str, path: Path) -> Iterator[str]:
    """The names that a module imports at run time: modules, and members of modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in run_time_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            members = {f"{source}.{alias.name}" for alias in node.names}
            yield from members
            if not all(is_module(member) for member in members):
                yield source


def is_module(name: str) -> bool:
    """Whether a dotted name is a module or package of the project."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes, without those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from run_time_nodes(node)
