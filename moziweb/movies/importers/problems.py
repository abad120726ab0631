"""Problems of imports and their translatable texts.

Texts are message ids with their values, so that the command shows them in English and the manager
in the language of its page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyramid.i18n import TranslationString

from moziweb.i18n import DOMAIN, _


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. ``place`` is the row or the movie, ``column`` the field or "".

    ``text`` may contain ``${name}``; ``names`` has the values. If ``fatal``, nothing of the row is
    imported; otherwise only this field is skipped.
    """

    place: str
    column: str
    text: str
    fatal: bool = False
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def about(cls, place: str, column: str, text: str, *, fatal: bool = False) -> "Problem":
        """Return a problem with a translatable or a plain text."""
        return cls(place, column, str(text), fatal, names_of(text))

    @property
    def translatable(self) -> TranslationString:
        """The text, for a localizer."""
        return TranslationString(self.text, domain=DOMAIN, mapping=dict(self.names))

    @property
    def english(self) -> str:
        """The text in English."""
        return english(self.translatable)

    def __str__(self) -> str:
        where = f"{self.place}, {self.column}" if self.column else self.place
        end = " (nothing of it is imported)" if self.fatal else ""
        return f"{where}: {self.english}{end}"


class _ImportError(Exception):
    """``text`` may be translatable; ``names`` are the values of its placeholders."""

    def __init__(self, text: str, **names: object) -> None:
        self.text = _(text, mapping=names) if names else text
        super().__init__(english(self.text))


class InvalidValue(_ImportError, ValueError):
    """An invalid value; ``text`` is the reason, as shown after "row 12, runtime:"."""


class ImportRefused(_ImportError):
    """Nothing can be imported from the source; the text is one line for the operator."""


def text_of(error: Exception) -> str:
    """Return the text of an error, translatable if the error has one."""
    text: str = getattr(error, "text", None) or str(error)
    return text


def english(text: str) -> str:
    """Return the text in English, with its values."""
    return text.interpolate() if isinstance(text, TranslationString) else text


def names_of(text: Any) -> dict[str, str]:
    """Return the values of a translatable text by name; none for a plain text."""
    mapping = text.mapping if isinstance(text, TranslationString) else None
    return {name: str(value) for name, value in (mapping or {}).items()}
