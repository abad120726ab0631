"""The posters dashboard: state of all posters, failures, retrying."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response

from moziweb.i18n import _
from moziweb.posters.maintenance.status import Retry, poster_status
from moziweb.posters.maintenance.throughput import hourly_throughput
from moziweb.request import Request

from ..audit.log import POSTERS_SUBJECT, Subject, record
from ..auth.sessions import require_user
from ..dashboards.posters import (
    came_chart,
    causes_of,
    failures_by_host,
    made_chart,
    states_of,
    time_left,
    waiting_chart,
)
from ..web.layout import manager_view, page_frame
from ..web.params import text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE

ROUTE: Final = "manager.posters_dashboard"


@manager_view("posters_dashboard", permission=SEE, renderer="posters_dashboard", method="GET")
def posters_dashboard(request: Request) -> dict[str, Any]:
    """The dashboard; htmx polls it. Seven queries, eight on a small site."""
    session, now = request.dbsession, request.services.clock()
    counts = request.services.poster_counter.latest(session, now)
    found = poster_status(session)
    hours = hourly_throughput(session, now)
    samples = request.services.waiting_posters.note(now, found.waiting)
    return {
        "page": page_frame(request, _("Posters"), ROUTE),
        "now": now,
        "found": found,
        "counts": counts,
        "counting_failed": request.services.poster_counter.has_failed,
        "states": states_of(counts),
        "sites": failures_by_host(found),
        "causes": causes_of(found),
        "failed": sum(found.failures.values()),
        "made": made_chart(hours),
        "came": came_chart(hours),
        "waiting": waiting_chart(samples),
        "left": time_left(found.waiting, hours, now),
        "can_retry": request.has_permission(EDIT),
    }


@manager_view("posters_dashboard", permission=EDIT, method="POST")
def retry_failed(request: Request) -> Response:
    """Retries failed sources: of a host, of a code, or all."""
    name = text_param(request.POST, "name")
    actions = {"host": Retry(host=name), "code": Retry(code=name), "all": Retry()}
    what = actions.get(text_param(request.POST, "do"))
    if what is None or not (name.isprintable() and len(name) <= 255):
        raise HTTPBadRequest
    session, now = request.dbsession, request.services.clock()
    tried = request.services.poster_editor.retry(session, what)
    if not tried:
        return SeeOther(request.route_path(ROUTE, _query={"done": "posters-nothing"}))
    part = Subject(POSTERS_SUBJECT, what.host or what.code or "")
    changes = [("sources", "", f"{tried}")]
    record(session, require_user(request).actor, "posters.retry", part, now, changes)
    return SeeOther(request.route_path(ROUTE, _query={"done": "posters-retried"}))
