"""Editing a person, a genre, a distributor or a streaming service."""

from dataclasses import dataclass
from typing import Any, Final

from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.request import Request
from moziweb.site.urls import PageUrls
from moziweb.site.view_models import Link

from ..audit.history import entry_in_effect, latest_entries
from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..bin.models import BinKind
from ..movies.affected_pages import (
    AffectedPages,
    note_pages,
    pages_of_change,
    reason_of,
    seconds_until_fresh,
)
from ..movies.conflicts import Difference, digests_of, digests_text, merge_fields
from ..movies.form import Mistake
from ..names.editing import locked_name, write_name
from ..names.form import NAME_FORMS, TakenValue, form_values, taken_values
from ..names.kinds import NAME_FIELDS, NAME_MODELS, NamedKind, name_values, value_as_text
from ..names.pages import paths_before
from ..names.queries import SHOWN_MOVIES, has_public_page, movies_of, shown_movies
from ..undo.reversal import undone_by
from ..web import drafts
from ..web.layout import manager_view, page_frame
from ..web.params import asked_action, or_404, safe_fields
from ..web.redirects import SeeOther
from ..web.resources import EDIT
from .names import NAMES_ROUTE, asked_name, merging_path, name_path

_SINGULARS: Final = {
    NamedKind.PERSON: _("person"),
    NamedKind.GENRE: _("genre"),
    NamedKind.DISTRIBUTOR: _("distributor"),
    NamedKind.SERVICE: _("streaming service"),
}


@manager_view("name", permission=EDIT, renderer="name", method="GET")
def edit_name(request: Request) -> dict[str, Any]:
    """The form of a row, or of a draft."""
    edit = _NameEdit.of(request, request.dbsession, drafts.asked(request))
    return _edit_page(request, edit)


@manager_view("name", permission=EDIT, renderer="name", method="POST")
def save_name(request: Request) -> dict[str, Any] | Response:
    """Saves a row, or previews the pages that saving it affects."""
    action = asked_action(request.POST, {"save", "preview"})
    return _save(request) if action == "save" else _preview(request)


@dataclass(slots=True)
class _NameEdit:
    """An edit of a row in one request; ``before`` are the values in the database."""

    kind: NamedKind
    row: Any
    before: dict[str, Any]
    form: Any
    affected: AffectedPages | None = None
    is_previewed: bool = False
    is_typed: bool = False
    differences: tuple[Difference, ...] = ()
    taken: tuple[TakenValue, ...] = ()

    @classmethod
    def of(cls, request: Request, session: Session, fields: Any = None) -> "_NameEdit":
        """Returns the edit of a request; the form shows ``fields``, or else the row's values."""
        kind, row_id = asked_name(request)
        is_read = fields is None or request.method == "GET"
        found = session.get(NAME_MODELS[kind], row_id) if is_read else None
        row = or_404(found if is_read else locked_name(session, kind, row_id))
        before = name_values(kind, row)
        edit = cls(kind, row, before, None, is_typed=fields is not None)
        if fields is None:
            edit.show(before)
        else:
            edit.form = NAME_FORMS[kind](fields)
        return edit

    def show(self, values: dict[str, Any]) -> None:
        """Replaces the form by one with ``values``, based on the row as it is now."""
        self.form = NAME_FORMS[self.kind](data=values)
        self.form.digests.data = digests_text(self.before)

    def is_valid(self, session: Session) -> bool:
        """Whether the form can be saved; errors are in its fields."""
        valid: bool = self.form.validate()
        if valid:
            self.taken = tuple(taken_values(session, self.kind, self.values(), self.row.id))
        for each in self.taken:
            field, names = self.form[each.field], {"name": each.name}
            field.errors = [*field.errors, _("“${name}” has this.", mapping=names)]
        return valid and not self.taken

    def merge(self) -> tuple[dict[str, Any], tuple[Difference, ...]]:
        """Merges a valid form with a concurrent save, as `merge_fields` does."""
        digests, mine, theirs = digests_of(self.form.digests.data or ""), self.values(), self.before
        return merge_fields(
            digests, mine, theirs,
            lambda field: value_as_text(mine[field]), lambda field: value_as_text(theirs[field]),
        )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """Returns the values of a valid form."""
        return form_values(self.kind, self.form)

    def mistakes(self) -> tuple[Mistake, ...]:
        """Returns the fields that have errors."""
        return tuple(
            Mistake(field.id, field.label.text, tuple(field.errors))
            for field in self.form
            if field.errors
        )


