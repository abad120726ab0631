"""A week's grid: premieres and new movies, typed row by row and saved at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from babel.dates import format_skeleton
from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.response import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import Week, budapest_today, in_bounds
from moziweb.movies.models import PremiereKind, Rating, ScreenFormat
from moziweb.posters.importer_port import ImportedPosters
from moziweb.request import Request
from moziweb.site.formatting import AUDIO_NAMES, KIND_NAMES, Formatter, babel_locale
from moziweb.site.presenters.period_nav import week_label
from moziweb.site.view_models import Link

from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..bulk.jobs import changes_left
from ..grid.columns import GRID_COLUMNS, CellReader
from ..grid.rows import (
    MAX_GRID_ROWS,
    GridRow,
    add_blank_grid_rows,
    grid_movies,
    mistakes_of_rows,
    read_rows,
    week_rows,
)
from ..grid.saving import GRID_BATCH, GridSave
from ..movies.affected_pages import (
    AffectedPages,
    pages_of_change,
    reason_of,
    seconds_until_fresh,
)
from ..movies.queries import FormChoices, form_choices
from ..movies.values import MovieValues
from ..movies.warnings import WarningKind, warnings_of
from ..web import drafts, submissions
from ..web.layout import manager_view, page_frame
from ..web.params import asked_action, safe_fields
from ..web.redirects import SeeOther
from ..web.resources import EDIT

MAX_PICTURES: Final = 80
"""Fields for files: a form with files has a hundred parts at most (`web.request_limits`)."""

MAX_TOGETHER: Final = 18_000_000
"""Bytes of a request with files: less than ``max_request_body_size``, which has no page.

The script sends a request for each file.
"""

_GRID: Final = "manager.week_grid"

_MADE: Final = "made="
"""The parameter of a path after a save that has made movies: their number."""

_NEAR: Final = range(-1, 9)
"""The weeks that a grid links to, relative to its own."""


@dataclass(slots=True)
class GridPage:
    """What the page of a grid shows. ``saved_before`` is the path of the form's first result.

    ``poster_errors`` say what is wrong with the files of movies, by id; ``posters_saved`` is the
    number of the others.
    """

    request: Request
    session: Session
    week: Week
    reader: CellReader
    rows: list[GridRow]
    choices: FormChoices
    is_typed: bool = False
    affected: AffectedPages | None = None
    is_previewed: bool = False
    warnings: Sequence[Any] = ()
    has_conflicts: bool = False
    saved_before: str = ""
    problem: str = ""
    poster_errors: Mapping[int, str] = field(default_factory=dict)
    posters_saved: int = 0

    @classmethod
    def of(cls, request: Request, session: Session, fields: Any = None) -> "GridPage":
        """Returns the page with the rows of a form, or else with those of the week."""
        week, reader = week_of_path(request), _reader(request)
        if fields is None:
            rows = week_rows(session, week, reader)
            add_blank_grid_rows(rows)
        else:
            rows = _rows(fields)
        choices = form_choices(session, request.locale_name)
        return cls(request, session, week, reader, rows, choices, is_typed=fields is not None)

    def save(self) -> GridSave:
        """Returns a save of the rows."""
        editor = self.request.services.poster_editor
        return GridSave(self.session, self.reader, editor, self.week)


@manager_view("week_grid", permission=EDIT, renderer="week_grid", method="GET")
def week_grid(request: Request) -> dict[str, Any]:
    """The premieres of a week and empty rows, or a draft."""
    return grid_values(GridPage.of(request, request.dbsession, drafts.asked(request)))


@manager_view("week_grid", permission=EDIT, renderer="week_grid", method="POST")
def save_or_preview_grid(request: Request) -> dict[str, Any] | Response:
    """Saves or previews, depending on the button ``do``."""
    return _ACTIONS[asked_action(request.POST, _ACTIONS)](request)


@manager_view("week_grid_affected_pages", permission=EDIT, renderer="affected_pages", method="POST")
def preview_grid_pages(request: Request) -> dict[str, Any]:
    """The affected pages as a fragment; htmx requests it while the editor types."""
    page = _dry_run(request)
    return {
        "affected": page.affected,
        "is_previewed": page.is_previewed,
        "valid": page.is_previewed,
        "warnings": page.warnings,
    }


def week_of_path(request: Request) -> Week:
    """Returns the week of the request. Raises ``HTTPNotFound`` for another name."""
    try:
        return Week.parse(request.matchdict["week"])
    except ValueError:
        raise HTTPNotFound from None


def _save(request: Request) -> dict[str, Any] | Response:
    page = GridPage.of(request, request.dbsession, safe_fields(request.POST))
    user, now, session = require_user(request), request.services.clock(), page.session
    save = page.save()
    if not save.merge(page.rows):
        page.has_conflicts = save.has_conflicts
        return _refused(page, 409 if save.has_conflicts else 400)
    made = submissions.begin(session, user.user_id, request.POST, now)
    if made and _MADE in made.path and any(row.is_new for row in page.rows):
        # The new rows would make their movies once more.
        if made.digest == submissions.fields_digest(request.POST):
            return SeeOther(made.path)
        page.saved_before = made.path
        return _refused(page, 409)
    entries = save.write(user.actor, now)
    drafts.drop(session, user.user_id, request.path)
    if entries:
        _note_pages(page, save, entries)
    query = {"saved": entries[0].id} if entries else {}
    if new := sum(entry.action == "film.create" for entry in entries):
        query["made"] = new
    path = request.route_path(_GRID, week=page.week.name, _query=query)
    if made is not None:
        made.path = path
    return SeeOther(path)


def _refused(page: GridPage, status: int) -> dict[str, Any]:
    page.request.response.status_int = status
    return grid_values(page)


def _note_pages(page: GridPage, save: GridSave, entries: Sequence[AuditEntry]) -> None:
    """Stores the affected pages of the whole save in each of its entries."""
    found = pages_of_change(page.request.registry, page.session, save.movies)
    for entry in entries:
        entry.pages = list(found.pages) if found else []
    page.session.info[REASON] = reason_of(entries[0])


def _preview(request: Request) -> dict[str, Any]:
    page = _dry_run(request)
    if not page.is_previewed:
        request.response.status_int = 400
    page.session = request.dbsession
    return grid_values(page)


def _add_rows(request: Request) -> dict[str, Any]:
    page = GridPage.of(request, request.dbsession, safe_fields(request.POST))
    add_blank_grid_rows(page.rows)
    return grid_values(page)


_ACTIONS: Final[dict[str, Callable[[Request], dict[str, Any] | Response]]] = {
    "save": _save,
    "preview": _preview,
    "more": _add_rows,
}


def _dry_run(request: Request) -> GridPage:
    """The form, with the pages that saving it would affect: writes and rolls back."""
    with request.services.database.rollback_session() as session:
        page = GridPage.of(request, session, safe_fields(request.POST))
        save = page.save()
        if save.merge(page.rows):
            page.warnings = save.warnings(page.choices)
            save.write(require_user(request).actor, request.services.clock())
            session.flush()
            page.affected = pages_of_change(request.registry, session, save.movies)
            page.is_previewed = True
        page.has_conflicts = save.has_conflicts
        session.rollback()
    return page


def _rows(fields: Any) -> list[GridRow]:
    try:
        return read_rows(fields)
    except ValueError:
        raise HTTPBadRequest from None


def _reader(request: Request) -> CellReader:
    formatter = Formatter(request.locale_name, request.localizer.translate)
    policy = request.services.poster_editor.policy
    today = budapest_today(request.services.clock())
    return CellReader(formatter, today, ImportedPosters(policy).is_allowed_url)


def grid_values(page: GridPage) -> dict[str, Any]:
    """Returns the values of the template."""
    request, week, reader = page.request, page.week, page.reader
    label = week_label(reader.formatter, week)
    title = _("The week in a table: ${week}", mapping={"week": label})
    movies = grid_movies(page.session, page.rows)
    path = request.route_path(_GRID, week=week.name)
    return {
        "page": page_frame(request, title, "manager.movies", path=path),
        "week": week,
        "weeks": _weeks(page),
        "rows": page.rows,
        "most_rows": MAX_GRID_ROWS,
        "columns": GRID_COLUMNS,
        "movies": movies,
        "pictured": tuple(movies.values())[:MAX_PICTURES],
        "lists": _lists(page),
        "defaults": {"date": week.start, "kind": reader.formatter.kind_text(PremiereKind.CINEMA)},
        "choices": page.choices,
        "mistakes": mistakes_of_rows(page.rows),
        "has_conflicts": page.has_conflicts,
        "unsaved": page.is_typed,
        "affected": page.affected,
        "is_previewed": page.is_previewed,
        "warnings": page.warnings,
        "problem": page.problem,
        "poster_errors": page.poster_errors,
        "posters_saved": page.posters_saved,
        "saved_before": page.saved_before,
        "submission": _submission_token(page),
        "most_bytes": request.services.posters.limits.bytes,
        "most_together": MAX_TOGETHER,
        **_saved(page),
    }


def _weeks(page: GridPage) -> tuple[Link, ...]:
    """Links to the weeks around the grid's own, by their Thursdays: ``dec. 3.``."""
    path, locale = page.request.route_path, babel_locale(page.request.locale_name)
    near = [page.week.shifted(number) for number in _NEAR]
    return tuple(
        Link(
            path(_GRID, week=each.name),
            format_skeleton("MMMd", each.start, locale=locale),
            each.start.isoformat(),
            current=each == page.week,
        )
        for each in near
        if in_bounds(each)
    )


