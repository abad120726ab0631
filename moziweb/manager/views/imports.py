"""Imports: starting one, its preview, choosing items, results."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.response import Response

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today
from moziweb.movies.importers.file_readers import MAX_LIST_ROWS
from moziweb.movies.importers.headings import shown_headings
from moziweb.movies.importers.list_formats import is_clear, remembered_reading, sample_of
from moziweb.movies.importers.planning import Effect
from moziweb.movies.importers.problems import ImportRefused, InvalidValue
from moziweb.movies.importers.tmdb.source import SearchResult
from moziweb.posters.importer_port import ImportedPosters
from moziweb.request import Request
from moziweb.site.view_models import Link

from ..auth.return_url import is_htmx
from ..auth.sessions import require_user
from ..bulk.jobs import changes_left
from ..imports import jobs
from ..imports.form_data import ItemQuery, days_of, ids_of, matches_of
from ..imports.jobs import (
    ITEMS_PER_PAGE,
    effects_of,
    is_abandoned,
    items_of,
    new_job,
    waiting_of,
)
from ..imports.lists import add_upload, names_of_lists, start_list_import, waiting_uploads
from ..imports.models import ImportJob, JobKind, JobState
from ..web.forms import one_line
from ..web.layout import after_commit, manager_view, page_frame
from ..web.params import id_params, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, ImportResource
from ..web.template_filters import EFFECTS

_ROUTE: Final = "manager.imports"
_JOB: Final = "manager.import"
LIST_ROUTE: Final = "manager.import_list"

TMDB_WAIT_SECONDS: Final = 4.0
"""Approximate seconds that a request waits for TMDB: the site has few threads."""

MAX_UPLOAD: Final = 10_000_000
"""Bytes of a file; a list of 10,000 movies has two million."""


@manager_view("imports", permission=EDIT, renderer="imports", method="GET")
def imports(request: Request) -> dict[str, Any]:
    """Forms to start an import, search results of TMDB, and the latest imports. Four queries."""
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
        return action(request)
    except (ImportRefused, InvalidValue) as error:
        request.response.status_int = 422
        return _page(request, problem=error.text)


@manager_view("import", permission=EDIT, renderer="import", method="GET")
def one_import(request: Request) -> dict[str, Any]:
    """An import's items and progress. At most five queries.

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
    is_written = waiting.applied > 0 and not running
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
        "can_take_back": is_written and changes_left(request.dbsession, job.batch) > 0,
        "can_choose": job.state is JobState.LOOKED and bool(waiting),
        "waiting": waiting,
        "position": query.after,
        "can_read_again": job.state is JobState.LOOKED and "upload" in job.terms,
        "next_after": items[ITEMS_PER_PAGE - 1].position if len(items) > ITEMS_PER_PAGE else 0,
        "running": running,
        "abandoned": abandoned,
    }


@manager_view("import", permission=EDIT, method="POST")
def apply_or_continue(request: Request) -> Response:
    """Applies the chosen items or all, turns the page, or continues an interrupted import.

    The ticks and films of the page are stored with the job, so a choice can be made on several
    pages.
    """
    job, session = _job(request), request.dbsession
    action = request.POST.get("do")
    if action == "continue" and is_abandoned(job, request.services.clock()):
        return start_runner(request, job)
    if action not in {"chosen", "all", "turn", "match"} or job.state is not JobState.LOOKED:
        raise HTTPBadRequest
    query = ItemQuery.of({name: text_param(request.POST, name) for name in ("show", "after")})
    if action == "all":
        jobs.choose_all(session, job)
    else:
        shown, ticked = id_params(request.POST, "shown"), id_params(request.POST, "movie")
        jobs.note_choice(session, job, shown, ticked)
    job.terms = {**job.terms, "publish": "publish" in request.POST}
    if action == "turn":
        _note_matches(request, job)
        return SeeOther(_href(request, job, query, query.after))
    # A film that was chosen for a row is shown with its differences before it is written.
    if _note_matches(request, job) or action == "match":
        return SeeOther(_href(request, job, query, parse_id(text_param(request.POST, "from")) or 0))
    if not jobs.begin_applying(session, job):
        return SeeOther(request.route_path(_JOB, job=job.id))
    return start_runner(request, job)


def _note_matches(request: Request, job: ImportJob) -> bool:
    """Stores which films rows are, and plans these again; whether any was changed."""
    changed = jobs.changed_choices(request.dbsession, job, matches_of(request.POST))
    for item in changed:
        jobs.note_plan(item, request.services.import_runner.plan_again(item))
    return bool(changed)


def _movies(request: Request) -> Response:
    wanted = ids_of(request.POST)
    names = ", ".join([*map(str, wanted["tmdb"]), *map(str, wanted["imdb"])])
    title = _translate(request, _("Films from TMDB: ${ids}", mapping={"ids": names}))
    return _from_tmdb(request, JobKind.MOVIES, title, wanted)


def _premieres(request: Request) -> Response:
    first, last = days_of(request.POST)
    days = {"first": first.isoformat(), "last": last.isoformat()}
    title = _translate(request, _("Hungarian premieres, ${first} – ${last}", mapping=days))
    return _from_tmdb(request, JobKind.PREMIERES, title, days)


def _from_tmdb(request: Request, kind: JobKind, title: str, terms: dict[str, Any]) -> Response:
    if not _has_tmdb(request):
        raise ImportRefused(_NO_TOKEN)
    now, by = request.services.clock(), require_user(request).actor
    return start_runner(request, new_job(request.dbsession, by, kind, title, terms, now))


def _file(request: Request) -> Response:
    """Stores a list; asks for encoding and columns unless they are known."""
    upload: Any = request.POST.get("file")
    if not hasattr(upload, "file"):
        raise ImportRefused(_("choose a file"))
    with upload.file as file:
        data = file.read(MAX_UPLOAD + 1)
    if len(data) > MAX_UPLOAD:
        raise ImportRefused(_("the file is larger than ${most} MB"), most=MAX_UPLOAD // 1_000_000)
    session, now, by = request.dbsession, request.services.clock(), require_user(request).actor
    reading = remembered_reading(session, one_line(text_param(request.POST, "list"))[:30])
    sample = sample_of(data, reading)
    stored = add_upload(session, by, upload.filename or "?", data, reading, now)
    if not is_clear(sample, reading):
        return SeeOther(request.route_path(LIST_ROUTE, upload=stored.id))
    try:
        job = start_list_import(session, by, stored, reading, url_check(request), now)
    except ImportRefused:
        session.delete(stored)
        raise
    return start_runner(request, job)


_NO_TOKEN: Final = _("there is no token for TMDB; ask the operator of the site (tmdb.token)")


def url_check(request: Request) -> Callable[[str], bool]:
    """Returns whether an image may be fetched from a URL."""
    return ImportedPosters(request.services.poster_editor.policy).is_allowed_url


def start_runner(request: Request, job: ImportJob) -> Response:
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
        "uploads": waiting_uploads(request.dbsession),
        "list_names": names_of_lists(request.dbsession),
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
