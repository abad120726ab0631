"""The audit log."""

from typing import Any, Final

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.history import ENTRIES_PER_PAGE, latest_entries
from ..audit.log import DISTRIBUTOR, GENRE, MOVIE, PERSON, POSTERS_SUBJECT
from ..undo.reversal import undone_by
from ..web.layout import manager_view, page_frame
from ..web.resources import ADMINISTER, SEE

_EDITORIAL: Final = (MOVIE, POSTERS_SUBJECT, PERSON, GENRE, DISTRIBUTOR)
"""Subjects that editors see."""


@manager_view("audit", permission=SEE, renderer="audit", method="GET")
def audit(request: Request) -> dict[str, Any]:
    """A page of entries; those about users, sign-ins and the cache are for administrators."""
    before = parse_id(request.GET.get("before"))
    subjects = () if request.has_permission(ADMINISTER) else _EDITORIAL
    entries = latest_entries(
        request.dbsession, subjects=subjects, before=before, limit=ENTRIES_PER_PAGE + 1
    )
    return {
        "page": page_frame(request, _("Changes"), "manager.audit"),
        "entries": entries[:ENTRIES_PER_PAGE],
        "undone": undone_by(request.dbsession, [each.id for each in entries]),
        "next": entries[ENTRIES_PER_PAGE - 1].id if len(entries) > ENTRIES_PER_PAGE else None,
    }
