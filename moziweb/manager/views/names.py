"""People, genres, distributors and streaming services: lists, edits, merges, suggestions."""

from dataclasses import dataclass
from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.i18n import DOMAIN, _
from moziweb.movies.former_addresses import id_key, successor
from moziweb.request import Request
from moziweb.site.urls import PageUrls
from moziweb.site.view_models import Link

from ..audit.history import latest_entries
from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..bin.models import BinKind
from ..bin.queries import ROWS_PER_PAGE
from ..movies.affected_pages import (
    AffectedPages,
    note_pages,
    pages_of_change,
    paths_of_facet,
    reason_of,
    seconds_until_fresh,
)
from ..movies.conflicts import Difference
from ..movies.form import Mistake
from ..names.editing import locked_name, write_name
from ..names.form import (
    NAME_FORMS,
    TakenValue,
    form_values,
    joined_edits,
    name_digests_text,
    taken_values,
)
from ..names.kinds import NAME_FIELDS, NAME_MODELS, NamedKind, name_values, value_as_text
from ..names.merging import NameMerge, merge_names
from ..names.queries import (
    SHOWN_MOVIES,
    alike_rows,
    has_public_page,
    movies_of,
    named_rows,
    shown_movies,
    suggestions,
)
from ..undo.reversal import undone_by
from ..web import drafts
from ..web.layout import manager_view, page_frame
from ..web.params import asked_action, or_404, safe_fields, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT

_NAMES: Final = "manager.names"
_MAX_QUERY: Final = 100

_PLURALS: Final = {
    NamedKind.PERSON: _("People"),
    NamedKind.GENRE: _("Genres"),
    NamedKind.DISTRIBUTOR: _("Distributors"),
    NamedKind.SERVICE: _("Streaming services"),
}

_SINGULARS: Final = {
    NamedKind.PERSON: _("person"),
    NamedKind.GENRE: _("genre"),
    NamedKind.DISTRIBUTOR: _("distributor"),
    NamedKind.SERVICE: _("streaming service"),
}

_USES: Final = {
    NamedKind.PERSON: _("Roles"),
    NamedKind.SERVICE: _("Premieres"),
}


@manager_view("names", permission=EDIT, renderer="names", method="GET")
def names(request: Request) -> dict[str, Any]:
    """A page of names of one kind that contain ``?q=``. Three queries at most."""
    kind = next((each for each in NamedKind if each == request.GET.get("kind")), NamedKind.PERSON)
    text, after = _query_text(request), parse_id(request.GET.get("after"))
    rows = named_rows(request.dbsession, kind, text, after)
    first = {"kind": kind.value, **({"q": text} if text else {})}
    more = {**first, "after": rows[ROWS_PER_PAGE - 1].id} if len(rows) > ROWS_PER_PAGE else {}
    translate = request.localizer.translate
    return {
        "page": page_frame(request, _("Names"), _NAMES),
        "kind": kind,
        "text": text,
        "rows": rows[:ROWS_PER_PAGE],
        "kinds": [
            Link(request.route_path(_NAMES, _query={"kind": each.value}), translate(name),
                 current=each is kind)
            for each, name in _PLURALS.items()
        ],
        "uses": _USES.get(kind, _("Films")),
        "can_delete": kind.value in {*BinKind},
        "first": request.route_path(_NAMES, _query=first) if after else "",
        "next": request.route_path(_NAMES, _query=more) if more else "",
    }  # fmt: skip


@view_config(
    route_name="manager.name_suggestions", permission=EDIT, request_method="GET", renderer="json"
)
def suggest_names(request: Request) -> dict[str, Any]:
    """Rows whose names contain ``?q=``, for ``suggest.js``. Three queries at most.

    With ``without``, the id of a row, they are links to its merge with them.
    """
    kind = _kind_of(request.GET.get("kind", ""))
    without = parse_id(request.GET.get("without"))
    found = suggestions(request.dbsession, kind, _query_text(request), without)
    translate, ngettext = request.localizer.translate, request.localizer.pluralize
    items = []
    for each in found:
        count = {"count": each.movies}
        note = ngettext("${count} film", "${count} films", each.movies, DOMAIN, count)
        item = {"id": each.id, "text": each.name, "note": f"{note} · {each.title}".rstrip(" ·")}
        if without is not None:
            item["href"] = _merging_path(request, kind, without, each.id)
        items.append(item)
    number = {"count": len(items)}
    status = (
        ngettext("${count} suggestion", "${count} suggestions", len(items), DOMAIN, number)
        if items
        else translate(_("No suggestions"))
    )
    return {"status": status, "items": items}


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


