"""Who changed what."""

from typing import Any, Final

from moziweb.db.types import MAX_ID
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.history import PAGE, latest_entries
from ..audit.log import MOVIE, POSTERS
from ..web.layout import manager_view, page_frame
from ..web.resources import ADMINISTER, SEE

_EDITORIAL: Final = (MOVIE, POSTERS)
"""What editors see changes of."""


@manager_view("audit", permission=SEE, renderer="audit", request_method="GET")
def audit(request: Request) -> dict[str, Any]:
    """Changes of films and posters; who came in, users and machinery are for administrators."""
    wanted = request.GET.get("before", "")
    before = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 11 else None
    if before is not None and before > MAX_ID:
        before = None
    subjects = () if request.has_permission(ADMINISTER) else _EDITORIAL
    entries = latest_entries(request.dbsession, subjects=subjects, before=before, limit=PAGE + 1)
    return {
        "page": page_frame(request, _("Changes"), "manager.audit"),
        "entries": entries[:PAGE],
        "next": entries[PAGE - 1].id if len(entries) > PAGE else None,
    }
