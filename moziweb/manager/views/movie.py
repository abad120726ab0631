"""Editing a movie: form, preview of affected pages, saving, conflicts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moziweb.db.types import MAX_ID, parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.movies.movie_rows import bare_movie
from moziweb.request import Request
from moziweb.site.formatting import Formatter

from ..audit.history import latest_entries
from ..audit.log import MOVIE, record
from ..auth.sessions import require_user
from ..movies.affected_pages import (
    AffectedPages,
    affected_pages,
    note_pages,
    reason_of,
    seconds_until_fresh,
)
from ..movies.changes import ABSENT, PUBLISHED, AuditedMovies, mark
from ..movies.conflicts import Difference, Merge, has_changed, merge
from ..movies.form import (
    MORE_ROWS,
    DateChanges,
    MovieForm,
    check_date_changes,
    date_changes_of,
    digests_of,
    digests_text,
    mistakes_of,
    safe_fields,
    values_from,
)
from ..movies.queries import FormChoices, editable_movie, form_choices
from ..movies.save import MovieWriter, lock_movie, write
from ..movies.text import field_text
from ..movies.values import EDITED_FIELDS, MovieValues, as_copy, values_of
from ..movies.warnings import SaveWarning, WarningKind, warnings_of
from ..undo.reversal import undone_by
from ..web import drafts, submissions
from ..web.layout import manager_view, movie_nav, page_frame
from ..web.params import NO_ID, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE, MovieResource
from ..web.submissions import Submission
from ..web.template_filters import FIELD_SOURCE_NAMES, Marks

_ROUTE: Final = "manager.movies"


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
        form = _form(request, movie, before) if fields is None else MovieForm(fields)
        form.set_genre_choices(known)
        return cls(request, session, movie, before, known, form, is_typed=fields is not None)

    def is_valid(self) -> bool:
        """Whether the form can be saved; errors are in its fields."""
        valid = self.form.validate()
        # After a concurrent change of the premieres, it is unknown which editor changed a date.
        date_changes = self._is_behind("premieres") or check_date_changes(self.form, self.before)
        return self._ids_are_free() and valid and date_changes

    def merge(self) -> Merge | None:
        """Merges a valid form with a concurrent save; None without differences.

        Publishing changes no field of the form, and both editors may have made the same change.
        """
        if not any(map(self._is_behind, EDITED_FIELDS)):
            return None
        found = merge(self._digests(), self.values(), self.before, self.choices.genres)
        return found if found.differences else None

    def values(self) -> MovieValues:
        """Returns the values of a valid form."""
        return values_from(self.form, self.before)

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
        self.form = _form(self.request, movie, self.before, values)
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


@manager_view("movie", permission=SEE, renderer="movie", method="GET")
def movie(request: Request) -> dict[str, Any]:
    """The form of a movie, or of a draft."""
    edit = MovieEdit.of(request, request.dbsession, _draft(request))
    return _page(edit)


@manager_view("new_movie", permission=EDIT, renderer="movie", method="GET")
def new_movie_form(request: Request) -> dict[str, Any]:
    """The form of a new movie; ``?copy=42`` fills it from that movie. Nothing is saved."""
    edit = MovieEdit.of(request, request.dbsession, _draft(request))
    if copied := request.GET.get("copy"):
        original = or_404(editable_movie(request.dbsession, parse_id(copied) or NO_ID))
        edit.form = _form(request, None, MovieValues(), as_copy(values_of(original)))
        edit.form.set_genre_choices(edit.choices)
    return _page(edit)


@manager_view("movie", permission=EDIT, renderer="movie", method="POST")
@manager_view("new_movie", permission=EDIT, renderer="movie", method="POST")
def save_or_preview(request: Request) -> dict[str, Any] | Response:
    """Saves or previews, depending on the button ``do``."""
    action = request.POST.get("do", "save")
    if action not in _ACTIONS:
        raise HTTPBadRequest
    return _ACTIONS[action](request)


@manager_view("movie_affected_pages", permission=EDIT, renderer="affected_pages", method="POST")
def preview_affected_pages(request: Request) -> dict[str, Any]:
    """The affected pages as a fragment; htmx requests it while the editor types."""
    edit = _dry_run(request)
    return {
        "affected": edit.affected,
        "is_previewed": edit.is_previewed,
        "valid": not _has_errors(edit),
        "warnings": edit.warnings,
    }


@manager_view("movie_publish", permission=EDIT, renderer="movie", method="POST")
def publish(request: Request) -> dict[str, Any] | Response:
    """Publishes or unpublishes the movie, or previews the affected pages."""
    if request.POST.get("do") == "look":
        return _preview_publish(request)
    context: MovieResource = request.context
    session, now = request.dbsession, request.services.clock()
    found = or_404(session.get(Movie, context.movie_id))
    wanted = {"publish": True, "unpublish": False}.get(text_param(request.POST, "do"))
    if wanted is None:
        raise HTTPBadRequest
    path = request.route_path("manager.movie", movie=found.id)
    if found.published == wanted:
        return SeeOther(path)
    found.published = wanted
    session.flush()
    action = "film.publish" if wanted else "film.unpublish"
    changes = [(PUBLISHED, mark(not wanted), mark(wanted))]
    fields = {PUBLISHED: {"before": not wanted, "after": wanted}}
    by = require_user(request).actor
    entry = record(session, by, action, found, now, changes, fields=fields)
    note_pages(request.registry, session, entry, {found.id: found.slug})
    return SeeOther(f"{path}?saved={entry.id}")


def _preview_publish(request: Request) -> dict[str, Any]:
    """The form, with the pages that publishing or unpublishing would affect."""
    with request.services.database.rollback_session() as session:
        edit = MovieEdit.of(request, session)
        movie = edit.movie
        assert movie is not None  # noqa: S101 - the route names one that is there
        edit.publishing = movie.published = not movie.published
        session.flush()
        edit.affected = affected_pages(request.registry, session, movie.id, movie.slug)
        session.rollback()
        edit.movie = editable_movie(session, movie.id)
        edit.extra = _context(edit)
    return _page(edit)


def _save(request: Request) -> dict[str, Any] | Response:
    if isinstance(request.context, MovieResource):
        lock_movie(request.dbsession, request.context.movie_id)
    edit = MovieEdit.of(request, request.dbsession, safe_fields(request.POST))
    user_id = require_user(request).user_id
    # Before the validation: the ids of the movie that the form has made are taken. After the lock:
    # the same form may have been saved since the request began.
    made = submissions.find(edit.session, user_id, request.POST)
    if made is not None and (edit.movie is None or _is_repeated(request, made)):
        return _again(edit, made)
    if not edit.is_valid():
        request.response.status_int = 400
        return _page(edit)
    if edit.movie and (found := edit.merge()):
        return _show_conflict(edit, edit.movie, found)
    user, is_new = require_user(request), edit.movie is None
    submission = None
    if is_new:
        now = request.services.clock()
        submission = submissions.begin(edit.session, user.user_id, request.POST, now)
    if submission and submission.path:
        return _again(edit, submission)
    writer = edit.writer()
    before, kinds = edit.before, {each.kind for each in _warnings(edit)}
    stored = AuditedMovies(edit.session, [edit.movie.id]) if edit.movie else None
    changed = write(writer)
    drafts.drop(edit.session, user.user_id, request.path)
    path = request.route_path("manager.movie", movie=writer.movie.id)
    if not (changed or is_new):
        return SeeOther(path)
    names, actor = edit.choices.genres, user.actor
    fields = tuple(dict.fromkeys(("title", *changed))) if is_new else changed
    changes = [
        (name, field_text(before, name, names), field_text(writer.values, name, names))
        for name in fields
    ]
    action = "film.create" if is_new else "film.edit"
    stored = stored or AuditedMovies(edit.session, [writer.movie.id], before=ABSENT)
    values = stored.fields()
    entry = record(edit.session, actor, action, writer.movie, writer.now, changes, fields=values)
    note_pages(request.registry, edit.session, entry, {writer.movie.id: writer.movie.slug})
    query = {"saved": entry.id} | ({"warn": "-".join(sorted(kinds))} if kinds else {})
    path = request.route_path("manager.movie", movie=writer.movie.id, _query=query)
    if submission is not None:
        submission.path = path
    return SeeOther(path)


def _warnings(edit: MovieEdit) -> tuple[SaveWarning, ...]:
    """The warnings about a valid form."""
    today = budapest_today(edit.request.services.clock())
    number = edit.movie.id if edit.movie else None
    return warnings_of(edit.session, number, edit.values(), edit.before, today)


def _saved_warnings(edit: MovieEdit, movie: Movie) -> tuple[SaveWarning, ...]:
    """The warnings of the save that has led here, about the movie as it is."""
    kinds = set(edit.request.GET.get("warn", "").split("-")) & set(WarningKind)
    today = budapest_today(edit.request.services.clock())
    values = values_of(movie)
    return warnings_of(edit.session, movie.id, values, MovieValues(), today, kinds)


def _again(edit: MovieEdit, submission: Submission) -> dict[str, Any] | Response:
    """The result of a form that was submitted before; 409 if its fields have changed since.

    Then nothing is saved, and the form can be saved as another movie.
    """
    if _is_repeated(edit.request, submission):
        return SeeOther(submission.path)
    edit.saved_before = submission.path
    edit.request.response.status_int = 409
    return _page(edit)


def _is_repeated(request: Request, submission: Submission) -> bool:
    """Whether the request has the fields of an earlier submission."""
    return submission.digest == submissions.fields_digest(request.POST)


def _preview(request: Request) -> dict[str, Any]:
    edit = _dry_run(request)
    if _has_errors(edit):
        request.response.status_int = 400
    return _page(edit)


def _add_rows(request: Request) -> dict[str, Any]:
    with request.services.database.read() as session:
        edit = MovieEdit.of(request, session, safe_fields(request.POST))
        edit.extra_rows = MORE_ROWS
        return _page(edit)


_ACTIONS: Final[dict[str, Callable[[Request], dict[str, Any] | Response]]] = {
    "save": _save,
    "preview": _preview,
    "more": _add_rows,
}


def _dry_run(request: Request) -> MovieEdit:
    """The form, with the pages that saving it would affect: writes and rolls back."""
    with request.services.database.rollback_session() as session:
        edit = MovieEdit.of(request, session, safe_fields(request.POST))
        if edit.is_valid():
            writer = edit.writer()
            edit.warnings = _warnings(edit)
            write(writer)
            found = writer.movie
            edit.affected = affected_pages(request.registry, session, found.id, found.slug)
            edit.is_previewed = True
        session.rollback()
        edit.movie = editable_movie(session, edit.movie.id) if edit.movie else None
        edit.extra = _context(edit)
    return edit


def _show_conflict(edit: MovieEdit, movie: Movie, found: Merge) -> dict[str, Any]:
    """409: another editor has saved. Both versions are shown, nothing is stored."""
    edit.replace_form(found.values, movie, date_changes_of(edit.form))
    edit.differences = found.differences
    edit.request.response.status_int = 409
    return _page(edit)


def _form(
    request: Request, movie: Movie | None, before: MovieValues, shown: MovieValues | None = None
) -> Any:
    """Returns a form that shows ``shown``, based on the movie's values."""
    form = MovieForm.of(shown or before)
    form.version.data = movie.version if movie else None
    form.digests.data = digests_text(before) if movie else ""
    return form


