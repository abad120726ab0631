"""Taking a change of the audit log back."""

from typing import Any, Final

from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..bulk.jobs import changes_left, is_whole
from ..movies.affected_pages import AffectedPages, note_pages, pages_of_change
from ..undo.names_of_movies import paths_before_undo
from ..undo.outcome import UndoRefused
from ..undo.reversal import Undoer, undone_by
from ..web.layout import manager_view, page_frame
from ..web.params import or_404
from ..web.redirects import SeeOther
from ..web.resources import EDIT

_AUDIT: Final = "manager.audit"


@manager_view("undo", permission=EDIT, renderer="undo", method="GET")
def ask(request: Request) -> dict[str, Any]:
    """The change, the pages that taking it back affects, or why it cannot be: rolls back."""
    entry = _entry(request, request.dbsession)
    affected, refusal = None, None
    with request.services.database.rollback_session() as session:
        try:
            former = paths_before_undo(request.registry, session, [entry])
            done = _undoer(request, session).undo(_entry(request, session))
            affected = pages_of_change(request.registry, session, done.movies, former=former)
        except UndoRefused as error:
            refusal = error
        session.rollback()
    return _page(request, entry, affected, refusal)


@manager_view("undo", permission=EDIT, renderer="undo", method="POST")
def undo(request: Request) -> dict[str, Any] | Response:
    """Takes the change back. A second click leads to the first one's result."""
    session = request.dbsession
    entry = _entry(request, session)
    if before := undone_by(session, [entry.id]).get(entry.id):
        return _done(request, before)
    former = paths_before_undo(request.registry, session, [entry])
    try:
        # A refusal may come after writes, which a savepoint takes back.
        with session.begin_nested():
            done = _undoer(request, session).undo(entry)
    except UndoRefused as error:
        request.response.status_int = 409
        return _page(request, entry, None, error)
    note_pages(request.registry, session, done.entry, done.movies, former)
    return _done(request, done.entry.id)


def _done(request: Request, entry_id: int) -> Response:
    path = request.route_path(_AUDIT, _query={"done": "undone"}, _anchor=f"entry-{entry_id}")
    return SeeOther(path)


def _entry(request: Request, session: Session) -> AuditEntry:
    """The entry of the path, locked so that two users do not take it back at once."""
    entry_id = or_404(parse_id(request.matchdict["entry"]))
    lock = session is request.dbsession and request.method == "POST"
    entry = or_404(session.get(AuditEntry, entry_id, with_for_update=lock or None))
    return or_404(entry if entry.fields else None)


def _undoer(request: Request, session: Session) -> Undoer:
    services = request.services
    return Undoer(session, services.poster_editor, require_user(request).actor, services.clock())


def _page(
    request: Request,
    entry: AuditEntry,
    affected: AffectedPages | None,
    refusal: UndoRefused | None,
) -> dict[str, Any]:
    batch = entry.batch or ""
    return {
        "page": page_frame(request, _("Take a change back"), _AUDIT),
        "together": changes_left(request.dbsession, batch) if is_whole(batch) else 0,
        "entry": entry,
        "affected": affected,
        "refusal": refusal,
    }
