"""Merges concurrent edits of a movie.

A form carries a digest of each field as it was loaded. So a save can tell which fields each editor
changed: fields that only the other editor changed are taken over, fields that only this one changed
stay, and fields that both changed are shown side by side. A save with differences stores nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .text import field_text
from .values import EDITED_FIELDS, MovieValues


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


def has_changed(digests: Mapping[str, str], field: str, now: MovieValues) -> bool:
    """Whether a field differs from the form's digest; True if the form has none for it."""
    return digests.get(field) != now.digests()[field]


def merge(
    digests: Mapping[str, str], mine: MovieValues, theirs: MovieValues, genres: Mapping[int, str]
) -> Merge:
    """Merges two edits; a field without a digest counts as unchanged."""
    my_digests, their_digests = mine.digests(), theirs.digests()
    merged, differences = mine, []
    for field in EDITED_FIELDS:
        base = digests.get(field, my_digests[field])
        if their_digests[field] in (base, my_digests[field]):
            continue
        clash = my_digests[field] != base
        if not clash:
            merged = replace(merged, **{field: getattr(theirs, field)})
        my_text = field_text(mine, field, genres) if clash else ""
        differences.append(Difference(field, field_text(theirs, field, genres), my_text, clash))
    return Merge(merged, tuple(differences))
