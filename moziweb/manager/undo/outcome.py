"""What taking a change back returns, or raises if later changes have touched the same fields."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _

from ..audit.models import AuditEntry

DELETED: Final = _("It is deleted.")
TOUCHED: Final = _("Later changes have touched the same fields.")


@dataclass(frozen=True, slots=True)
class TouchedField:
    """A field that a later change has touched, as texts."""

    field: str
    before: str
    after: str
    now: str


class UndoRefused(Exception):
    """A change cannot be taken back: ``text`` says why, ``differences`` are the touched fields."""

    def __init__(self, text: TranslationString, differences: Collection[TouchedField] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.differences = tuple(differences)


@dataclass(frozen=True, slots=True)
class Undone:
    """The audit entry of the reversal, and the slugs of the movies whose pages it changes."""

    entry: AuditEntry
    movies: Mapping[int, str]


def recorded_texts(entry: AuditEntry, name: str) -> tuple[str, str]:
    """Returns the texts of a field of an entry, before and after."""
    found = (each for each in entry.changes if each["field"] == name)
    change = next(found, {"before": "", "after": ""})
    return change["before"], change["after"]
