"""Tags: names of the things that pages depend on. Built and checked here.

A tag is ``kind:rest``: ``movie:42``, ``variant:7:thumb``, ``week:2026-W34``, ``list:movies``.
Metrics are labelled by kind. Tags are used in memcached keys, in HTTP headers (``Surrogate-Key`` is
split at spaces) and in the outbox, so only characters that are plain in all three are allowed, and
the length is bounded.

Stored pages carry the tags of the release that rendered them, so a renamed tag must be emitted
under both names for one release. A tag never contains text from a request: requests for things
that do not exist must not fill the stamp store.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from ..errors import TagError

MAX_TAG_LENGTH = 100
"""Characters of a tag. A stamp's key is a prefix and the tag, and must fit in 250 bytes."""

# Without backtracking. The colon after a part, not before it: 599 tags take 27 µs instead of 44.
_TAG = r"[a-z][a-z0-9_-]{0,31}+:(?:[A-Za-z0-9._~-]++:)*+[A-Za-z0-9._~-]++"
_RULE = re.compile(_TAG)
_LINES = re.compile(rf"(?:{_TAG}\n)*+")


def tag(kind: str, *parts: str | int) -> str:
    """Build a tag: ``tag("variant", 7, "thumb")`` is ``variant:7:thumb``.

    Raises ``TagError`` if the result is not well-formed: a part contains a colon or a space, or is
    empty.
    """
    if any(":" in str(part) for part in parts):
        raise TagError(f"a part of a tag contains a colon: {kind!r}, {parts!r}")
    return check(":".join((kind, *map(str, parts))))


def check(name: str) -> str:
    """Return ``name`` if it is a well-formed tag; raise ``TagError`` otherwise."""
    if len(name) > MAX_TAG_LENGTH or _RULE.fullmatch(name) is None:
        raise TagError(
            f"not a tag (kind:rest, at most {MAX_TAG_LENGTH} plain characters): {name!r}"
        )
    return name


def check_joined(names: str) -> list[str]:
    """Split tags at newlines and check all of them at once, for decoding entries."""
    if not names:
        return []
    split = names.split("\n")
    if max(map(len, split)) > MAX_TAG_LENGTH or _LINES.fullmatch(names + "\n") is None:
        raise TagError("one of the tags is malformed")
    return split


def check_all(names: Iterable[str]) -> frozenset[str]:
    """Check every name and return them as a set."""
    return frozenset(check(name) for name in names)


@lru_cache(maxsize=10_000)
def short_form(name: str) -> str:
    """Return six characters for a tag, for a CDN's header that would be too long.

    They are never a tag, which contains a colon. Two tags may have the same ones: then a purge of
    one drops the pages of both.
    """
    return urlsafe_b64encode(sha256(name.encode()).digest())[:6].decode()


MODEL = "model"
"""The kind of the tags of models."""


def kind_of(name: str) -> str:
    """Return the kind of a tag: ``movie`` for ``movie:42``."""
    return name.partition(":")[0]


def model_tag(model: type) -> str:
    """Return the tag of every page that shows rows of ``model``: ``model:Movie``.

    For bulk statements, whose rows are not known. It invalidates far more than a row's tags.
    """
    return tag(MODEL, model.__name__)
