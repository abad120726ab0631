"""Kinds of fields that the film's form has: what is typed, and the value that it means."""

import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final

from babel import Locale
from wtforms import DateField, Field, IntegerField, StringField
from wtforms.validators import ValidationError

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import parse_day
from moziweb.movies.models import VideoSite

from ..web.forms import NO_CHOICE, TOO_LONG, one_line
from ..web.params import NO_ID

LONGEST_FORMAT: Final = 20

_SEPARATOR: Final = re.compile(r"[,;|\s]+")
_CODES: Final = Locale.parse("en")

# The addresses that people copy, from the two sites whose players the pages know.
_VIDEO_ADDRESSES: Final = (
    (VideoSite.YOUTUBE, r"https?://(?:www\.|m\.)?youtube\.com/watch\?(?:.*&)?v=({id})(?:&.*)?"),
    (VideoSite.YOUTUBE, r"https?://(?:www\.)?youtube\.com/(?:embed|shorts)/({id})(?:\?.*)?"),
    (VideoSite.YOUTUBE, r"https?://youtu\.be/({id})(?:\?.*)?"),
    (VideoSite.VIMEO, r"https?://(?:www\.|player\.)?vimeo\.com/(?:video/)?({id})(?:\?.*)?"),
)
_VIDEO_ID: Final = "[A-Za-z0-9_-]{1,40}"


class WordsField(StringField):
    """A few words with commas or spaces between; its data is a tuple of them, each once."""

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else ", ".join(self.data or ())

    def process_formdata(self, valuelist: Any) -> None:
        """``hu, us`` is ``("HU", "US")`` where ``spell`` writes capitals."""
        text = one_line(valuelist[0]) if valuelist else ""
        words = (self.spell(word) for word in _SEPARATOR.split(text) if word)
        self.data: Any = tuple(dict.fromkeys(words))

    def spell(self, word: str) -> str:
        """A word as it is kept."""
        return word


class CountriesField(WordsField):
    """ISO 3166-1 codes."""

    def spell(self, word: str) -> str:
        """In capitals."""
        return word.upper()

    def pre_validate(self, form: Any) -> None:
        """Each has a name in the CLDR."""
        known = _CODES.territories
        wrong = ", ".join(word for word in self.data if word not in known or len(word) != 2)
        if wrong:
            raise ValidationError(_("No country has this code: ${words}", mapping={"words": wrong}))


class LanguagesField(WordsField):
    """ISO 639 codes."""

    def spell(self, word: str) -> str:
        """In small letters."""
        return word.lower()

    def pre_validate(self, form: Any) -> None:
        """Each looks like one: some that films are made in have no name in the CLDR."""
        wrong = ", ".join(word for word in self.data if not re.fullmatch("[a-z]{2,3}", word))
        if wrong:
            raise ValidationError(
                _("No language has this code: ${words}", mapping={"words": wrong})
            )


class FormatsField(WordsField):
    """2D, 3D, IMAX and whatever comes next."""

    def pre_validate(self, form: Any) -> None:
        """Short ones."""
        if any(len(word) > LONGEST_FORMAT for word in self.data):
            raise ValidationError(TOO_LONG)


class DayField(DateField):
    """A day that the calendar has."""

    data: date | None

    def pre_validate(self, form: Any) -> None:
        """Inside the calendar."""
        if self.data is not None:
            try:
                parse_day(self.data.isoformat())
            except ValueError:
                raise ValidationError(_("The calendar does not reach that far.")) from None


class IdField(IntegerField):
    """An id of a row that the form was made with; whatever else is sent counts as none."""

    def process_formdata(self, valuelist: Any) -> None:
        """A number or None."""
        self.data: int | None = parse_id(valuelist[0]) if valuelist else None


class WordField(StringField):
    """One of a few words; ``choices`` are pairs of a word and its name, the first the default."""

    def __init__(self, label: Any, choices: Sequence[tuple[str, Any]], **options: Any) -> None:
        super().__init__(label, default=choices[0][0], **options)
        self.choices = choices

    def pre_validate(self, form: Any) -> None:
        """No other word."""
        if self.data not in {word for word, _name in self.choices}:
            raise ValidationError(NO_CHOICE)


class IdsField(Field):
    """Ids of rows that there are; its data is a list of them, each once."""

    choices: Collection[int] = ()

    def process_formdata(self, valuelist: Any) -> None:
        """A malformed id counts as one that no row has."""
        self.data: Any = list(dict.fromkeys(parse_id(text) or NO_ID for text in valuelist))

    def pre_validate(self, form: Any) -> None:
        """None but those."""
        if any(number not in self.choices for number in self.data or ()):
            raise ValidationError(NO_CHOICE)


def video_of(text: str, site: VideoSite) -> tuple[VideoSite, str] | None:
    """The site and id of a video, from its address or its id; None for any other text."""
    for known, pattern in _VIDEO_ADDRESSES:
        match = re.fullmatch(pattern.replace("{id}", _VIDEO_ID), text)
        if match:
            return known, match[1]
    return (site, text) if re.fullmatch(_VIDEO_ID, text) else None