def _page(edit: MovieEdit) -> dict[str, Any]:
    request, form = edit.request, edit.form
    form.add_blank_rows(edit.extra_rows)
    title = edit.movie.title if edit.movie else _("New film")
    return {
        "page": page_frame(request, title, _ROUTE, path=_form_path(edit)),
        "form": form,
        "movie": edit.movie,
        "choices": edit.choices,
        "action": _form_path(edit),
        "publishing": edit.publishing,
        "affected": edit.affected,
        "is_previewed": edit.is_previewed,
        "warnings": edit.warnings,
        "differences": edit.differences,
        "saved_before": edit.saved_before,
        "submission": None if edit.movie else _submission_token(edit),
        "date_text": Formatter(request.locale_name, request.localizer.translate).date_text,
        "wrong": _has_errors(edit),
        "mistakes": mistakes_of(form),
        "unsaved": edit.is_typed,
        **(edit.extra or _context(edit)),
    }


def _submission_token(edit: MovieEdit) -> str:
    """The token of a new movie's form; another one if it has made a movie."""
    given = edit.request.POST.get(submissions.FIELD)
    is_usable = isinstance(given, str) and given and not edit.saved_before
    return str(given) if is_usable else submissions.new_token()


def _form_path(edit: MovieEdit) -> str:
    """The path that the form is posted to."""
    if edit.movie is None:
        return edit.request.route_path("manager.new_movie")
    return edit.request.route_path("manager.movie", movie=edit.movie.id)


