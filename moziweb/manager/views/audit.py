"""The audit log."""

from typing import Any, Final

from pyramid.i18n import TranslationString

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.request import Request

from ..audit.entry_filter import EntryFilter
from ..audit.history import ACTIONS, ENTRIES_PER_PAGE, latest_entries
from ..audit.log import (
    CACHE,
    COMMAND,
    DISTRIBUTOR,
    GENRE,
    MOVIE,
    PERSON,
    POSTERS_SUBJECT,
    SERVICE,
    USER,
)
from ..auth.accounts import all_users
from ..undo.reversal import undone_by
from ..web.layout import manager_view, page_frame
from ..web.resources import ADMINISTER, SEE

_EDITORIAL: Final = (MOVIE, POSTERS_SUBJECT, PERSON, GENRE, DISTRIBUTOR, SERVICE)
"""Subjects that editors see."""


@manager_view("audit", permission=SEE, renderer="audit", method="GET")
def audit(request: Request) -> dict[str, Any]:
    """A page of entries; those about users, sign-ins and the cache are for administrators."""
    before = parse_id(request.GET.get("before"))
    subjects = () if request.has_permission(ADMINISTER) else _EDITORIAL
    where = EntryFilter.of(request.GET)
    entries = latest_entries(
        request.dbsession,
        subjects=subjects,
        before=before,
        limit=ENTRIES_PER_PAGE + 1,
        where=where,
    )
    return {
        "where": where,
        "params": where.params(),
        "users": [each.name for each in all_users(request.dbsession)] + [COMMAND.name],
        "actions": _actions(subjects),
        "page": page_frame(request, _("Changes"), "manager.audit"),
        "entries": entries[:ENTRIES_PER_PAGE],
        "undone": undone_by(request.dbsession, [each.id for each in entries]),
        "next": entries[ENTRIES_PER_PAGE - 1].id if len(entries) > ENTRIES_PER_PAGE else None,
    }


def _actions(subjects: tuple[str, ...]) -> dict[str, TranslationString]:
    """Names of the actions that the reader sees, by action."""
    hidden = (f"{USER}.", f"{CACHE}.") if subjects else ()
    return {action: name for action, name in ACTIONS.items() if not action.startswith(hidden)}
