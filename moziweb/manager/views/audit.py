"""Who changed what."""

from typing import Any

from moziweb.i18n import _
from moziweb.movies.queries import MAX_ID
from moziweb.request import Request

from ..audit import FILM
from ..history import PAGE, latest_entries
from ..shell import manager_view, shell
from ..tree import ADMINISTER, SEE


@manager_view("audit", permission=SEE, renderer="audit", request_method="GET")
def audit(request: Request) -> dict[str, Any]:
    """Changes of films; who came in and what was done to users is for administrators."""
    wanted = request.GET.get("before", "")
    before = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 11 else None
    if before is not None and before > MAX_ID:
        before = None
    subject = None if request.has_permission(ADMINISTER) else FILM
    entries = latest_entries(request.dbsession, subject=subject, before=before, limit=PAGE + 1)
    return {
        "page": shell(request, _("Changes"), "manager.audit"),
        "entries": entries[:PAGE],
        "next": entries[PAGE - 1].id if len(entries) > PAGE else None,
    }
