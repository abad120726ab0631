"""Forms in the words of the site: WTForms, whose messages are ours."""

from typing import Any, Final

from wtforms import Form
from wtforms.validators import Length, Optional, ValidationError

from moziweb.i18n import _

REQUIRED: Final = _("This is needed.")
TOO_LONG: Final = _("This is too long.")

NO_CHOICE: Final = _("None of the choices.")

_OF_WTFORMS: Final = {
    "This field is required.": REQUIRED,
    "Not a valid integer value.": _("A whole number, please."),
    "Not a valid date value.": _("A date, please: 2026-08-20."),
}


class Messages:
    """What WTForms asks for a form's messages: ours, which templates translate."""

    def gettext(self, text: str) -> str:
        """One of our texts, also in place of one that WTForms has of its own."""
        found: str = _OF_WTFORMS.get(text, text)
        return found

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Ours have no plurals."""
        return self.gettext(singular if n == 1 else plural)


class BaseForm(Form):
    """A form whose messages are texts of the site. ``csrf_token`` is Pyramid's matter."""

    class Meta:
        """WTForms' own protocol."""

        def get_translations(self, form: object) -> Messages:
            """Ours."""
            return Messages()


def max_length(characters: int) -> Length:
    """No more than the column takes."""
    return Length(max=characters, message=TOO_LONG)


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


def required(form: object, field: Any) -> None:
    """A validator: not empty."""
    if not field.data:
        raise ValidationError(REQUIRED)
