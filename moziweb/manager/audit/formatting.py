"""Translates stored values of a movie's fields, for pages.

Stored texts contain the database's names (``2026-08-20 cinema, 2D, subtitled``), because readers of
both languages see them later. Those names are translated; dates, titles and notes stay.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.movies.models import PremiereKind
from moziweb.site.formatting import AUDIO_NAMES

RERELEASE: Final = "re-release"
CANCELLED: Final = "cancelled"
"""Names in the texts of ``movies.text`` and of the importers."""

_WORDS: Final[Mapping[str, TranslationString]] = {
    PremiereKind.CINEMA: _("cinema premiere"),
    PremiereKind.LIMITED: _("limited release"),
    PremiereKind.FESTIVAL: _("festival screening"),
    PremiereKind.STREAMING: _("streaming premiere"),
    **{audio.value: name for audio, name in AUDIO_NAMES.items()},
    RERELEASE: _("re-release"),
    CANCELLED: _("cancelled"),
}

_PREMIERE: Final = re.compile(
    r"(?P<date>[0-9]{4}(?:-[0-9]{2}){0,2}) (?P<where>[^,(]+?)(?P<again> re-release)?"
    r"(?P<formats> \([^)]*\))?(?P<rest>,.*)?"
)
_BETWEEN: Final = re.compile(r"(\n| \u00b7 )")
"""Separates two premieres: a line break in an edit, a middle dot in an import."""

Translate = Callable[[TranslationString], str]


def value_text(text: str, field: str, translate: Translate) -> str:
    """Returns a stored value of a field with its names translated."""
    if field != "premieres":
        return text
    return "".join(_premiere(part, translate) for part in _BETWEEN.split(text))


def _premiere(text: str, translate: Translate) -> str:
    found = _PREMIERE.fullmatch(text)
    if found is None:
        return text

    def word(name: Any) -> str:
        return translate(_WORDS[name]) if name in _WORDS else str(name)

    words = [f"{found['date']} {word(found['where'])}"]
    if found["again"]:
        words.append(word(RERELEASE))
    rest = (found["rest"] or "").removeprefix(", ")
    words += [word(each) for each in rest.split(", ") if each]
    return ", ".join(words) + (found["formats"] or "")
