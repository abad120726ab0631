"""Bulk actions: one change of many movies, counted before it is done."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.response import Response
from sqlalchemy import Select, select

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.models import Movie, Rating
from moziweb.request import Request
from moziweb.site.view_models import Link

from ..auth.return_url import is_htmx
from ..auth.sessions import require_user
from ..bulk import jobs
from ..bulk.jobs import (
    BULK_ITEMS_PER_PAGE,
    begin_counting,
    begin_running,
    bulk_items,
    lacks_worker,
    outcomes_of,
)
from ..bulk.models import BulkAction, BulkJob, BulkState, Outcome
from ..movies.list_query import ListQuery, conditions
from ..movies.queries import distributors_by_name, form_choices
from ..web.forms import one_line
from ..web.layout import after_commit, manager_view, page_frame
from ..web.params import id_params, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, ImportResource
from .home import filter_context

_JOB: Final = "manager.bulk_job"
_MOVIES: Final = "manager.movies"

BULK_NAMES: Final = {
    BulkAction.PUBLISH: _("Put on the site"),
    BulkAction.UNPUBLISH: _("Take off the site"),
    BulkAction.DISTRIBUTOR: _("Set the distributor"),
    BulkAction.RATING: _("Set the age rating"),
    BulkAction.MOVE: _("Move premieres by weeks"),
    BulkAction.POSTER: _("Make the newest picture the poster"),
    BulkAction.DELETE: _("Delete"),
    BulkAction.UNDO: _("Take changes back"),
}

OUTCOME_NAMES: Final = {
    Outcome.CHANGED: _("changed"),
    Outcome.SAME: _("as it was"),
    Outcome.REFUSED: _("not possible"),
}

MAX_WEEKS: Final = 104


@manager_view("bulk", permission=EDIT, method="POST")
def start(request: Request) -> Response:
    """Makes a job of the ticked movies, of all that the filter finds, or of a batch of changes."""
    action = _action(text_param(request.POST, "do"))
    rows = _changes(request) if action is BulkAction.UNDO else _chosen(request)
    user, now = require_user(request), request.services.clock()
    try:
        job = jobs.new_bulk_job(request.dbsession, user.actor, action, rows, now)
    except jobs.TooManyMovies:
        query = ListQuery.of(request.POST).params(done="bulk-too-many")
        return SeeOther(request.route_path(_MOVIES, _query=query))
    if not job.total:
        request.dbsession.delete(job)
        back = request.route_path(_MOVIES, _query={"done": "bulk-nothing"})
        return SeeOther(back)
    return _started(request, job)


@manager_view("bulk_job", permission=EDIT, renderer="bulk_job", method="GET")
def show(request: Request) -> dict[str, Any]:
    """The terms, the counted effects, the progress or the outcome of a job. Four queries."""
    return _page(request, _job(request))


@manager_view("bulk_job", permission=EDIT, renderer="bulk_job", method="POST")
def act(request: Request) -> dict[str, Any] | Response:
    """Sets the terms, does a counted job, or continues an interrupted one."""
    job, action = _job(request, lock=True), text_param(request.POST, "do")
    match action, job.state:
        case "count", BulkState.ASKING:
            terms, problem = _terms(request, job.action)
            if problem:
                request.response.status_int = 422
                return _page(request, job, problem=problem)
            begin_counting(job, terms)
        case "run", BulkState.COUNTED:
            begin_running(request.dbsession, job)
        case "run", BulkState.RUNNING | BulkState.DONE:  # a second click
            return SeeOther(request.route_path(_JOB, job=job.id))
        case "continue", BulkState.COUNTING | BulkState.RUNNING:
            pass
        case _other:
            raise HTTPBadRequest
    return _started(request, job)


def _action(text: str) -> BulkAction:
    try:
        return BulkAction(text)
    except ValueError:
        raise HTTPBadRequest from None


def _chosen(request: Request) -> Select[int, str]:
    """The movies that are ticked, or all that the list's query finds."""
    query = select(Movie.id, Movie.title)
    if text_param(request.POST, "which") == "all":
        wanted = ListQuery.of(request.POST, distributors_by_name(request.dbsession))
        return query.where(*conditions(wanted, filter_context(request), Movie.id))
    return query.where(Movie.id.in_(id_params(request.POST, "movie")))