def _lists(page: GridPage) -> dict[str, Sequence[str]]:
    """Suggestions for cells, by column."""
    names = page.reader.names
    return {
        "kind": names(KIND_NAMES),
        "distributor": page.choices.distributors,
        "service": page.choices.services,
        "rating": [each.value for each in Rating],
        "formats": [each.value for each in ScreenFormat],
        "audio": names(AUDIO_NAMES),
    }


def _submission_token(page: GridPage) -> str:
    given = page.request.POST.get(submissions.FIELD)
    is_usable = isinstance(given, str) and given and not page.saved_before
    return str(given) if is_usable else submissions.new_token()


def _saved(page: GridPage) -> dict[str, Any]:
    """The save that has led here: its entries, and warnings about its new movies."""
    session, number = page.session, parse_id(page.request.GET.get("saved", ""))
    first = session.get(AuditEntry, number) if number else None
    batch = (first.batch if first else "") or ""
    if first is None or not batch.startswith(GRID_BATCH) or not changes_left(session, batch):
        return {"entries": (), "saved_warnings": (), "seconds": None}
    query = select(AuditEntry).where(AuditEntry.batch == batch).order_by(AuditEntry.id)
    entries = session.scalars(query).all()
    return {
        "entries": entries,
        "saved_warnings": _warnings(page, entries),
        "seconds": seconds_until_fresh(session, reason_of(first)),
    }


def _warnings(page: GridPage, entries: Sequence[AuditEntry]) -> list[Any]:
    """The namesakes of the new movies of a save. One query for each."""
    today, kinds = page.reader.today, {WarningKind.TITLE}
    found: list[Any] = []
    for each in entries:
        if each.action == "film.create":
            values = MovieValues(title=each.subject_name)
            number = each.subject_id
            found += warnings_of(page.session, number, values, MovieValues(), today, kinds)
    return found