@manager_view("name_merge", permission=EDIT, renderer="name_merge", method="GET")
def choose_merge(request: Request) -> dict[str, Any]:
    """Rows to merge a row with: those that contain ``?q=``, or have a word of its name."""
    kind, row_id = _asked_name(request)
    session, text = request.dbsession, _query_text(request)
    row = or_404(session.get(NAME_MODELS[kind], row_id))
    found = named_rows(session, kind, text) if text else alike_rows(session, kind, row)
    return {
        "page": page_frame(request, _("Merge: ${name}", mapping={"name": row.name}), _NAMES),
        "kind": kind,
        "row": row,
        "text": text,
        "rows": [
            (each, _merging_path(request, kind, row_id, each.id))
            for each in found[:ROWS_PER_PAGE]
            if each.id != row_id
        ],
        "uses": _USES.get(kind, _("Films")),
        "suggest": request.route_path(
            "manager.name_suggestions", _query={"kind": kind.value, "without": row_id}
        ),
    }


@manager_view("name_merging", permission=EDIT, renderer="name_merging", method="GET")
def ask_merge(request: Request) -> dict[str, Any]:
    """What merging a row into another one does: merges and rolls back."""
    return _merging_page(request)


@manager_view("name_merging", permission=EDIT, renderer="name_merging", method="POST")
def merge_two(request: Request) -> dict[str, Any] | Response:
    """Merges a row into another one.

    409 if one of them was changed since the page was shown. After a merge the row leads to the kept
    one.
    """
    kind, row_id = _asked_name(request)
    other_id = or_404(parse_id(request.matchdict["other"]))
    with request.services.database.read() as seen:
        rows = [seen.get(NAME_MODELS[kind], each) for each in (row_id, other_id)]
        is_changed = None not in rows and not _is_as_shown(request, kind, *rows)
    if is_changed:
        request.response.status_int = 409
        return _merging_page(request, is_changed=True)
    session = request.dbsession
    # In the order of ids, as the merge locks them.
    locked = {each: locked_name(session, kind, each) for each in sorted({row_id, other_id})}
    row, other = locked[row_id], or_404(locked[other_id])
    if row is None:
        kept = or_404(successor(session, NAME_MODELS[kind], id_key(row_id)))
        return SeeOther(_name_path(request, kind, kept.id))
    if not _is_as_shown(request, kind, row, other):  # changed in this very moment
        return SeeOther(request.path)
    former = _paths_of(request, session, row, other)
    done = or_404(_merge(request, session, kind, row_id, other_id))
    note_pages(request.registry, session, done.entry, done.movies, former)
    return SeeOther(_name_path(request, kind, other_id, saved=done.entry.id))


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
        kind, row_id = _asked_name(request)
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
        self.form.digests.data = name_digests_text(self.before)

    def is_valid(self, session: Session) -> bool:
        """Whether the form can be saved; errors are in its fields."""
        valid: bool = self.form.validate()
        if valid:
            self.taken = tuple(taken_values(session, self.kind, self.values(), self.row.id))
        for each in self.taken:
            field, names = self.form[each.field], {"name": each.name}
            field.errors = [*field.errors, _("“${name}” has this.", mapping=names)]
        return valid and not self.taken

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
    joined = joined_edits(edit.form.digests.data or "", edit.values(), edit.before)
    if joined.differences:
        edit.differences = joined.differences
        edit.show(dict(joined.values))
        request.response.status_int = 409
        return _edit_page(request, edit)
    former = _paths_of(request, session, edit.row)
    now = request.services.clock()
    entry = write_name(session, edit.kind, edit.row, edit.values(), user.actor, now)
    drafts.drop(session, user.user_id, request.path)
    if entry is None:
        return SeeOther(_name_path(request, edit.kind, edit.row.id))
    movies = movies_of(session, edit.kind, edit.row.id)
    note_pages(request.registry, session, entry, movies, former)
    return SeeOther(_name_path(request, edit.kind, edit.row.id, saved=entry.id))


def _preview(request: Request) -> dict[str, Any]:
    """The form, with the pages that saving it would affect: writes and rolls back."""
    with request.services.database.rollback_session() as session:
        edit = _NameEdit.of(request, session, safe_fields(request.POST))
        if edit.is_valid(session):
            former = _paths_of(request, session, edit.row)
            actor, now = require_user(request).actor, request.services.clock()
            write_name(session, edit.kind, edit.row, edit.values(), actor, now)
            movies = movies_of(session, edit.kind, edit.row.id)
            edit.affected = pages_of_change(request.registry, session, movies, former=former)
            edit.is_previewed = True
        else:
            request.response.status_int = 400
        session.rollback()
    edit.row = or_404(request.dbsession.get(NAME_MODELS[edit.kind], _asked_name(request)[1]))
    return _edit_page(request, edit)


