"""Parses the forms of posters, and explains what is wrong with a picture."""

from typing import Any, Final, TypeAlias

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.posters.generation.error_codes import SourceError, meaning_of, storage_code
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.recipes import Point
from moziweb.settings.schema import integer
from moziweb.storage import StorageError

from ..web.forms import UserError
from ..web.params import text_param

_WHOLE_NUMBER: Final = integer(0, 99_999)

PICTURE_ERRORS: Final = (ImageRejected, SourceError, StorageError)
"""Errors of reading a picture."""

PictureError: TypeAlias = ImageRejected | SourceError | StorageError


def explained(error: PictureError, most_bytes: int) -> UserError:
    """Returns the explanation of a picture error; ``most_bytes`` is the size limit of files."""
    code = storage_code(error) if isinstance(error, StorageError) else str(error.code)
    meaning = meaning_of(code)
    if code == RejectCode.TOO_MANY_BYTES:
        return UserError(meaning.wrong, size_limit(most_bytes), meaning.remedy)
    return UserError(meaning.wrong, meaning.remedy)


def size_limit(most_bytes: int) -> TranslationString:
    """Returns the text of the size limit."""
    return _("At most ${most} MB.", mapping={"most": most_bytes // 1_000_000})


def focal_of(fields: Any) -> Point:
    """Returns the clicked point or the typed percentages. Raises ``UserError``.

    Pressing the picture with a key sends 0, 0, which is no point.
    """
    if "spot.x" in fields:
        x, y, width, height = (_number(fields, each) for each in ("spot.x", "spot.y", "w", "h"))
        if not ((x or y) and width and height):
            raise UserError(_("Click the picture, or type two numbers."))
        return _within(x / width, y / height)
    return _within(_number(fields, "x") / 100, _number(fields, "y") / 100)


def _number(fields: Any, name: str) -> int:
    try:
        value: int = _WHOLE_NUMBER.parse(text_param(fields, name))
    except ValueError:
        raise UserError(_("The focal point is two whole numbers from 0 to 100.")) from None
    return value


def _within(x: float, y: float) -> Point:
    if x > 1 or y > 1:
        raise UserError(_("The focal point is two whole numbers from 0 to 100."))
    return round(x, 3), round(y, 3)
