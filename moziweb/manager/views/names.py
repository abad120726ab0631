"""People, genres, distributors and streaming services: lists and suggestions."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.view import view_config

from moziweb.db.types import parse_id
from moziweb.i18n import DOMAIN, _
from moziweb.request import Request
from moziweb.site.view_models import Link

from ..bin.models import BinKind
from ..bin.queries import ROWS_PER_PAGE
from ..names.kinds import NamedKind
from ..names.queries import named_rows, suggestions
from ..web.layout import manager_view, page_frame
from ..web.params import or_404
from ..web.resources import EDIT

NAMES_ROUTE: Final = "manager.names"
_MAX_QUERY: Final = 100

_PLURALS: Final = {
    NamedKind.PERSON: _("People"),
    NamedKind.GENRE: _("Genres"),
    NamedKind.DISTRIBUTOR: _("Distributors"),
    NamedKind.SERVICE: _("Streaming services"),
}

_USES: Final = {
    NamedKind.PERSON: _("Roles"),
    NamedKind.SERVICE: _("Premieres"),
}


@manager_view("names", permission=EDIT, renderer="names", method="GET")
def names(request: Request) -> dict[str, Any]:
    """A page of names of one kind that contain ``?q=``. Three queries at most."""
    kind = next((each for each in NamedKind if each == request.GET.get("kind")), NamedKind.PERSON)
    text, after = query_text(request), parse_id(request.GET.get("after"))
    rows = named_rows(request.dbsession, kind, text, after)
    first = {"kind": kind.value, **({"q": text} if text else {})}
    more = {**first, "after": rows[ROWS_PER_PAGE - 1].id} if len(rows) > ROWS_PER_PAGE else {}
    translate = request.localizer.translate
    return {
        "page": page_frame(request, _("Names"), NAMES_ROUTE),
        "kind": kind,
        "text": text,
        "rows": rows[:ROWS_PER_PAGE],
        "kinds": [
            Link(request.route_path(NAMES_ROUTE, _query={"kind": each.value}), translate(name),
                 current=each is kind)
            for each, name in _PLURALS.items()
        ],
        "uses": uses_text(kind),
        "can_delete": kind.value in {*BinKind},
        "first": request.route_path(NAMES_ROUTE, _query=first) if after else "",
        "next": request.route_path(NAMES_ROUTE, _query=more) if more else "",
    }  # fmt: skip


@view_config(
    route_name="manager.name_suggestions", permission=EDIT, request_method="GET", renderer="json"
)
def suggest_names(request: Request) -> dict[str, Any]:
    """Rows whose names contain ``?q=``, for ``suggest.js``. Three queries at most.

    With ``without``, the id of a row, they are links to its merge with them.
    """
    kind = name_kind_of(request.GET.get("kind", ""))
    without = parse_id(request.GET.get("without"))
    found = suggestions(request.dbsession, kind, query_text(request), without)
    translate, ngettext = request.localizer.translate, request.localizer.pluralize
    items = []
    for each in found:
        count = {"count": each.movies}
        note = ngettext("${count} film", "${count} films", each.movies, DOMAIN, count)
        item = {"id": each.id, "text": each.name, "note": f"{note} · {each.title}".rstrip(" ·")}
        if without is not None:
            item["href"] = merging_path(request, kind, without, each.id)
        items.append(item)
    number = {"count": len(items)}
    status = (
        ngettext("${count} suggestion", "${count} suggestions", len(items), DOMAIN, number)
        if items
        else translate(_("No suggestions"))
    )
    return {"status": status, "items": items}


def asked_name(request: Request) -> tuple[NamedKind, int]:
    """Returns the kind and the id of the path. Raises ``HTTPNotFound``."""
    return name_kind_of(request.matchdict["kind"]), or_404(parse_id(request.matchdict["row"]))


def name_kind_of(text: str) -> NamedKind:
    """Returns the kind of that value. Raises ``HTTPNotFound``."""
    try:
        return NamedKind(text)
    except ValueError:
        raise HTTPNotFound from None


def query_text(request: Request) -> str:
    """Returns the words of ``?q=``."""
    return " ".join(request.GET.get("q", "").split())[:_MAX_QUERY]


def uses_text(kind: NamedKind) -> TranslationString:
    """Returns what movies have of a kind."""
    return _USES.get(kind, _("Films"))


def name_path(request: Request, kind: NamedKind, row_id: int, **query: Any) -> str:
    """Returns the path of the page of a row."""
    path: str = request.route_path("manager.name", kind=kind.value, row=row_id, _query=query)
    return path


def merging_path(request: Request, kind: NamedKind, row_id: int, other_id: int) -> str:
    """Returns the path of the merge of a row into another one."""
    values = {"kind": kind.value, "row": row_id, "other": other_id}
    path: str = request.route_path("manager.name_merging", **values)
    return path
