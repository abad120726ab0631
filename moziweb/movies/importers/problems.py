"""What is wrong with something that was to be imported, in words for the one who imports it.

Words are texts of the catalogues with what they speak of beside them, so that the command says them
in English and the manager in the language of its page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyramid.i18n import TranslationString

from moziweb.i18n import DOMAIN, _


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``place`` is the row or the film, ``column`` the field or "".

    ``text`` may hold ``${name}``, which ``names`` has. ``fatal`` says that nothing of it is
    imported; otherwise only that field is left alone.
    """

    place: str
    column: str
    text: str
    fatal: bool = False
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def about(cls, place: str, column: str, text: str, *, fatal: bool = False) -> "Problem":
        """A problem of a text of the catalogues, or of somebody else's words."""
        return cls(place, column, str(text), fatal, names_of(text))

    @property
    def translatable(self) -> TranslationString:
        """The text, for a localizer."""
        return TranslationString(self.text, domain=DOMAIN, mapping=dict(self.names))

    @property
    def english(self) -> str:
        """The text as the command says it."""
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
    """A value that cannot be taken; ``text`` says why, after "row 12, runtime:"."""


class ImportRefused(_ImportError):
    """Nothing at all can be imported of what was given; its text is one line for the operator."""


def text_of(error: Exception) -> str:
    """What an error says, translatable where it is one of ours."""
    text: str = getattr(error, "text", None) or str(error)
    return text


def english(text: str) -> str:
    """The text as it stands in the code."""
    return text.interpolate() if isinstance(text, TranslationString) else text


def names_of(text: Any) -> dict[str, str]:
    """What a text speaks of, by the names that it holds; nothing for plain words."""
    mapping = text.mapping if isinstance(text, TranslationString) else None
    return {name: str(value) for name, value in (mapping or {}).items()}