def _changes(request: Request) -> Select[int, str]:
    batch = text_param(request.POST, "batch")
    if not jobs.is_whole(batch):
        raise HTTPBadRequest
    return jobs.changes_of_batch(batch)


def _terms(
    request: Request, action: BulkAction
) -> tuple[Mapping[str, Any], TranslationString | None]:
    """The terms of the form, or what is wrong with them."""
    fields = request.POST
    if action is BulkAction.DISTRIBUTOR:
        return {"distributor": one_line(text_param(fields, "distributor"))[:120]}, None
    if action is BulkAction.RATING:
        rating = text_param(fields, "rating")
        wrong = rating and rating not in set(Rating)
        return {"rating": rating}, _("Choose a rating of the list.") if wrong else None
    weeks, reason = text_param(fields, "weeks"), one_line(text_param(fields, "reason"))[:300]
    number = int(weeks) if weeks.lstrip("-").isdecimal() and len(weeks) < 5 else 0
    if not 0 < abs(number) <= MAX_WEEKS:
        return {}, _("Type by how many weeks: 1 for a week later, -1 for a week earlier.")
    if not reason:
        return {}, _("Type the reason: visitors see it beside the old date.")
    return {"weeks": number, "reason": reason}, None


def _started(request: Request, job: BulkJob) -> Response:
    if job.state is not BulkState.ASKING:
        after_commit(request, partial(request.services.bulk_runner.start, job.id))
    return SeeOther(request.route_path(_JOB, job=job.id))


def _job(request: Request, *, lock: bool = False) -> BulkJob:
    context: ImportResource = request.context
    return or_404(request.dbsession.get(BulkJob, context.job_id, with_for_update=lock or None))


def _page(
    request: Request, job: BulkJob, problem: TranslationString | None = None
) -> dict[str, Any]:
    session = request.dbsession
    is_running = job.state in (BulkState.COUNTING, BulkState.RUNNING)
    is_idle = lacks_worker(job, request.services.clock())
    was_interrupted = is_idle and (job.beat_at is not None or job.failed)
    if is_htmx(request) and (was_interrupted or not is_running):
        request.response.headers["HX-Refresh"] = "true"
    outcome = next((each for each in Outcome if each == request.GET.get("show")), None)
    items = bulk_items(session, job.id, outcome, parse_id(request.GET.get("after")) or 0)
    is_asking = job.state is BulkState.ASKING
    return {
        "page": page_frame(request, BULK_NAMES[job.action], _MOVIES),
        "job": job,
        "problem": request.localizer.translate(problem) if problem else "",
        "sent": request.POST,
        "choices": form_choices(session, request.locale_name) if is_asking else None,
        "ratings": tuple(Rating),
        "items": items[:BULK_ITEMS_PER_PAGE],
        "next": _href(request, job, outcome, items[BULK_ITEMS_PER_PAGE - 1].position)
        if len(items) > BULK_ITEMS_PER_PAGE
        else "",
        "outcomes": outcomes_of(session, job.id),
        "can_take_back": job.state is BulkState.DONE and jobs.changes_left(session, job.batch) > 0,
        "links": _links(request, job, outcome),
        "outcome_names": OUTCOME_NAMES,
        "running": is_running and not was_interrupted,
        "interrupted": was_interrupted,
    }


def _links(request: Request, job: BulkJob, shown: Outcome | None) -> tuple[Link, ...]:
    def link(outcome: Outcome | None, text: TranslationString) -> Link:
        name = request.localizer.translate(text)
        return Link(_href(request, job, outcome), name, outcome or "", current=outcome is shown)

    return (link(None, _("All")), *(link(each, name) for each, name in OUTCOME_NAMES.items()))


def _href(request: Request, job: BulkJob, outcome: Outcome | None, after: int = 0) -> str:
    query = {"show": outcome.value} if outcome else {}
    if after:
        query["after"] = str(after)
    return request.route_path(_JOB, job=job.id, _query=query)
