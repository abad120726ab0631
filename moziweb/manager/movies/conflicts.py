"""Two editors, one film: what the first has saved while the second was typing.

A form carries a digest of each field as it was made. Against it, it can be told who changed what:
what only they changed is taken over, what only I changed stays, and what both of us changed is
shown side by side. Nothing is saved meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .text import field_text
from .values import FIELDS, MovieValues


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that they have changed. ``mine`` is "" unless I have changed it too (``clash``)."""

    field: str
    theirs: str
    mine: str
    clash: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """What goes on in the form, and what there is to see."""

    sheet: MovieValues
    differences: tuple[Difference, ...]


def is_touched(digests: Mapping[str, str], field: str, now: MovieValues) -> bool:
    """Whether a field is no longer what a form was made of; so it is for one without its digest."""
    return digests.get(field) != now.digests()[field]


def merge(
    digests: Mapping[str, str], mine: MovieValues, theirs: MovieValues, genres: Mapping[int, str]
) -> Merge:
    """``digests`` are of the film as my form was made; a field without one counts as untouched."""
    my_digests, their_digests = mine.digests(), theirs.digests()
    merged, differences = mine, []
    for field in FIELDS:
        base = digests.get(field, my_digests[field])
        if their_digests[field] in (base, my_digests[field]):
            continue
        clash = my_digests[field] != base
        if not clash:
            merged = replace(merged, **{field: getattr(theirs, field)})
        differences.append(
            Difference(
                field,
                field_text(theirs, field, genres),
                field_text(mine, field, genres) if clash else "",
                clash,
            )
        )
    return Merge(merged, tuple(differences))
