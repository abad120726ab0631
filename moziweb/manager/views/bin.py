"""Deleting, and the bin."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.history import entry_in_effect
from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..bin.deletion import DISTRIBUTED, Deleter, Removal
from ..bin.models import BinKind
from ..bin.queries import ROWS_PER_PAGE, items_in_bin
from ..bin.restoring import BIN_RETENTION, RestoreRefused, find_item, latest_item, restore
from ..movies.affected_pages import (
    AffectedPages,
    note_pages,
    pages_of_change,
    reason_of,
    seconds_until_fresh,
)
from ..names.kinds import NamedKind
from ..names.pages import paths_before
from ..web.layout import manager_view, page_frame
from ..web.params import NO_ID, id_params, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT

_BIN: Final = "manager.bin"
_NAMES: Final = "manager.names"

BIN_KIND_NAMES: Final = {
    BinKind.MOVIE: _("film"),
    BinKind.POSTER: _("poster"),
    BinKind.PERSON: _("person"),
    BinKind.GENRE: _("genre"),
    BinKind.DISTRIBUTOR: _("distributor"),
}

_PARTS: Final = {
    "premiere": _("Premieres"),
    "credit": _("Roles"),
    "movie_genre": _("Films of the genre"),
    "trailer": _("Trailers"),
    "poster_source": _("Posters"),
    DISTRIBUTED: _("Films of the distributor"),
}
"""Display names of what a deletion removes, by key of ``BinItem.rows``."""


@manager_view("delete", permission=EDIT, renderer="delete", method="GET")
def ask(request: Request) -> dict[str, Any]:
    """What deleting a row removes, and the pages that become stale: deletes and rolls back."""
    kind, row_id = _asked(request)
    with request.services.database.rollback_session() as session:
        former = paths_before(request.registry, session, kind, row_id)
        done = or_404(_deleter(request, session).delete(kind, row_id))
        affected = pages_of_change(request.registry, session, done.movies, former=former)
        title = _("Delete: ${name}", mapping={"name": done.item.name})
        page = {
            "page": page_frame(request, title, _section(kind)),
            "kind": kind,
            "name": done.item.name,
            "parts": _parts(done),
            "affected": affected,
            "back": _back(request, kind, row_id, done),
            "days": BIN_RETENTION.days,
        }
        session.rollback()
    return page


@manager_view("delete", permission=EDIT, method="POST")
def delete(request: Request) -> Response:
    """Moves a row to the bin. A second click finds it there."""
    kind, row_id = _asked(request)
    session = request.dbsession
    former = paths_before(request.registry, session, kind, row_id)
    done = _deleter(request, session).delete(kind, row_id)
    if done is None:
        or_404(latest_item(session, kind, row_id))
        return SeeOther(request.route_path(_BIN))
    note_pages(request.registry, session, done.entry, done.movies, former)
    return SeeOther(request.route_path(_BIN, _query={"saved": done.entry.id}))


@manager_view("bin", permission=EDIT, renderer="bin", method="GET")
def show_bin(request: Request) -> dict[str, Any]:
    """What can be brought back, the latest deletion first. Four queries at most."""
    return _page(request)


@manager_view("bin", permission=EDIT, renderer="bin", method="POST")
def change_bin(request: Request) -> dict[str, Any] | Response:
    """Brings an item back, or previews the pages that this affects."""
    action, (item_id, *_rest) = text_param(request.POST, "do"), [
        *id_params(request.POST, "item"), NO_ID,
    ]  # fmt: skip
    if action not in {"restore", "look"}:
        raise HTTPBadRequest
    try:
        return _look(request, item_id) if action == "look" else _restore(request, item_id)
    except RestoreRefused as error:
        request.response.status_int = 409
        return _page(request, problem=error.text)


def _asked(request: Request) -> tuple[BinKind, int]:
    try:
        kind = BinKind(request.matchdict["kind"])
    except ValueError:
        raise HTTPNotFound from None
    return kind, or_404(parse_id(request.matchdict["row"]))


def _deleter(request: Request, session: Session) -> Deleter:
    return Deleter(session, require_user(request).actor, request.services.clock())


def _parts(done: Removal) -> list[tuple[TranslationString, int]]:
    rows, names = done.item.rows, dict(_PARTS)
    if done.item.kind is BinKind.MOVIE:
        names["movie_genre"] = _("Genres")
    return [(name, len(rows[key])) for key, name in names.items() if rows.get(key)]


def _section(kind: BinKind) -> str:
    return _NAMES if kind.value in {*NamedKind} else "manager.movies"


def _back(request: Request, kind: BinKind, row_id: int, done: Removal) -> str:
    """The path of the page that links the deletion."""
    if kind is BinKind.MOVIE:
        return request.route_path("manager.movie", movie=row_id)
    if kind is BinKind.POSTER:
        return request.route_path("manager.movie_posters", movie=next(iter(done.movies)))
    return request.route_path("manager.name", kind=kind.value, row=row_id)


def _restore(request: Request, item_id: int) -> Response:
    session = request.dbsession
    item = or_404(find_item(session, item_id))
    done = restore(session, item, require_user(request).actor, request.services.clock())
    note_pages(request.registry, session, done.entry, done.movies)
    return SeeOther(request.route_path(_BIN, _query={"saved": done.entry.id}))


def _look(request: Request, item_id: int) -> dict[str, Any]:
    """The pages that bringing an item back affects: restores it and rolls back."""
    with request.services.database.rollback_session() as session:
        item = or_404(find_item(session, item_id))
        by, now = require_user(request).actor, request.services.clock()
        done = restore(session, item, by, now)
        affected = pages_of_change(request.registry, session, done.movies)
        session.rollback()
    return _page(request, asked=item_id, affected=affected)


def _page(
    request: Request,
    *,
    problem: TranslationString | str = "",
    asked: int = 0,
    affected: AffectedPages | None = None,
) -> dict[str, Any]:
    session, now = request.dbsession, request.services.clock()
    items = items_in_bin(session, now, parse_id(request.GET.get("before")))
    saved = _saved(session, request.GET.get("saved", ""))
    return {
        "page": page_frame(request, _("Bin"), _BIN),
        "items": items[:ROWS_PER_PAGE],
        "next": items[ROWS_PER_PAGE - 1].id if len(items) > ROWS_PER_PAGE else None,
        "kind_names": BIN_KIND_NAMES,
        "kept_for": BIN_RETENTION,
        "problem": request.localizer.translate(problem) if problem else "",
        "asked": asked,
        "affected": affected,
        "saved": saved,
        "seconds": seconds_until_fresh(session, reason_of(saved)) if saved else None,
        "restored": _restored_path(request, saved),
    }


def _saved(session: Session, number: str) -> AuditEntry | None:
    entry = entry_in_effect(session, number)
    is_ours = entry is not None and entry.action.endswith((".delete", ".restore"))
    return entry if is_ours else None


def _restored_path(request: Request, saved: AuditEntry | None) -> str:
    """The path of a movie that has just come back."""
    if saved is None or saved.subject != BinKind.MOVIE or saved.action == "film.delete":
        return ""
    return request.route_path("manager.movie", movie=saved.subject_id)
