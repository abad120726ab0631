"""Tags: the short names of things that pages show, spelled and checked in one place.

A tag reads ``kind:rest``: ``movie:42``, ``variant:7:thumb``, ``week:2026-W34``, ``list:movies``.
The kind is what metrics count by, the rest says which one. Names travel as keys of memcached, in
HTTP headers (``Surrogate-Key`` is split at spaces) and in the outbox, so only characters that are
plain in all three may stand in them, and the length is bounded.

A tag is an interface. Pages stored yesterday carry yesterday's spelling; a rename therefore emits
both names for one release. And a tag is never made of what a visitor typed: whoever asks for
things that do not exist must not be able to fill the stamp store.
"""

import re
from collections.abc import Iterable

from ..errors import TagError

MAX_LENGTH = 100
"""Characters of a tag. A stamp's key is a prefix and the tag, and must fit in 250 bytes."""

_WORD = r"[a-z][a-z0-9_-]{0,31}(?::[A-Za-z0-9._~-]+)+"
_RULE = re.compile(_WORD)
_JOINED = re.compile(rf"{_WORD}(?:\n{_WORD})*")


def tag(kind: str, *parts: str | int) -> str:
    """Spell a tag: ``tag("variant", 7, "thumb")`` is ``variant:7:thumb``.

    Raises ``TagError`` where the result would break the rules, so a part that holds a colon, a
    space or nothing at all is found where the tag is made.
    """
    if any(":" in str(part) for part in parts):
        raise TagError(f"a part of a tag holds a colon: {kind!r}, {parts!r}")
    return check(":".join((kind, *map(str, parts))))


def check(name: str) -> str:
    """Return ``name`` if it is a well-formed tag; ``TagError`` otherwise."""
    if len(name) > MAX_LENGTH or _RULE.fullmatch(name) is None:
        raise TagError(f"not a tag (kind:rest, at most {MAX_LENGTH} plain characters): {name!r}")
    return name


def check_joined(names: str) -> list[str]:
    """Split names at newlines and check them all at once: for the tags of a stored entry."""
    if not names:
        return []
    split = names.split("\n")
    if max(map(len, split)) > MAX_LENGTH or _JOINED.fullmatch(names) is None:
        raise TagError("among some tags, one is malformed")
    return split


def check_all(names: Iterable[str]) -> frozenset[str]:
    """Every name checked, each once."""
    return frozenset(check(name) for name in names)


MODEL = "model"
"""The kind of models' own tags."""


def kind_of(name: str) -> str:
    """The kind of a tag: ``movie:42`` is of kind ``movie``."""
    return name.partition(":")[0]


def model_tag(model: type) -> str:
    """The tag that every page showing rows of ``model`` carries: ``model:Movie``.

    A bulk UPDATE names no rows, so this is all that can be told about it. It is the blunt tool.
    """
    return tag(MODEL, model.__name__)
