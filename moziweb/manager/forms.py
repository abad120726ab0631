"""Forms in the words of the site: WTForms, whose messages are ours."""

from collections.abc import Callable
from typing import Any, Final

from pyramid.i18n import TranslationString
from wtforms import Form
from wtforms.validators import Length, Optional, ValidationError

from moziweb.i18n import _
from moziweb.request import Request

REQUIRED: Final = _("This is needed.")

_OF_WTFORMS: Final = {
    "This field is required.": REQUIRED,
    "Not a valid integer value.": _("A whole number, please."),
    "Not a valid date value.": _("A date, please: 2026-08-20."),
    "Not a valid choice.": _("None of the choices."),
    "Not a valid choice": _("None of the choices."),
    "Invalid Choice: could not coerce.": _("None of the choices."),
}


class Words:
    """The translations of a form, as WTForms asks for them."""

    def __init__(self, translate: Callable[[TranslationString | str], str]) -> None:
        self._translate = translate

    def gettext(self, text: str) -> str:
        """One of our texts, or of those that WTForms has of its own."""
        return self._translate(_OF_WTFORMS.get(text, text))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Ours have no plurals."""
        return self._translate(singular if n == 1 else plural)


class OurForm(Form):
    """A form that speaks the language of the page. ``csrf_token`` is Pyramid's matter."""

    class Meta:
        """WTForms' own protocol."""

        words: Words

        def get_translations(self, form: object) -> Words:
            """The words of the request."""
            return self.words

    @classmethod
    def of(cls, request: Request, formdata: Any = None, **values: Any) -> Any:
        """The form of a request, over ``formdata`` (none: as ``values`` have it)."""
        return cls(formdata, meta={"words": Words(request.localizer.translate)}, **values)


def at_most(characters: int) -> Length:
    """No more than the column takes."""
    return Length(max=characters, message=_("This is too long."))


def optional() -> Optional:
    """May be left empty."""
    return Optional(strip_whitespace=True)


def trimmed(value: str | None) -> str:
    """A text without spaces around, and without what no text has: control characters."""
    kept = "".join(each for each in value or "" if each in "\n\t" or each.isprintable())
    return kept.strip()


def one_line(value: str | None) -> str:
    """``trimmed``, on one line with single spaces."""
    return " ".join(trimmed(value).split())


def needed(form: object, field: Any) -> None:
    """A validator: not empty."""
    if not field.data:
        raise ValidationError(REQUIRED)
