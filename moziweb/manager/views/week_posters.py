"""Posters of a week's movies: a file for each. Wrong files are named at their movies."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.posters.generation.upload_store import StoredUpload
from moziweb.posters.models import PosterSource, SourceState
from moziweb.request import Request

from ..auth.sessions import require_user
from ..grid.saving import GRID_BATCH
from ..movies.affected_pages import AffectedPages, pages_of_change, reason_of
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_movies
from ..posters.form_data import PICTURE_ERRORS, explained
from ..web.layout import manager_view
from ..web.redirects import SeeOther
from ..web.request_limits import UploadedFile
from ..web.resources import EDIT
from ..web.submissions import begin
from .movie_posters import joined_texts, most_bytes
from .week_grid import MAX_TOGETHER, GridPage, grid_values, week_of_path

PICTURE_FIELD: Final = "picture-"
"""The start of the names of the file fields; the movie's id follows."""

_Uploads = dict[int, tuple[StoredUpload, str]]
"""Stored files with their names, by movie id."""


@manager_view("week_posters", permission=EDIT, renderer="week_grid", method="POST")
def save_week_posters(request: Request) -> dict[str, Any] | Response:
    """Saves each file as the poster of its movie; the page names the files that are wrong."""
    week, translate = week_of_path(request), request.localizer.translate
    files = _files(request)
    if not files:
        return _refused(request, problem=translate(_("Choose a file first.")))
    if (request.content_length or 0) > MAX_TOGETHER:
        most = {"most": MAX_TOGETHER // 1_000_000}
        text = _(
            "Together, the files are larger than ${most} MB: send fewer at once.", mapping=most
        )
        return _refused(request, problem=translate(text))
    uploads, errors = _store(request, files)
    saved = _save(request, uploads) if uploads else set()
    gone = translate(_("This film was deleted."))
    errors |= {each: f"{uploads[each][1]}: {gone}" for each in uploads.keys() - saved}
    query = {"done": "posters-added"} if saved else {}
    path = request.route_path("manager.week_grid", week=week.name, _query=query)
    if not errors:
        return SeeOther(path)
    made = begin(
        request.dbsession, require_user(request).user_id, request.POST, request.services.clock()
    )
    if made is not None and saved:
        made.path = path
    return _refused(request, errors=errors, saved=len(saved))


def _save(request: Request, uploads: _Uploads) -> set[int]:
    """Adds the posters of the movies that exist; returns their ids."""
    now, affected, session = (
        request.services.clock(),
        _affected(request, uploads),
        request.dbsession,
    )
    slugs = lock_movies(session, uploads)
    audited = AuditedMovies(session, list(slugs))
    _add(request, session, {each: uploads[each] for each in slugs})
    batch = GRID_BATCH + secrets.token_hex(8)
    entries = audited.record(require_user(request).actor, "poster.add", now, batch=batch)
    for entry in entries:
        entry.pages = list(affected.pages) if affected else []
    if entries:
        session.info[REASON] = reason_of(entries[0])
    return set(slugs)


def _files(request: Request) -> dict[int, UploadedFile]:
    """The files of the form by movie id."""
    found: dict[int, UploadedFile] = {}
    posted: Any = request.POST
    for name, value in posted.items():
        movie_id = parse_id(name.removeprefix(PICTURE_FIELD))
        if name.startswith(PICTURE_FIELD) and movie_id and isinstance(value, UploadedFile):
            found[movie_id] = value
    return found


def _store(request: Request, files: Mapping[int, UploadedFile]) -> tuple[_Uploads, dict[int, str]]:
    """Checks and stores the files before the request's transaction.

    Returns what is wrong with the others, too, by movie id.
    """
    editor, limit, now = (
        request.services.poster_editor,
        most_bytes(request),
        request.services.clock(),
    )
    uploads: _Uploads = {}
    errors: dict[int, str] = {}
    for movie_id, sent in files.items():
        try:
            upload = editor.store(sent.file.read(limit + 1))
        except PICTURE_ERRORS as error:
            text = joined_texts(request, explained(error, limit).texts)
            errors[movie_id] = f"{sent.filename}: {text}"
            continue
        finally:
            sent.file.seek(0)
        uploads[movie_id] = upload, sent.filename
        with request.services.database.write() as session:
            editor.remember(session, upload, now)
    return uploads, errors


def _add(request: Request, session: Session, uploads: _Uploads) -> list[PosterSource]:
    editor = request.services.poster_editor
    return [
        editor.add_upload(session, movie_id, upload, file_name=name)
        for movie_id, (upload, name) in uploads.items()
    ]


def _affected(request: Request, uploads: _Uploads) -> AffectedPages | None:
    """The pages that become stale once the pictures are made; rolls back."""
    with request.services.database.rollback_session() as session:
        slugs = lock_movies(session, uploads)
        for source in _add(request, session, {each: uploads[each] for each in slugs}):
            source.state = SourceState.READY
            session.flush()
            request.services.poster_editor.choose(session, source.id)
        found = pages_of_change(request.registry, session, slugs)
        session.rollback()
        return found


def _refused(
    request: Request, *, problem: str = "", errors: Mapping[int, str] | None = None, saved: int = 0
) -> dict[str, Any]:
    """Returns the page with a problem, or with those of files by movie id."""
    request.response.status_int = 422
    page = GridPage.of(request, request.dbsession)
    page.problem, page.poster_errors, page.posters_saved = problem, errors or {}, saved
    return grid_values(page)
