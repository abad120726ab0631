"""Base of the manager's forms: WTForms with the site's messages."""

from typing import Any, Final

from pyramid.i18n import TranslationString
from webob.multidict import MultiDict
from wtforms import Form, StringField
from wtforms.meta import DefaultMeta
from wtforms.validators import Length, ValidationError

from moziweb.i18n import _
from moziweb.movies.text_folding import nfc

REQUIRED: Final = _("This is needed.")
TOO_LONG: Final = _("This is too long.")

NO_CHOICE: Final = _("None of the choices.")

_OF_WTFORMS: Final = {
    "This field is required.": REQUIRED,
    "Not a valid integer value.": _("A whole number, please."),
    "Not a valid date value.": _("A date, please: 2026-08-20."),
}


class Messages:
    """The translations object that WTForms asks for; templates translate its messages."""

    def gettext(self, text: str) -> str:
        """Returns our message for one of WTForms."""
        found: str = _OF_WTFORMS.get(text, text)
        return found

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The same; our messages have no plurals."""
        return self.gettext(singular if n == 1 else plural)


class UserError(Exception):
    """A request that cannot be done; ``texts`` say why and what to do, to be translated."""

    def __init__(self, *texts: TranslationString) -> None:
        super().__init__(*texts)
        self.texts = texts


class BaseForm(Form):
    """A form with the site's messages. Pyramid checks ``csrf_token``."""

    class Meta:
        """WTForms' own protocol."""

        def get_translations(self, form: object) -> Messages:
            """Returns our messages."""
            return Messages()

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Leaves out files, which signed-in users may send in any field."""
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            texts = [each for each in formdata.items() if isinstance(each[1], str)]
            return DefaultMeta().wrap_formdata(form, MultiDict(texts))


def max_length(characters: int) -> Length:
    """Validator: at most as many characters as the column has."""
    return Length(max=characters, message=TOO_LONG)


def line_field(label: str, characters: int, *validators: Any) -> StringField:
    """A field of one line, no longer than its column."""
    checks = [*validators, max_length(characters)]
    return StringField(label, filters=[one_line], validators=checks)


def trimmed(value: str | None) -> str:
    """Strips a text, removes control characters, and returns it in NFC."""
    kept = "".join(each for each in value or "" if each in "\n\t" or each.isprintable())
    return nfc(kept.strip())


def one_line(value: str | None) -> str:
    """``trimmed``, with whitespace collapsed to single spaces."""
    return " ".join(trimmed(value).split())


def required(form: object, field: Any) -> None:
    """Validator: not empty."""
    if not field.data:
        raise ValidationError(REQUIRED)