def _edit_page(request: Request, edit: _NameEdit) -> dict[str, Any]:
    session, kind, row = request.dbsession, edit.kind, edit.row
    movies = shown_movies(session, kind, row.id)
    entries = latest_entries(session, subjects=(kind,), subject_id=row.id, limit=5)
    wanted = request.GET.get("saved", "")
    saved = next((each for each in entries if str(each.id) == wanted), None)
    return {
        "page": page_frame(request, edit.before["name"], _NAMES),
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
        "differences": edit.differences,
        "mistakes": edit.mistakes(),
        "merges": [
            Link(_merging_path(request, kind, row.id, each.row_id), each.name)
            for each in edit.taken
        ],
        "entries": entries,
        "undone": undone_by(session, [each.id for each in entries]),
        "saved": saved,
        "seconds": _seconds(session, saved),
    }


def _merging_page(request: Request, *, is_changed: bool = False) -> dict[str, Any]:
    kind, row_id = _asked_name(request)
    other_id = or_404(parse_id(request.matchdict["other"]))
    with request.services.database.rollback_session() as session:
        model = NAME_MODELS[kind]
        row, other = or_404(session.get(model, row_id)), or_404(session.get(model, other_id))
        digests, former = _pair_digests(kind, row, other), _paths_of(request, session, row, other)
        fields = [
            (name, value_as_text(getattr(row, name)), value_as_text(getattr(other, name)))
            for name in NAME_FIELDS[kind]
        ]
        title = _("Merge: ${name}", mapping={"name": row.name})
        page = page_frame(request, title, _NAMES)
        shown = [(each, shown_movies(session, kind, each.id)) for each in (row, other)]
        sides = [(each.id, each.name, movies) for each, movies in shown]
        done = or_404(_merge(request, session, kind, row_id, other_id))
        affected = pages_of_change(request.registry, session, done.movies, former=former)
        session.rollback()
    return {
        "page": page,
        "kind": kind,
        "sides": sides,
        "shown": SHOWN_MOVIES,
        "fields": fields,
        "digests": digests,
        "done": done,
        "affected": affected,
        "is_changed": is_changed,
        "swapped": _merging_path(request, kind, other_id, row_id),
        "back": request.route_path("manager.name_merge", kind=kind.value, row=row_id),
        "uses": _USES.get(kind, _("Films")),
    }


def _merge(
    request: Request, session: Session, kind: NamedKind, row_id: int, other_id: int
) -> NameMerge | None:
    by, now = require_user(request).actor, request.services.clock()
    return merge_names(session, kind, row_id, other_id, by, now)


def _is_as_shown(request: Request, kind: NamedKind, row: Any, other: Any) -> bool:
    """Whether the two rows of a merge are those that the page of the form has shown."""
    return text_param(request.POST, "digests") == _pair_digests(kind, row, other)


def _pair_digests(kind: NamedKind, row: Any, other: Any) -> str:
    return " ".join(name_digests_text(name_values(kind, each)) for each in (row, other))


def _asked_name(request: Request) -> tuple[NamedKind, int]:
    return _kind_of(request.matchdict["kind"]), or_404(parse_id(request.matchdict["row"]))


def _kind_of(text: str) -> NamedKind:
    try:
        return NamedKind(text)
    except ValueError:
        raise HTTPNotFound from None


def _query_text(request: Request) -> str:
    return " ".join(request.GET.get("q", "").split())[:_MAX_QUERY]


def _paths_of(request: Request, session: Session, *rows: Any) -> list[str]:
    """The paths of the pages of rows, before a change of them."""
    if request.services.page_cache is None:
        return []
    return [path for row in rows for path in paths_of_facet(request.registry, session, row)]


def _public_path(request: Request, kind: NamedKind, row: Any) -> str:
    """The path of the row's page in the language of the manager."""
    urls = PageUrls.of(request)
    path: str = getattr(urls, kind)(row)
    return path


def _name_path(request: Request, kind: NamedKind, row_id: int, **query: Any) -> str:
    path: str = request.route_path("manager.name", kind=kind.value, row=row_id, _query=query)
    return path


def _merging_path(request: Request, kind: NamedKind, row_id: int, other_id: int) -> str:
    values = {"kind": kind.value, "row": row_id, "other": other_id}
    path: str = request.route_path("manager.name_merging", **values)
    return path


def _seconds(session: Session, saved: AuditEntry | None) -> float | None:
    return seconds_until_fresh(session, reason_of(saved)) if saved else None
