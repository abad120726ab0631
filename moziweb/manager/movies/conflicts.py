"""Merges concurrent edits of a movie or a name.

A form carries a digest of each field as it was loaded. So a save can tell which fields each editor
changed: fields that only the other editor changed are taken over, fields that only this one changed
stay, and fields that both changed are shown side by side. A save with differences stores nothing.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Final

from .text import field_text
from .values import MovieValues

_DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that the other editor changed. ``mine`` is "" unless both did (``clash``)."""

    field: str
    theirs: str
    mine: str
    clash: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """The values for the form, and the differences to show."""

    values: MovieValues
    differences: tuple[Difference, ...]


def field_digests(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns a digest of each field; a form carries them to detect changes."""
    return {name: _digest(value) for name, value in values.items()}


def digests_text(values: Mapping[str, Any]) -> str:
    """Formats the digests of values for a form, as ``digests_of`` parses them."""
    return " ".join(f"{name}:{digest}" for name, digest in field_digests(values).items())


def digests_of(text: str) -> dict[str, str]:
    """Parses the digests of a form: ``name:digest name:digest``."""
    return dict(pair.partition(":")[::2] for pair in text.split())


def has_changed(digests: Mapping[str, str], field: str, now: MovieValues) -> bool:
    """Whether a field differs from the form's digest; True if the form has none for it."""
    return digests.get(field) != _digest(getattr(now, field))


def merge(
    digests: Mapping[str, str], mine: MovieValues, theirs: MovieValues, genres: Mapping[int, str]
) -> Merge:
    """Merges two edits of a movie, as `merge_fields` does."""
    taken, differences = merge_fields(
        digests, mine.by_field(), theirs.by_field(),
        lambda field: field_text(mine, field, genres),
        lambda field: field_text(theirs, field, genres),
    )  # fmt: skip
    return Merge(replace(mine, **taken), differences)


def merge_fields(
    digests: Mapping[str, str],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    my_text: Callable[[str], str],
    their_text: Callable[[str], str],
) -> tuple[dict[str, Any], tuple[Difference, ...]]:
    """Merges two edits; returns the values to take over, and the differences to show.

    A field without a digest counts as unchanged. The functions return the texts of a field.
    """
    my_digests, their_digests = field_digests(mine), field_digests(theirs)
    taken, differences = {}, []
    for field, value in theirs.items():
        base = digests.get(field, my_digests[field])
        if their_digests[field] in (base, my_digests[field]):
            continue
        clash = my_digests[field] != base
        if not clash:
            taken[field] = value
        text = my_text(field) if clash else ""
        differences.append(Difference(field, their_text(field), text, clash))
    return taken, tuple(differences)


def _digest(value: Any) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: str(each) for name, each in asdict(value).items()}
    return value