def _context(edit: MovieEdit) -> dict[str, Any]:
    """Values of the page beside the form: provenance, latest changes, the last save."""
    if edit.movie is None:
        return {
            "marks_of": Marks({}), "entries": (), "saved": None, "seconds": None, "changes": {},
            "movie_tabs": (), "saved_warnings": (),
        }  # fmt: skip
    entries = latest_entries(edit.session, subjects=(MOVIE,), subject_id=edit.movie.id, limit=5)
    wanted = edit.request.GET.get("saved", "")
    saved = next((each for each in entries if str(each.id) == wanted), None)
    return {
        "marks_of": Marks(_sources(edit)),
        "movie_tabs": movie_nav(edit.request, edit.movie.id, "manager.movie"),
        "entries": entries,
        "undone": undone_by(edit.session, [each.id for each in entries]),
        "saved": saved,
        "saved_warnings": _saved_warnings(edit, edit.movie) if saved else (),
        "seconds": seconds_until_fresh(edit.session, reason_of(saved)) if saved else None,
        "changes": {premiere.id: premiere.changes for premiere in edit.movie.premieres},
    }


def _sources(edit: MovieEdit) -> dict[str, tuple[str, str]]:
    translate, rows = edit.request.localizer.translate, edit.movie.provenance if edit.movie else ()
    return {
        row.field: (row.source, translate(FIELD_SOURCE_NAMES.get(row.source, row.source)))
        for row in rows
    }


def _has_errors(edit: MovieEdit) -> bool:
    return any(edit.form.errors.values()) or any(row.form.errors for row in edit.form.premieres)


def _draft(request: Request) -> Any:
    number = request.GET.get("draft", "")
    if not number:
        return None
    found = drafts.find(request.dbsession, require_user(request).user_id, request.path, number)
    return None if found is None else safe_fields(found)
