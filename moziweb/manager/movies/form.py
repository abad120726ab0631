"""The form of a movie, and its conversion from and to ``MovieValues``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    StringField,
    TextAreaField,
)
from wtforms.validators import NumberRange, Optional, Regexp, ValidationError

from moziweb.db.types import MAX_ID
from moziweb.i18n import _
from moziweb.movies.models import Audio, DatePrecision, PremiereKind, Rating, VideoSite
from moziweb.movies.movie_rows import is_narrowed
from moziweb.site.formatting import AUDIO_NAMES, KIND_NAMES

from ..web.forms import REQUIRED, BaseForm, line_field, max_length, one_line, required, trimmed
from .form_fields import (
    CountriesField,
    DayField,
    FormatsField,
    IdField,
    IdsField,
    LanguagesField,
    WordField,
    video_of,
)
from .queries import FormChoices
from .values import MovieValues, PersonLine, PremiereLine, TrailerLine

MAX_FORM_ROWS: Final = 80
"""Rows of a list that are read; more than any movie has."""

BLANK_ROWS: Final = {"directors": 1, "cast": 2, "premieres": 1, "trailers": 1}
"""Empty rows below each list, so that rows can be added without a script."""

MORE_ROWS: Final = 4
"""Rows that the button for more adds."""

PREMIERE_KIND_CHOICES: Final = tuple(KIND_NAMES.items())
PRECISIONS: Final = (
    (DatePrecision.DAY.value, _("day")),
    (DatePrecision.MONTH.value, _("month only")),
    (DatePrecision.YEAR.value, _("year only")),
)
AUDIOS: Final = (("", _("unknown")), *AUDIO_NAMES.items())
NOT_STREAMED: Final = _("Only a streaming premiere has a service.")
RATINGS: Final = (("", _("pending")), *((rating.value, rating.value) for rating in Rating))
SITES: Final = tuple((site.value, site.value) for site in VideoSite)


class PersonForm(BaseForm):
    """A credit; an empty row is ignored. ``place`` orders the rows."""

    person_id = IdField()
    place = IntegerField(_("Order"), validators=[Optional(), NumberRange(0, 999)])
    name = line_field(_("Name"), 200)
    character = line_field(_("Role played"), 200)

    def validate_name(self, field: Any) -> None:
        """Requires a name for a role; a credit whose name is cleared is deleted."""
        if self.character.data and not field.data and not self.person_id.data:
            raise ValidationError(_("Who plays it?"))


class PremiereForm(BaseForm):
    """A premiere; an empty row is ignored."""

    id = IdField()
    date = DayField(_("Date"), validators=[Optional()])
    precision = WordField(_("Known to the"), choices=PRECISIONS)
    kind = WordField(_("Kind"), choices=PREMIERE_KIND_CHOICES)
    service = line_field(_("Streaming service"), 60)
    formats = FormatsField(_("Formats"))
    audio = WordField(_("Language version"), choices=AUDIOS)
    rerelease = BooleanField(_("Re-release"))
    cancelled = BooleanField(_("Cancelled"))
    note = line_field(_("Note"), 300)
    reason = line_field(_("Why it moves"), 300)
    is_typo = BooleanField(_("It was mistyped: do not show it as moved"))
    remove = BooleanField(_("Delete"))

    def validate(self, extra_validators: Any = None) -> bool:
        """Also requires a date in a row that is not empty."""
        valid: bool = super().validate(extra_validators)
        filled = (self.id, self.service, self.formats, self.audio, self.note, self.rerelease,
                  self.cancelled)  # fmt: skip
        is_complete = self.date.data or self.date.errors or self.remove.data
        if is_complete or not any(field.data for field in filled):
            return valid
        self.date.errors = [_("When? To delete the row, tick Delete.")]
        return False

    def validate_service(self, field: Any) -> None:
        """Requires a service for a streaming premiere."""
        streaming = self.kind.data == PremiereKind.STREAMING.value
        if streaming and self.date.data and not field.data:
            raise ValidationError(_("Which service shows it?"))


class TrailerForm(BaseForm):
    """A trailer; an empty row is ignored."""

    id = IdField()
    video = StringField(_("Address or id of the video"), filters=[one_line])
    site = WordField(_("Where it is"), choices=SITES)
    name = line_field(_("Name"), 200)
    language = line_field(_("Language"), 5)

    def validate_video(self, field: Any) -> None:
        """Requires a video of a known site, also in a row with a name or a new language only."""
        is_filled = self.name.data or (self.language.data and not self.id.data)
        if is_filled and not field.data:
            raise ValidationError(
                _("Which video? To delete the row, clear the name and the language, too.")
            )
        if field.data and self.found() is None:
            raise ValidationError(_("Neither an address of YouTube or Vimeo nor an id."))

    def found(self) -> tuple[VideoSite, str] | None:
        """Returns the site and the id of the video, None if it is not recognised."""
        try:
            return video_of(self.video.data or "", VideoSite(self.site.data or ""))
        except ValueError:
            return None


class MovieForm(BaseForm):
    """All fields of a movie. ``version`` and ``digests`` are of the movie as it was loaded."""

    version = IdField()
    digests = HiddenField()
    title = line_field(_("Title"), 300, required)
    original_title = line_field(_("Original title"), 300)
    synopsis = TextAreaField(_("Synopsis"), filters=[trimmed], validators=[max_length(20_000)])
    synopsis_en = TextAreaField(
        _("Synopsis in English"), filters=[trimmed], validators=[max_length(20_000)]
    )
    runtime = IntegerField(
        _("Running time (minutes)"),
        validators=[Optional(), NumberRange(1, 1500, _("Between 1 and 1500 minutes."))],
    )
    rating = WordField(_("Age rating"), choices=RATINGS)
    genres = IdsField(_("Genres"))
    countries = CountriesField(_("Countries"))
    languages = LanguagesField(_("Languages"))
    distributor = line_field(_("Distributor"), 120)
    directors = FieldList(FormField(PersonForm), _("Directed by"), max_entries=MAX_FORM_ROWS)
    cast = FieldList(FormField(PersonForm), _("Starring"), max_entries=MAX_FORM_ROWS)
    premieres = FieldList(FormField(PremiereForm), _("Premieres"), max_entries=MAX_FORM_ROWS)
    trailers = FieldList(FormField(TrailerForm), _("Trailers"), max_entries=MAX_FORM_ROWS)
    imdb_id = StringField(
        _("IMDb id"),
        filters=[one_line],
        validators=[Optional(), Regexp(r"^tt[0-9]{1,10}\Z", message=_("It looks like tt0133093."))],
    )
    tmdb_id = IntegerField(
        _("TMDB id"), validators=[Optional(), NumberRange(1, MAX_ID, _("A whole number, please."))]
    )

    @classmethod
    def of(cls, values: MovieValues) -> "MovieForm":
        """Returns a form that shows ``values``."""
        form = cls(obj=values)
        for people in (form.directors, form.cast):
            for place, row in enumerate(people, start=1):
                row.form.place.data = place
        for trailer, line in zip(form.trailers, values.trailers, strict=True):
            trailer.form.video.data = line.video_id
        return form

    def set_genre_choices(self, choices: FormChoices) -> None:
        """Sets the valid genres; call it before validating."""
        self.genres.choices = choices.genres.keys()

    def add_blank_rows(self, more: int = 0) -> None:
        """Appends empty rows to each list."""
        for name, count in BLANK_ROWS.items():
            rows: Any = self[name]
            for _row in range(min(count + more, MAX_FORM_ROWS - len(rows.entries))):
                rows.append_entry()


@dataclass(frozen=True, slots=True)
class Mistake:
    """A field with errors: the id of its control, its label, and its row in a list (0: none)."""

    id: str
    label: str
    errors: tuple[str, ...]
    row: int = 0


def mistakes_of(form: MovieForm) -> tuple[Mistake, ...]:
    """Returns the fields of a form that have errors, in their order."""
    return tuple(_mistakes(form))


def _mistakes(form: Any, row: int = 0) -> Iterator[Mistake]:
    for field in form:
        if isinstance(field, FieldList):
            for number, entry in enumerate(field, start=1):
                yield from _mistakes(entry.form, number)
        elif field.errors:
            yield Mistake(field.id, field.label.text, tuple(field.errors), row)


@dataclass(frozen=True, slots=True)
class DateChanges:
    """Reasons of changed premiere dates by premiere id, and dates that only correct a typo."""

    reasons: dict[int, str]
    typos: frozenset[int]


def chosen_people(form: MovieForm) -> set[int]:
    """Returns the ids of people in a form."""
    rows: list[Any] = [row.form for people in (form.directors, form.cast) for row in people]
    return {row.person_id.data for row in rows if row.person_id.data and row.name.data}


def values_from(
    form: MovieForm, before: MovieValues, people: Mapping[int, str] | None = None
) -> MovieValues:
    """Returns the values of a valid form. Row ids count only if ``before`` has them.

    ``people`` are the names of other people whose ids are in the form: suggestions were chosen.
    """
    known = dict(people or {})
    title = _unless_respaced(form.title.data or "", before.title)
    return MovieValues(
        title=title,
        original_title=_unless_respaced(form.original_title.data or title, before.original_title),
        synopsis=_unless_respaced(_newlines(form.synopsis.data), before.synopsis),
        synopsis_en=_unless_respaced(_newlines(form.synopsis_en.data), before.synopsis_en),
        runtime=form.runtime.data,
        rating=Rating(form.rating.data) if form.rating.data else None,
        genres=_in_order(form.genres.data or (), before.genres),
        countries=form.countries.data or (),
        languages=form.languages.data or (),
        distributor=_unless_respaced(form.distributor.data or "", before.distributor),
        directors=_people(form.directors, before.directors, known),
        cast=_people(form.cast, before.cast, known),
        premieres=_premieres(form, before),
        trailers=_trailers(form, before),
        imdb_id=form.imdb_id.data or None,
        tmdb_id=form.tmdb_id.data,
    )


def date_changes_of(form: MovieForm) -> DateChanges:
    """Returns what the form says about changed premiere dates."""
    rows: list[Any] = [row.form for row in form.premieres if row.form.id.data]
    return DateChanges(
        {row.id.data: row.reason.data or "" for row in rows},
        frozenset(row.id.data for row in rows if row.is_typo.data),
    )


def check_date_changes(form: MovieForm, before: MovieValues) -> bool:
    """Whether each changed date has a reason; adds an error to the rows without one."""
    dates = {each.id: (each.date, each.precision) for each in before.premieres}
    complete = True
    for row in form.premieres:
        fields = row.form
        old = dates.get(fields.id.data) if fields.id.data else None
        moved = old is not None and _is_moved(fields, *old)
        if moved and not (fields.reason.data or fields.is_typo.data):
            fields.reason.errors = [*fields.reason.errors, REQUIRED]
            complete = False
    return complete


def check_services(form: MovieForm, before: MovieValues) -> bool:
    """Whether only streaming premieres have a typed service; adds an error to the other rows.

    A premiere that was a streaming one may keep its service's name in the form: it is cleared.
    """
    saved = {each.id: each.service for each in before.premieres}
    valid = True
    for row in form.premieres:
        fields = row.form
        is_written = fields.date.data and not fields.remove.data
        typed = fields.service.data and fields.service.data != saved.get(fields.id.data)
        if is_written and typed and fields.kind.data != PremiereKind.STREAMING.value:
            fields.service.errors = [*fields.service.errors, NOT_STREAMED]
            valid = False
    return valid


def _is_moved(row: Any, old: date, old_precision: DatePrecision) -> bool:
    """Whether a row has another date; a day within the month that it had is none."""
    known = {each.value for each in DatePrecision}
    if row.remove.data or not row.date.data or row.precision.data not in known:
        return False
    new, precision = _day(row), DatePrecision(row.precision.data)
    is_same = (old, old_precision) == (new, precision)
    return not (is_same or is_narrowed(old, old_precision, new, precision))


def _unless_respaced(typed: str, before: str) -> str:
    """Returns ``before`` if ``typed`` differs from it only in whitespace."""
    return before if typed.split() == before.split() else typed


def _newlines(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").replace("\r", "\n")


def _in_order(chosen: Iterable[int], before: tuple[int, ...]) -> tuple[int, ...]:
    """The previous ids in their order, then the new ones."""
    wanted = set(chosen)
    return (*(each for each in before if each in wanted), *sorted(wanted - set(before)))


def _people(
    rows: Any, before: tuple[PersonLine, ...], known: Mapping[int, str]
) -> tuple[PersonLine, ...]:
    names: dict[int | None, str] = {each.person_id: each.name for each in before}
    for person_id, name in known.items():
        names.setdefault(person_id, name)
    filled = [(index, row.form) for index, row in enumerate(rows) if row.form.name.data]
    filled.sort(key=lambda each: (each[1].place.data or MAX_FORM_ROWS + each[0], each[0]))
    return tuple(_person(form, names) for _index, form in filled)


def _person(form: Any, names: Mapping[int | None, str]) -> PersonLine:
    """A changed name is another person; an id that no person has is ignored."""
    person_id, typed, character = form.person_id.data, form.name.data, form.character.data or ""
    name = names.get(person_id)
    if name is None or name.split() != typed.split():
        return PersonLine(typed, character)
    return PersonLine(name, character, person_id)


def _premieres(form: MovieForm, before: MovieValues) -> tuple[PremiereLine, ...]:
    """Premieres in the order in which rows are loaded, new ones after old ones of the same day."""
    known = {each.id for each in before.premieres}
    forms: list[Any] = [row.form for row in form.premieres]
    rows = [row for row in forms if row.date.data and not row.remove.data]
    premieres = [
        PremiereLine(
            date=_day(row),
            kind=PremiereKind(row.kind.data),
            precision=DatePrecision(row.precision.data),
            service=row.service.data if row.kind.data == PremiereKind.STREAMING.value else "",
            formats=row.formats.data or (),
            audio=Audio(row.audio.data) if row.audio.data else None,
            rerelease=row.rerelease.data,
            note=row.note.data or "",
            cancelled=row.cancelled.data,
            id=row.id.data if row.id.data in known else None,
        )
        for row in rows
    ]
    return tuple(sorted(premieres, key=lambda line: (line.date, line.id or MAX_ID)))


def _trailers(form: MovieForm, before: MovieValues) -> tuple[TrailerLine, ...]:
    known = {each.id for each in before.trailers}
    forms: list[Any] = [row.form for row in form.trailers]
    return tuple(
        TrailerLine(
            video_id=video[1],
            site=video[0],
            name=row.name.data or "",
            language=row.language.data or "",
            id=row.id.data if row.id.data in known else None,
        )
        for row in forms
        if row.video.data and (video := row.found())
    )


def _day(row: Any) -> Any:
    """The date of a row: a month or a year is stored as its first day."""
    day, precision = row.date.data, row.precision.data
    return DatePrecision(precision).first_day(day) if day and precision in {*DatePrecision} else day