def _save(request: Request) -> dict[str, Any] | Response:
    session, user = request.dbsession, require_user(request)
    edit = _NameEdit.of(request, session, safe_fields(request.POST))
    if not edit.is_valid(session):
        request.response.status_int = 400
        return _edit_page(request, edit)
    taken, edit.differences = edit.merge()
    if edit.differences:
        edit.show(edit.values() | taken)
        request.response.status_int = 409
        return _edit_page(request, edit)
    former = paths_before(request.registry, session, edit.kind, edit.row.id)
    now = request.services.clock()
    entry = write_name(session, edit.kind, edit.row, edit.values(), user.actor, now)
    drafts.drop(session, user.user_id, request.path)
    if entry is None:
        return SeeOther(name_path(request, edit.kind, edit.row.id))
    movies = movies_of(session, edit.kind, edit.row.id)
    note_pages(request.registry, session, entry, movies, former)
    return SeeOther(name_path(request, edit.kind, edit.row.id, saved=entry.id))


def _preview(request: Request) -> dict[str, Any]:
    """The form, with the pages that saving it would affect: writes and rolls back."""
    with request.services.database.rollback_session() as session:
        edit = _NameEdit.of(request, session, safe_fields(request.POST))
        if edit.is_valid(session):
            former = paths_before(request.registry, session, edit.kind, edit.row.id)
            actor, now = require_user(request).actor, request.services.clock()
            write_name(session, edit.kind, edit.row, edit.values(), actor, now)
            movies = movies_of(session, edit.kind, edit.row.id)
            edit.affected = pages_of_change(request.registry, session, movies, former=former)
            edit.is_previewed = True
        else:
            request.response.status_int = 400
        session.rollback()
    edit.row = or_404(request.dbsession.get(NAME_MODELS[edit.kind], asked_name(request)[1]))
    return _edit_page(request, edit)


def _edit_page(request: Request, edit: _NameEdit) -> dict[str, Any]:
    session, kind, row = request.dbsession, edit.kind, edit.row
    movies = shown_movies(session, kind, row.id)
    entries = latest_entries(session, subjects=(kind,), subject_id=row.id, limit=5)
    saved = entry_in_effect(session, request.GET.get("saved", ""))
    if saved not in entries:
        saved = None
    return {
        "page": page_frame(request, edit.before["name"], NAMES_ROUTE),
        "kind": kind,
        "kind_name": _SINGULARS[kind],
        "row": row,
        "form": edit.form,
        "fields": [edit.form[name] for name in NAME_FIELDS[kind]],
        "public": _public_path(request, kind, row)
        if has_public_page(session, kind, row.id)
        else "",
        "can_delete": kind.value in {*BinKind},
        "movies": movies[:SHOWN_MOVIES],
        "has_more_movies": len(movies) > SHOWN_MOVIES,
        "affected": edit.affected,
        "is_previewed": edit.is_previewed,
        "unsaved": edit.is_typed,
        "differences": edit.differences,
        "mistakes": edit.mistakes(),
        "merges": [
            Link(merging_path(request, kind, row.id, each.row_id), each.name) for each in edit.taken
        ],
        "entries": entries,
        "undone": undone_by(session, [each.id for each in entries]),
        "saved": saved,
        "seconds": _seconds(session, saved),
    }


def _public_path(request: Request, kind: NamedKind, row: Any) -> str:
    """The path of the row's page in the language of the manager."""
    urls = PageUrls.of(request)
    path: str = getattr(urls, kind)(row)
    return path


def _seconds(session: Session, saved: AuditEntry | None) -> float | None:
    return seconds_until_fresh(session, reason_of(saved)) if saved else None
