"""What the forms of a film's posters say: files, focal points, sources. All of it is anybody's."""

import re
from typing import Any, Final, TypeAlias

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.posters.generation.error_codes import meaning_of
from moziweb.posters.generation.readers import SourceError, storage_code
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.recipes import Point
from moziweb.storage import StorageError

_NUMBER: Final = re.compile(r"[0-9]{1,5}")

UNFIT: Final = (ImageRejected, SourceError, StorageError)
"""Why a picture cannot be had."""

InvalidPoint: TypeAlias = ImageRejected | SourceError | StorageError


class Unacceptable(Exception):
    """What was sent cannot be done; the texts say why and what to do, to be translated."""

    def __init__(self, *texts: TranslationString) -> None:
        super().__init__(*texts)
        self.texts = texts


def in_words(error: InvalidPoint, most_bytes: int) -> Unacceptable:
    """One of ``UNFIT`` in plain words; ``most_bytes`` is what a file may have."""
    code = storage_code(error) if isinstance(error, StorageError) else str(error.code)
    meaning = meaning_of(code)
    if code == RejectCode.TOO_MANY_BYTES:
        return Unacceptable(meaning.wrong, size_limit(most_bytes), meaning.remedy)
    return Unacceptable(meaning.wrong, meaning.remedy)


def size_limit(most_bytes: int) -> TranslationString:
    """How large a file may be."""
    return _("At most ${most} MB.", mapping={"most": most_bytes // 1_000_000})


def focal_of(fields: Any) -> Point | None:
    """Where a picture was clicked, or the percentages typed; None where neither says a place.

    A browser whose user presses the picture by a key sends 0, 0: that is no place either.
    """
    if "spot.x" in fields:
        x, y, width, height = (_number(fields, each) for each in ("spot.x", "spot.y", "w", "h"))
        return _within(x / width, y / height) if (x or y) and width and height else None
    return _within(_number(fields, "x") / 100, _number(fields, "y") / 100)


def _number(fields: Any, name: str) -> int:
    text = str(fields.get(name, "")).strip()
    if not _NUMBER.fullmatch(text):
        raise Unacceptable(_("The focal point is two whole numbers from 0 to 100."))
    return int(text)


def _within(x: float, y: float) -> Point:
    if x > 1 or y > 1:
        raise Unacceptable(_("The focal point is two whole numbers from 0 to 100."))
    return round(x, 3), round(y, 3)
