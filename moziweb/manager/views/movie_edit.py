"""An edit of a movie in one request: its form, the values of before, what the page shows."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moziweb.db.types import MAX_ID
from moziweb.i18n import _
from moziweb.movies.models import Movie
from moziweb.movies.movie_rows import bare_movie
from moziweb.request import Request

from ..movies.affected_pages import AffectedPages
from ..movies.conflicts import (
    Difference,
    Merge,
    digests_of,
    digests_text,
    has_changed,
    merge,
)
from ..movies.form import (
    DateChanges,
    MovieForm,
    check_date_changes,
    check_services,
    chosen_people,
    date_changes_of,
    values_from,
)
from ..movies.queries import FormChoices, editable_movie, form_choices, people_by_id
from ..movies.save import MovieWriter
from ..movies.values import EDITED_FIELDS, MovieValues, values_of
from ..movies.warnings import SaveWarning
from ..web.params import or_404
from ..web.resources import MovieResource


@dataclass(slots=True)
class MovieEdit:
    """An edit of a movie in one request.

    ``movie`` is None for a new one; ``before`` are the values in the database. ``saved_before`` is
    the path of the movie that the same form has made before. ``is_typed``: the form shows what the
    user has typed and not saved.
    """

    request: Request
    session: Session
    movie: Movie | None
    before: MovieValues
    choices: FormChoices
    form: MovieForm
    extra_rows: int = 0
    affected: AffectedPages | None = None
    is_previewed: bool = False
    publishing: bool | None = None
    differences: tuple[Difference, ...] = ()
    saved_before: str = ""
    is_typed: bool = False
    warnings: tuple[SaveWarning, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, session: Session, fields: Any = None) -> "MovieEdit":
        """Returns the edit of a request; the form shows ``fields``, or else the movie's values."""
        movie = None
        if isinstance(request.context, MovieResource):
            movie = or_404(editable_movie(session, request.context.movie_id))
        before = values_of(movie) if movie else MovieValues()
        known = form_choices(session, request.locale_name)
        form = form_of(request, movie, before) if fields is None else MovieForm(fields)
        form.set_genre_choices(known)
        return cls(request, session, movie, before, known, form, is_typed=fields is not None)

    def is_valid(self) -> bool:
        """Whether the form can be saved; errors are in its fields."""
        valid = self.form.validate()
        # After a concurrent change of the premieres, it is unknown which editor changed a date.
        date_changes = self._is_behind("premieres") or check_date_changes(self.form, self.before)
        services = check_services(self.form, self.before)
        return self._ids_are_free() and valid and date_changes and services

    def merge(self) -> Merge | None:
        """Merges a valid form with a concurrent save; None without differences.

        Publishing changes no field of the form, and both editors may have made the same change.
        """
        if not any(map(self._is_behind, EDITED_FIELDS)):
            return None
        found = merge(self._digests(), self.values(), self.before, self.choices.genres)
        return found if found.differences else None

    def values(self) -> MovieValues:
        """Returns the values of a valid form. One query, if it has people that are not known."""
        known = {each.person_id for each in (*self.before.directors, *self.before.cast)}
        chosen = chosen_people(self.form) - known
        people = people_by_id(self.session, chosen) if chosen else {}
        return values_from(self.form, self.before, people)

    def writer(self) -> MovieWriter:
        """Returns the writer of a valid form."""
        now = self.request.services.clock()
        values = self.values()
        new = {"published": False, "created_at": now, "distributor": None}
        movie = self.movie or bare_movie(values.title, **new)
        return MovieWriter(self.session, movie, values, date_changes_of(self.form), now)

    def replace_form(self, values: MovieValues, movie: Movie, date_changes: DateChanges) -> None:
        """Replaces the form by one with ``values``, based on the current movie."""
        self.movie, self.before = movie, values_of(movie)
        self.form = form_of(self.request, movie, self.before, values)
        self.form.set_genre_choices(self.choices)
        for row in self.form.premieres:
            number = row.form.id.data or 0
            row.form.reason.data = date_changes.reasons.get(number, "")
            row.form.is_typo.data = number in date_changes.typos

    def _is_behind(self, field: str) -> bool:
        """Whether a field of the movie has changed since the form was loaded."""
        if self.movie is None or self.form.version.data == self.movie.version:
            return False
        return has_changed(self._digests(), field, self.before)

    def _digests(self) -> dict[str, str]:
        return digests_of(self.form.digests.data or "")

    def _ids_are_free(self) -> bool:
        """Whether no other movie has the form's IMDb and TMDB ids."""
        wanted = {"imdb_id": self.form.imdb_id.data or None, "tmdb_id": self.form.tmdb_id.data}
        taken = [
            getattr(Movie, name) == value
            for name, value in wanted.items()
            if value is not None and not (isinstance(value, int) and value > MAX_ID)
        ]
        if not taken:
            return True
        own = self.movie.id if self.movie else 0
        others = self.session.execute(
            select(Movie.imdb_id, Movie.tmdb_id, Movie.title).where(or_(*taken), Movie.id != own)
        ).all()
        for other in others:
            for name, value in wanted.items():
                if value is not None and getattr(other, name) == value:
                    text = _("“${title}” has this id.", mapping={"title": other.title})
                    self.form[name].errors = [*self.form[name].errors, text]
        return not others


def form_of(
    request: Request, movie: Movie | None, before: MovieValues, shown: MovieValues | None = None
) -> Any:
    """Returns a form that shows ``shown``, based on the movie's values."""
    form = MovieForm.of(shown or before)
    form.version.data = movie.version if movie else None
    form.digests.data = digests_text(before.by_field()) if movie else ""
    return form
