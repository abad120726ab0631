"""Imports: starting one, its preview, choosing items, results."""

from functools import partial
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.response import Response

from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.file_readers import MAX_LIST_ROWS, read_table, shown_headings
from moziweb.movies.importers.planning import Effect
from moziweb.movies.importers.problems import ImportRefused, InvalidValue
from moziweb.movies.importers.tmdb.source import SearchResult
from moziweb.posters.importer_port import ImportedPosters
from moziweb.request import Request
from moziweb.site.view_models import Link

from ..auth.return_url import is_htmx
from ..auth.sessions import require_user
from ..imports import jobs
from ..imports.form_data import ItemQuery, columns_of, days_of, ids_of
from ..imports.jobs import (
    ITEMS_PER_PAGE,
    add_items,
    effects_of,
    is_abandoned,
    items_of,
    new_job,
    waiting_of,
)
from ..imports.models import ImportJob, JobKind, JobState
from ..web.forms import one_line
from ..web.layout import after_commit, manager_view, page_frame
from ..web.params import id_params, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, ImportResource
from ..web.template_filters import EFFECTS

_ROUTE: Final = "manager.imports"
_JOB: Final = "manager.import"

TMDB_WAIT_SECONDS: Final = 4.0
"""Approximate seconds that a request waits for TMDB: the site has few threads."""

MAX_UPLOAD: Final = 10_000_000
"""Bytes of a file; a list of 10,000 movies has two million."""


@manager_view("imports", permission=EDIT, renderer="imports", method="GET")
def imports(request: Request) -> dict[str, Any]:
    """Forms to start an import, search results of TMDB, and the latest imports. One query."""
    title = one_line(text_param(request.GET, "title"))[:200]
    try:
        asked = title and _has_tmdb(request)
        found = request.services.tmdb.search(title, timeout=TMDB_WAIT_SECONDS) if asked else None
    except ImportRefused as error:
        return _page(request, problem=error.text, title=title)
    return _page(request, found=found, title=title)


@manager_view("imports", permission=EDIT, renderer="imports", method="POST")
def start_import(request: Request) -> dict[str, Any] | Response:
    """Starts an import; shows an error on the same page."""
    actions = {"movies": _movies, "premieres": _premieres, "file": _file}
    action = actions.get(text_param(request.POST, "do"))
    if action is None:
        raise HTTPBadRequest
    try:
        job = action(request)
    except (ImportRefused, InvalidValue) as error:
        request.response.status_int = 422
        return _page(request, problem=error.text)
    return _started(request, job)


@manager_view("import", permission=EDIT, renderer="import", method="GET")
def one_import(request: Request) -> dict[str, Any]:
    """An import's items and progress. At most four queries.

    While a worker runs, htmx polls the progress; afterwards it reloads the whole page.
    """
    job = _job(request)
    running = job.state in (JobState.LOOKING, JobState.APPLYING)
    abandoned = is_abandoned(job, request.services.clock()) and job.beat_at is not None
    if is_htmx(request) and (abandoned or not running):
        request.response.headers["HX-Refresh"] = "true"
    query = ItemQuery.of(request.GET)
    items = items_of(request.dbsession, job.id, query.effect, query.after)
    effects = effects_of(request.dbsession, job.id)
    waiting = waiting_of(request.dbsession, job.id)
    return {
        "page": page_frame(request, job.title, _ROUTE),
        "job": job,
        "ignored": shown_headings(job.terms.get("ignored", ())),
        "items": items[:ITEMS_PER_PAGE],
        "effects": effects,
        "choices": _choices(request, job, query),
        "next": _href(request, job, query, items[ITEMS_PER_PAGE - 1].position)
        if len(items) > ITEMS_PER_PAGE
        else "",
        "can_choose": job.state is JobState.LOOKED and waiting.items > 0,
        "waiting": waiting,
        "next_after": items[ITEMS_PER_PAGE - 1].position if len(items) > ITEMS_PER_PAGE else 0,
        "running": running,
        "abandoned": abandoned,
    }


