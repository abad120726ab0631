"""Formats values of the model in the language of the page: dates, countries, kinds, ratings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton
from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating

# British English writes the day before the month.
_BABEL_LOCALES: Final = {"hu": "hu_HU", "en": "en_GB"}

KIND_NAMES: Final = {
    PremiereKind.CINEMA: _("Cinema"),
    PremiereKind.LIMITED: _("Limited release"),
    PremiereKind.FESTIVAL: _("Festival"),
    PremiereKind.STREAMING: _("Streaming"),
}
AUDIO_NAMES: Final = {
    Audio.DUBBED: _("dubbed"),
    Audio.SUBTITLED: _("subtitled"),
    Audio.BOTH: _("dubbed and subtitled"),
    Audio.ORIGINAL: _("original language"),
}
_RATINGS: Final = {
    Rating.KN: _("Suitable for all ages"),
    Rating.AGE_6: _("Not recommended under 6"),
    Rating.AGE_12: _("Not recommended under 12"),
    Rating.AGE_16: _("Not recommended under 16"),
    Rating.AGE_18: _("Not recommended under 18"),
    Rating.X: _("Adults only"),
}
_UNRATED: Final = _("Age rating pending")

# Languages of movies that have no name in the CLDR, which is Babel's source.
_OTHER_LANGUAGES: Final = {"art": _("constructed language"), "tts": _("Isan")}


@cache
def babel_locale(locale: str) -> Locale:
    """Babel's data for one of the site's two languages."""
    return Locale.parse(_BABEL_LOCALES[locale])


@dataclass(frozen=True, slots=True)
class Formatter:
    """Formats values and translates texts for pages in ``locale`` (``hu`` or ``en``)."""

    locale: str
    translate: Callable[[TranslationString], str]

    def date_text(self, day: date, precision: DatePrecision = DatePrecision.DAY) -> str:
        """A date in its precision: ``2026. augusztus 20.``, ``2026. augusztus`` or ``2026``."""
        if precision is DatePrecision.DAY:
            return format_date(day, "long", locale=babel_locale(self.locale))
        if precision is DatePrecision.MONTH:
            return format_skeleton("yMMMM", day, locale=babel_locale(self.locale))
        return str(day.year)

    def weekday_text(self, day: date) -> str:
        """The name of the day of the week: ``csütörtök``."""
        return format_date(day, "EEEE", locale=babel_locale(self.locale))

    def date_range(self, start: date, end: date) -> str:
        """A range of days, both ends included: ``2026. aug. 20–26.``."""
        return format_interval(start, end, "yMMMd", locale=babel_locale(self.locale))

    def country_name(self, code: str) -> str:
        """The name of an ISO 3166-1 country, or the code if the country has no name."""
        name: str = babel_locale(self.locale).territories.get(code, code)
        return name

    def language_name(self, code: str) -> str:
        """The name of an ISO 639 language, or the code if the language has no name."""
        if code in _OTHER_LANGUAGES:
            return self.translate(_OTHER_LANGUAGES[code])
        name: str = babel_locale(self.locale).languages.get(code, code)
        return name

    def kind_text(self, kind: PremiereKind) -> str:
        """The name of the kind of release."""
        return self.translate(KIND_NAMES[kind])

    def audio_text(self, audio: Audio | None) -> str:
        """The language versions, or "" if unknown."""
        return self.translate(AUDIO_NAMES[audio]) if audio else ""

    def rating_text(self, rating: Rating | None) -> str:
        """The age rating in words."""
        return self.translate(_RATINGS[rating] if rating else _UNRATED)

    def runtime_text(self, minutes: int | None) -> str:
        """The runtime: ``110 perc``, or "" if unknown."""
        if not minutes:
            return ""
        return self.translate(_("${minutes} min", mapping={"minutes": minutes}))

    def choose(self, hungarian: str, english: str) -> str:
        """The name that is in the language of the page."""
        return hungarian if self.locale == "hu" else english


def iso_runtime(minutes: int | None) -> str:
    """An ISO 8601 duration: ``PT1H50M``, or "" if unknown."""
    if not minutes:
        return ""
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest else "")


def truncate(text: str, length: int) -> str:
    """``text`` on one line, cut between words to ``length`` characters with an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    head = line[:length].rpartition(" ")[0] or line[: length - 1]
    return head.rstrip(" ,.;:–-") + "…"
