"""Reads parameters of queries and forms, which may be missing, repeated, malformed or files."""

from collections.abc import Container
from typing import Any, Final, TypeVar

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from webob.multidict import MultiDict

from moziweb.db.types import parse_id

T = TypeVar("T")

NO_ID: Final = 0
"""An id that no row has."""


def text_param(fields: Any, name: str) -> str:
    """The trimmed text of a field; "" if it is missing or a file."""
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def text_params(fields: Any, name: str) -> list[str]:
    """All texts of a repeated field; files are left out."""
    return [value for value in fields.getall(name) if isinstance(value, str)]


def id_params(fields: Any, name: str) -> list[int]:
    """All ids of a repeated field; ``NO_ID`` for one that is malformed or out of range."""
    return [parse_id(text) or NO_ID for text in text_params(fields, name)]


def or_404(found: T | None) -> T:
    """Returns what was found. Raises ``HTTPNotFound`` for None."""
    if found is None:
        raise HTTPNotFound
    return found


def safe_fields(fields: Any) -> MultiDict[str, str]:
    """Returns the texts of a request's form, without names and characters that are invalid."""
    return MultiDict(
        [
            (name, value.replace("\0", "").encode("utf-8", "replace").decode())
            for name, value in fields.items()
            if isinstance(value, str) and name.isascii() and len(name) < 60
        ]
    )


def asked_action(fields: Any, actions: Container[str]) -> str:
    """Returns the button ``do`` of a form, "save" without it. Raises ``HTTPBadRequest``."""
    action: str = fields.get("do", "save")
    if action not in actions:
        raise HTTPBadRequest
    return action