@manager_view("import", permission=EDIT, method="POST")
def apply_or_continue(request: Request) -> Response:
    """Applies the chosen items or all, turns the page, or continues an interrupted import.

    The ticks of the page are stored with the job, so a choice can be made on several pages.
    """
    job, session = _job(request), request.dbsession
    action = request.POST.get("do")
    if action == "continue" and is_abandoned(job, request.services.clock()):
        return _started(request, job)
    if action not in {"chosen", "all", "turn"} or job.state is not JobState.LOOKED:
        raise HTTPBadRequest
    if action == "all":
        jobs.choose_all(session, job)
    else:
        shown, ticked = id_params(request.POST, "shown"), id_params(request.POST, "movie")
        jobs.note_choice(session, job, shown, ticked)
    if action == "turn":
        names = ("show", "after")
        query = ItemQuery.of({name: text_param(request.POST, name) for name in names})
        return SeeOther(_href(request, job, query, query.after))
    if not jobs.begin_applying(session, job):
        return SeeOther(request.route_path(_JOB, job=job.id))
    return _started(request, job)


def _movies(request: Request) -> ImportJob:
    wanted = ids_of(request.POST)
    names = ", ".join([*map(str, wanted["tmdb"]), *map(str, wanted["imdb"])])
    title = _translate(request, _("Films from TMDB: ${ids}", mapping={"ids": names}))
    return _from_tmdb(request, JobKind.MOVIES, title, wanted)


def _premieres(request: Request) -> ImportJob:
    first, last = days_of(request.POST)
    days = {"first": first.isoformat(), "last": last.isoformat()}
    title = _translate(request, _("Hungarian premieres, ${first} – ${last}", mapping=days))
    return _from_tmdb(request, JobKind.PREMIERES, title, days)


def _from_tmdb(request: Request, kind: JobKind, title: str, terms: dict[str, Any]) -> ImportJob:
    if not _has_tmdb(request):
        raise ImportRefused(_NO_TOKEN)
    now = request.services.clock()
    return new_job(request.dbsession, require_user(request).actor, kind, title, terms, now)


def _file(request: Request) -> ImportJob:
    upload: Any = request.POST.get("file")
    if not hasattr(upload, "file"):
        raise ImportRefused(_("choose a file"))
    with upload.file as file:
        data = file.read(MAX_UPLOAD + 1)
    if len(data) > MAX_UPLOAD:
        raise ImportRefused(_("the file is larger than ${most} MB"), most=MAX_UPLOAD // 1_000_000)
    now = request.services.clock()
    table = read_table(data, columns_of(request.POST))
    terms = ListOptions(
        budapest_today(now),
        ImportedPosters(request.services.poster_editor.policy).is_allowed_url,
        one_line(text_param(request.POST, "list"))[:30],
        text_param(request.POST, "date_format")[:40],
    )
    kept = {"ignored": table.ignored[:50], "rows": len(table.rows)}
    title = upload.filename[:300] or "?"
    actor = require_user(request).actor
    job = new_job(request.dbsession, actor, JobKind.FILE, title, kept, now)
    add_items(request.dbsession, job, candidates_of(table, terms))
    return job


_NO_TOKEN: Final = _("there is no token for TMDB; ask the operator of the site (tmdb.token)")


def _started(request: Request, job: ImportJob) -> Response:
    """Starts the runner after the commit, when the job is visible to it."""
    after_commit(request, partial(request.services.import_runner.start, job.id))
    return SeeOther(request.route_path(_JOB, job=job.id))


def _page(
    request: Request,
    *,
    problem: TranslationString | str = "",
    found: tuple[SearchResult, ...] | None = None,
    title: str = "",
) -> dict[str, Any]:
    return {
        "page": page_frame(request, _("Imports"), _ROUTE),
        "jobs": jobs.latest_jobs(request.dbsession),
        "problem": _translate(request, problem),
        "found": found,
        "title": title,
        "sent": request.POST,
        "today": budapest_today(request.services.clock()),
        "has_tmdb": _has_tmdb(request),
        "max_rows": MAX_LIST_ROWS,
        "max_upload": MAX_UPLOAD,
    }


def _choices(request: Request, job: ImportJob, query: ItemQuery) -> tuple[Link, ...]:
    def link(effect: Effect | None, text: TranslationString) -> Link:
        href = _href(request, job, ItemQuery(effect))
        return Link(href, _translate(request, text), effect or "", current=effect is query.effect)

    return (link(None, _("All")), *(link(effect, text) for effect, text in EFFECTS.items()))


def _href(request: Request, job: ImportJob, query: ItemQuery, after: int = 0) -> str:
    return request.route_path(_JOB, job=job.id, _query=ItemQuery(query.effect, after).params())


def _job(request: Request) -> ImportJob:
    context: ImportResource = request.context
    return or_404(request.dbsession.get(ImportJob, context.job_id))


def _has_tmdb(request: Request) -> bool:
    return request.registry.settings["tmdb.token"] is not None


def _translate(request: Request, text: TranslationString | str) -> str:
    return str(request.localizer.translate(text))
