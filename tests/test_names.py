"""Names: a public class or function has a name of its own, or one that means the same elsewhere."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent / "moziweb"

SAME_MEANING = {
    # Conventions of Pyramid and of entry points.
    "from_settings", "includeme", "main",
    # A codec's pair, and the painter of each poster style.
    "decode", "encode", "paint",
    # What a user stored but has not saved: drafts of forms, and pictures.
    "drop", "find", "keep",
    # A candidate of a list's row, and of TMDB's movie.
    "candidate_of",
}  # fmt: skip


def test_public_names_have_one_meaning() -> None:
    modules = defaultdict(set)
    for path in ROOT.rglob("*.py"):
        if "migrations" not in path.parts:
            for name in public_names(ast.parse(path.read_text(encoding="utf-8"))):
                modules[name].add(str(path.relative_to(ROOT)))
    assert len(modules) > 1000
    repeated = {name: sorted(where) for name, where in modules.items() if len(where) > 1}
    assert {name: where for name, where in repeated.items() if name not in SAME_MEANING} == {}
    assert set(repeated) >= SAME_MEANING


def public_names(tree: ast.Module) -> Iterator[str]:
    """The classes and functions of a module; views and commands are called by no code."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {
                word for each in node.decorator_list for word in ast.unparse(each).split("(")
            }
            if not node.name.startswith("_") and not any(map(is_registration, decorators)):
                yield node.name


def is_registration(decorator: str) -> bool:
    """Whether a decorator registers a view or a command."""
    return decorator.endswith(("view_config", ".command", ".group", "_view"))
