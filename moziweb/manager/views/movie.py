"""Editing a movie: form, preview of affected pages, saving, conflicts."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.site.formatting import Formatter

from ..audit.history import entry_in_effect, latest_entries
from ..audit.log import MOVIE, record
from ..audit.name_entries import record_names
from ..auth.sessions import require_user
from ..movies.affected_pages import (
    affected_pages,
    note_pages,
    reason_of,
    seconds_until_fresh,
)
from ..movies.changes import ABSENT, PUBLISHED, AuditedMovies, mark
from ..movies.conflicts import Merge
from ..movies.form import MORE_ROWS, date_changes_of, mistakes_of
from ..movies.locks import lock_movie
from ..movies.queries import editable_movie
from ..movies.save import write
from ..movies.text import field_text
from ..movies.values import MovieValues, as_copy, values_of
from ..movies.warnings import SaveWarning, WarningKind, warnings_of
from ..undo.reversal import undone_by
from ..web import drafts, submissions
from ..web.layout import manager_view, movie_nav, page_frame
from ..web.params import NO_ID, asked_action, or_404, safe_fields, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE, MovieResource
from ..web.submissions import Submission
from ..web.template_filters import FIELD_SOURCE_NAMES, Marks
from .movie_edit import MovieEdit, form_of

ANOTHER: Final = "another"
"""The button that saves and shows an empty form."""

_ROUTE: Final = "manager.movies"


@manager_view("movie", permission=SEE, renderer="movie", method="GET")
def movie(request: Request) -> dict[str, Any]:
    """The form of a movie, or of a draft."""
    edit = MovieEdit.of(request, request.dbsession, drafts.asked(request))
    return _page(edit)


@manager_view("new_movie", permission=EDIT, renderer="movie", method="GET")
def new_movie_form(request: Request) -> dict[str, Any]:
    """The form of a new movie; ``?copy=42`` fills it from that movie. Nothing is saved."""
    edit = MovieEdit.of(request, request.dbsession, drafts.asked(request))
    if copied := request.GET.get("copy"):
        original = or_404(editable_movie(request.dbsession, parse_id(copied) or NO_ID))
        edit.form = form_of(request, None, MovieValues(), as_copy(values_of(original)))
        edit.form.set_genre_choices(edit.choices)
    return _page(edit)


@manager_view("movie", permission=EDIT, renderer="movie", method="POST")
@manager_view("new_movie", permission=EDIT, renderer="movie", method="POST")
def save_or_preview(request: Request) -> dict[str, Any] | Response:
    """Saves or previews, depending on the button ``do``."""
    return _ACTIONS[asked_action(request.POST, _ACTIONS)](request)


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
    lock_movie(session, context.movie_id)
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
    if not (changed or is_new):
        return SeeOther(_next_path(request, writer.movie))
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
    edit.session.flush()
    record_names(edit.session, [entry], actor, writer.now)
    note_pages(request.registry, edit.session, entry, {writer.movie.id: writer.movie.slug})
    query = {"saved": entry.id} | ({"warn": "-".join(sorted(kinds))} if kinds else {})
    path = _next_path(request, writer.movie, query)
    if submission is not None:
        submission.path = path
    return SeeOther(path)


def _next_path(request: Request, movie: Movie, query: Mapping[str, Any] | None = None) -> str:
    """The path of the page after a save: the movie's form, or an empty one."""
    if request.POST.get("do") == ANOTHER:
        return request.route_path("manager.new_movie", _query=query)
    return request.route_path("manager.movie", movie=movie.id, _query=query)


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
    ANOTHER: _save,
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
    saved = _saved_context(edit)
    if edit.movie is None:
        return {"marks_of": Marks({}), "entries": (), "changes": {}, "movie_tabs": (), **saved}
    entries = latest_entries(edit.session, subjects=(MOVIE,), subject_id=edit.movie.id, limit=5)
    return {
        "marks_of": Marks(_sources(edit)),
        "movie_tabs": movie_nav(edit.request, edit.movie.id, "manager.movie"),
        "entries": entries,
        "undone": undone_by(edit.session, [each.id for each in entries]),
        "changes": {premiere.id: premiere.changes for premiere in edit.movie.premieres},
        **saved,
    }


def _saved_context(edit: MovieEdit) -> dict[str, Any]:
    """The save that has led here: of this movie, or of the one before an empty form."""
    entry = entry_in_effect(edit.session, edit.request.GET.get("saved", ""))
    movie = edit.movie
    if entry is not None and entry.subject == MOVIE and movie is None and entry.subject_id:
        movie = editable_movie(edit.session, entry.subject_id)
    if entry is None or movie is None or entry.subject_id != movie.id:
        return {"saved": None, "saved_warnings": (), "seconds": None}
    return {
        "saved": entry,
        "saved_warnings": _saved_warnings(edit, movie),
        "seconds": seconds_until_fresh(edit.session, reason_of(entry)),
    }


def _sources(edit: MovieEdit) -> dict[str, tuple[str, str]]:
    translate, rows = edit.request.localizer.translate, edit.movie.provenance if edit.movie else ()
    return {
        row.field: (row.source, translate(FIELD_SOURCE_NAMES.get(row.source, row.source)))
        for row in rows
    }


def _has_errors(edit: MovieEdit) -> bool:
    return any(edit.form.errors.values()) or any(row.form.errors for row in edit.form.premieres)
