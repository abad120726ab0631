"""Field types of the movie's form."""

import re
from collections.abc import Callable, Collection, Sequence
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

# URLs as people copy them, from the two sites whose players the pages embed.
_VIDEO_URLS: Final = (
    (VideoSite.YOUTUBE, r"https?://(?:www\.|m\.)?youtube\.com/watch\?(?:.*&)?v=({id})(?:&.*)?"),
    (VideoSite.YOUTUBE, r"https?://(?:www\.)?youtube\.com/(?:embed|shorts)/({id})(?:\?.*)?"),
    (VideoSite.YOUTUBE, r"https?://youtu\.be/({id})(?:\?.*)?"),
    (VideoSite.VIMEO, r"https?://(?:www\.|player\.)?vimeo\.com/(?:video/)?({id})(?:\?.*)?"),
)
_VIDEO_ID: Final = "[A-Za-z0-9_-]{1,40}"


class WordsField(StringField):
    """Words separated by commas or spaces; the data is a tuple without duplicates.

    ``spell`` returns a word as it is stored.
    """

    spell: Callable[[str], str] = staticmethod(str)

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else ", ".join(self.data or ())

    def process_formdata(self, valuelist: Any) -> None:
        """Parses the words."""
        text = one_line(valuelist[0]) if valuelist else ""
        words = (self.spell(word) for word in _SEPARATOR.split(text) if word)
        self.data: Any = tuple(dict.fromkeys(words))


class CountriesField(WordsField):
    """ISO 3166-1 codes, in capitals."""

    spell = staticmethod(str.upper)

    def pre_validate(self, form: Any) -> None:
        """Each code needs a name in the CLDR."""
        known = _CODES.territories
        wrong = ", ".join(word for word in self.data if word not in known or len(word) != 2)
        if wrong:
            raise ValidationError(_("No country has this code: ${words}", mapping={"words": wrong}))


class LanguagesField(WordsField):
    """ISO 639 codes, in lower case."""

    spell = staticmethod(str.lower)

    def pre_validate(self, form: Any) -> None:
        """Checks the form only: the CLDR lacks names of some languages that movies are made in."""
        wrong = ", ".join(word for word in self.data if not re.fullmatch("[a-z]{2,3}", word))
        if wrong:
            names = {"words": wrong}
            raise ValidationError(_("No language has this code: ${words}", mapping=names))


class FormatsField(WordsField):
    """Formats such as 2D, 3D and IMAX."""

    def pre_validate(self, form: Any) -> None:
        """Limits the length."""
        if any(len(word) > LONGEST_FORMAT for word in self.data):
            raise ValidationError(TOO_LONG)


class DayField(DateField):
    """A day within the calendar's range."""

    data: date | None

    def pre_validate(self, form: Any) -> None:
        """Rejects a day outside the calendar."""
        if self.data is not None:
            try:
                parse_day(self.data.isoformat())
            except ValueError:
                raise ValidationError(_("The calendar does not reach that far.")) from None


class IdField(IntegerField):
    """The id of a row of the form, None if it is missing or malformed."""

    def process_formdata(self, valuelist: Any) -> None:
        """Parses the id."""
        self.data: int | None = parse_id(valuelist[0]) if valuelist else None


class WordField(StringField):
    """One of a few words; ``choices`` are pairs of word and name, the first is the default."""

    def __init__(self, label: Any, choices: Sequence[tuple[str, Any]], **options: Any) -> None:
        super().__init__(label, default=choices[0][0], **options)
        self.choices = choices

    def pre_validate(self, form: Any) -> None:
        """Rejects other words."""
        if self.data not in {word for word, _name in self.choices}:
            raise ValidationError(NO_CHOICE)


class IdsField(Field):
    """Ids among ``choices``; the data is a list without duplicates."""

    choices: Collection[int] = ()

    def process_formdata(self, valuelist: Any) -> None:
        """Parses the ids; a malformed one counts as an id that no row has."""
        self.data: Any = list(dict.fromkeys(parse_id(text) or NO_ID for text in valuelist))

    def pre_validate(self, form: Any) -> None:
        """Rejects other ids."""
        if any(number not in self.choices for number in self.data or ()):
            raise ValidationError(NO_CHOICE)


def video_of(text: str, site: VideoSite) -> tuple[VideoSite, str] | None:
    """Returns the site and id of a video by its URL or id; None for any other text."""
    for known, pattern in _VIDEO_URLS:
        match = re.fullmatch(pattern.replace("{id}", _VIDEO_ID), text)
        if match:
            return known, match[1]
    return (site, text) if re.fullmatch(_VIDEO_ID, text) else None
