"""The forms of people, genres, distributors and services."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import HiddenField, IntegerField, StringField
from wtforms.validators import NumberRange, Optional, Regexp, ValidationError

from moziweb.db.types import MAX_ID
from moziweb.i18n import _
from moziweb.movies.models import MAX_WEBSITE
from moziweb.movies.slugs import MAX_NAME_SLUG_LENGTH
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.fetching.fetcher import DEFAULT_POLICY
from moziweb.posters.fetching.url_policy import ForbiddenUrl, parse_image_url
from moziweb.posters.generation.error_codes import ERROR_MEANINGS

from ..web.forms import BaseForm, line_field, one_line, required
from .kinds import NAME_FIELDS, NAME_MODELS, UNIQUE_FIELDS, NamedKind, NameValues

_NO_WEBSITE: Final = _("An address that begins with https:// or http://, please.")


class _NameForm(BaseForm):
    """``digests`` are those of the row as it was loaded."""

    digests = HiddenField()


class PersonNameForm(_NameForm):
    """A person."""

    name = line_field(_("Name"), 200, required)
    imdb_id = StringField(
        _("IMDb id"),
        filters=[one_line],
        validators=[Optional(), Regexp(r"^nm[0-9]{1,10}\Z", message=_("It looks like nm0000206."))],
    )
    tmdb_id = IntegerField(
        _("TMDB id"), validators=[Optional(), NumberRange(1, MAX_ID, _("A whole number, please."))]
    )


def _slug_field() -> StringField:
    pattern = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
    message = _("Small letters without accents, digits and hyphens, please.")
    checks = (required, Regexp(pattern, message=message))
    return line_field(_("Address"), MAX_NAME_SLUG_LENGTH, *checks)


def _website_field() -> StringField:
    return line_field(_("Website"), MAX_WEBSITE, Optional(), _website)


def _website(form: object, field: Any) -> None:
    """Validator: an address that browsers open, by the parser of image URLs."""
    try:
        target = parse_image_url(field.data)
    except ForbiddenUrl:
        raise ValidationError(_NO_WEBSITE) from None
    if target.address is None and "." not in target.host:
        raise ValidationError(_NO_WEBSITE)
    if not DEFAULT_POLICY.permits_port(target):
        meaning = ERROR_MEANINGS[FetchCode.FORBIDDEN_PORT]
        raise ValidationError(meaning.wrong)


class GenreForm(_NameForm):
    """A genre."""

    name = line_field(_("Name"), 60, required)
    name_en = line_field(_("Name in English"), 60, required)
    slug = _slug_field()


class DistributorForm(_NameForm):
    """A distributor."""

    name = line_field(_("Name"), 120, required)
    website = _website_field()


class ServiceForm(_NameForm):
    """A streaming service."""

    name = line_field(_("Name"), 60, required)
    slug = _slug_field()
    website = _website_field()


NAME_FORMS: Final[Mapping[NamedKind, type[_NameForm]]] = {
    NamedKind.PERSON: PersonNameForm,
    NamedKind.GENRE: GenreForm,
    NamedKind.DISTRIBUTOR: DistributorForm,
    NamedKind.SERVICE: ServiceForm,
}


@dataclass(frozen=True, slots=True)
class TakenValue:
    """A value that only one row can have, and the row that has it."""

    field: str
    value: str
    row_id: int
    name: str


def form_values(kind: NamedKind, form: Any) -> dict[str, Any]:
    """Returns the values of a valid form."""
    values = {name: form[name].data for name in NAME_FIELDS[kind]}
    ids = {"imdb_id", "tmdb_id"}
    return {name: value or (None if name in ids else "") for name, value in values.items()}


def taken_values(
    session: Session, kind: NamedKind, values: NameValues, own_id: int
) -> list[TakenValue]:
    """Returns the unique values that other rows have. One query for each unique field."""
    model, found = NAME_MODELS[kind], []
    for field in UNIQUE_FIELDS[kind]:
        value = values.get(field)
        if value is None:
            continue
        query = select(model.id, model.name).where(getattr(model, field) == value)
        other = session.execute(query.where(model.id != own_id)).first()
        if other is not None:
            found.append(TakenValue(field, str(value), other.id, other.name))
    return found
