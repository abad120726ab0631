"""Names: a public class, function or constant has a name that means the same everywhere."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator
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

SAME_CONSTANTS = {
    # Types: of WSGI, of Pyramid's handlers and access control lists, of points, and type variables.
    "Acl", "Environ", "Handler", "Point", "StartResponse", "T",
    # A module's own: its logger, its page of the manager, its poster style.
    "ROUTE", "STYLE", "log",
}  # fmt: skip


def test_public_names_have_one_meaning() -> None:
    check(public_names, SAME_MEANING, 1000)


def test_public_constants_have_one_meaning() -> None:
    check(public_constants, SAME_CONSTANTS, 400)


def check(
    names_of: Callable[[ast.Module], Iterator[str]], allowed: set[str], at_least: int
) -> None:
    """Only the ``allowed`` names are in several modules, and each of them is."""
    modules = defaultdict(set)
    for path in ROOT.rglob("*.py"):
        if "migrations" not in path.parts:
            for name in names_of(ast.parse(path.read_text(encoding="utf-8"))):
                modules[name].add(str(path.relative_to(ROOT)))
    assert len(modules) > at_least
    repeated = {name: sorted(where) for name, where in modules.items() if len(where) > 1}
    assert {name: where for name, where in repeated.items() if name not in allowed} == {}
    assert set(repeated) >= allowed


def public_constants(tree: ast.Module) -> Iterator[str]:
    """The names that a module assigns: constants and type aliases."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for each in (name for target in targets for name in ast.walk(target)):
                if isinstance(each, ast.Name) and not each.id.startswith("_"):
                    yield each.id


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
