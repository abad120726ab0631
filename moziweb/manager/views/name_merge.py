"""Merging two people, genres, distributors or streaming services."""

from dataclasses import dataclass
from typing import Any

from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.former_addresses import id_key, successor
from moziweb.request import Request

from ..auth.sessions import require_user
from ..bin.queries import ROWS_PER_PAGE
from ..movies.affected_pages import note_pages, pages_of_change
from ..movies.conflicts import digests_of, digests_text, field_digests
from ..names.kinds import NAME_FIELDS, NAME_MODELS, NamedKind, value_as_text
from ..names.merging import NameMerge, lock_for_merge, merge_names
from ..names.pages import paths_before
from ..names.queries import SHOWN_MOVIES, alike_rows, named_rows, shown_movies
from ..web.layout import manager_view, page_frame
from ..web.params import or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT
from .names import NAMES_ROUTE, asked_name, merging_path, name_path, query_text, uses_text


@manager_view("name_merge", permission=EDIT, renderer="name_merge", method="GET")
def choose_merge(request: Request) -> dict[str, Any]:
    """Rows to merge a row with: those that contain ``?q=``, or have a word of its name."""
    kind, row_id = asked_name(request)
    session, text = request.dbsession, query_text(request)
    row = or_404(session.get(NAME_MODELS[kind], row_id))
    found = named_rows(session, kind, text) if text else alike_rows(session, kind, row)
    return {
        "page": page_frame(request, _("Merge: ${name}", mapping={"name": row.name}), NAMES_ROUTE),
        "kind": kind,
        "row": row,
        "text": text,
        "rows": [
            (each, merging_path(request, kind, row_id, each.id))
            for each in found[:ROWS_PER_PAGE]
            if each.id != row_id
        ],
        "uses": uses_text(kind),
        "suggest": request.route_path(
            "manager.name_suggestions", _query={"kind": kind.value, "without": row_id}
        ),
    }


@manager_view("name_merging", permission=EDIT, renderer="name_merging", method="GET")
def ask_merge(request: Request) -> dict[str, Any]:
    """What merging a row into another one does: merges and rolls back."""
    with request.services.database.rollback_session() as session:
        merging = or_404(_Merging.of(request, session, *_asked_pair(request)))
        page = merging.page(request, session)
        session.rollback()
    return page


@manager_view("name_merging", permission=EDIT, renderer="name_merging", method="POST")
def merge_two(request: Request) -> dict[str, Any] | Response:
    """Merges a row into another one.

    409 if what the page has shown was changed since then. After a merge the row leads to the kept
    one.
    """
    session, (kind, row_id, other_id) = request.dbsession, _asked_pair(request)
    merging = _Merging.of(request, session, kind, row_id, other_id)
    if merging is None:
        kept = or_404(successor(session, NAME_MODELS[kind], id_key(row_id)))
        return SeeOther(name_path(request, kind, kept.id))
    if changed := merging.changed_since(text_param(request.POST, "digests")):
        request.tm.doom()  # the page shows what a merge would do now
        request.response.status_int = 409
        return merging.page(request, session, changed)
    done = merging.done
    note_pages(request.registry, session, done.entry, done.movies, merging.former)
    return SeeOther(name_path(request, kind, other_id, saved=done.entry.id))


@dataclass(frozen=True, slots=True)
class _Merging:
    """A merge, with what its page shows of the two rows before it.

    ``fields`` are the texts of both by field, ``sides`` their ids, names and movies, ``former`` the
    paths of their pages.
    """

    kind: NamedKind
    fields: dict[str, tuple[str, str]]
    sides: tuple[tuple[int, str, list[tuple[int, str]]], ...]
    former: list[str]
    done: NameMerge

    @classmethod
    def of(
        cls, request: Request, session: Session, kind: NamedKind, row_id: int, other_id: int
    ) -> "_Merging | None":
        """Merges two rows; None if they are not two existing ones."""
        rows, _movies = lock_for_merge(session, kind, row_id, other_id)
        if len(rows) < 2:
            return None
        pair = rows[row_id], rows[other_id]
        texts = (
            (name, tuple(value_as_text(getattr(each, name)) for each in pair))
            for name in NAME_FIELDS[kind]
        )
        fields = {name: (merged, kept) for name, (merged, kept) in texts}
        sides = tuple((each.id, each.name, shown_movies(session, kind, each.id)) for each in pair)
        former = paths_before(request.registry, session, kind, row_id, other_id)
        by, now = require_user(request).actor, request.services.clock()
        done = or_404(merge_names(session, kind, row_id, other_id, by, now))
        return cls(kind, fields, sides, former, done)

    def changed_since(self, digests: str) -> frozenset[str]:
        """Returns what differs from the page with these digests."""
        shown = digests_of(digests)
        now = field_digests(self._shown())
        return frozenset(name for name in now if shown.get(name) != now[name])

    def page(
        self, request: Request, session: Session, changed: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """Returns the values of the template."""
        (row_id, name, _movies), (other_id, *_rest) = self.sides
        registry, kind = request.registry, self.kind
        affected = pages_of_change(registry, session, self.done.movies, former=self.former)
        title = _("Merge: ${name}", mapping={"name": name})
        return {
            "page": page_frame(request, title, NAMES_ROUTE),
            "kind": kind,
            "sides": self.sides,
            "shown": SHOWN_MOVIES,
            "fields": self.fields,
            "digests": digests_text(self._shown()),
            "done": self.done,
            "affected": affected,
            "changed": changed,
            "swapped": merging_path(request, kind, other_id, row_id),
            "back": request.route_path("manager.name_merge", kind=kind.value, row=row_id),
            "uses": uses_text(kind),
        }

    def _shown(self) -> dict[str, Any]:
        lost = tuple((each.field, each.kept, each.lost) for each in self.done.lost)
        counts = self.done.moved, self.done.joined, lost
        movies = tuple(tuple(shown) for _row_id, _name, shown in self.sides)
        return {**self.fields, "films": movies, "uses": counts}


def _asked_pair(request: Request) -> tuple[NamedKind, int, int]:
    return *asked_name(request), or_404(parse_id(request.matchdict["other"]))
