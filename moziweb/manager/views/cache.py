"""The cache dashboard: statistics, purging by tag or path, warming."""

from functools import partial
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.i18n import TranslationString
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.cache import PublishError, StoreError, kind_of
from moziweb.cache.admin import purge as purges
from moziweb.cache.admin.inspection import clock_text, entries_of_url
from moziweb.cache.admin.purge import Purge, PurgedPage, PurgeRefused
from moziweb.cache.admin.statistics import statistics_of
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.protocol.tags import MODEL
from moziweb.caching import DECLARATIONS
from moziweb.i18n import _
from moziweb.request import Request
from moziweb.site.page_cache.url_inventory import Priority

from ..audit.history import latest_entries
from ..audit.log import CACHE, Change, Subject, record
from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..dashboards.cache import WARMABLE, log_of, moment, regions_of, slowest_of
from ..dashboards.warming_job import is_running, latest_warming, new_warming, stop
from ..web.forms import UserError
from ..web.layout import after_commit, manager_view, page_frame
from ..web.params import text_param
from ..web.redirects import SeeOther
from ..web.resources import ADMINISTER, SEE

ROUTE: Final = "manager.cache_dashboard"

MAX_OUTBOX_ROWS: Final = 12
"""Outbox rows that are listed."""

MAX_PURGE_LENGTH: Final = 2000
"""Maximum length of the text to purge."""

PRIORITY_NAMES: Final = {
    Priority.WEEKS: _("the front page, this week and the next"),
    Priority.SHOWN: _("these, and the films that they show"),
    Priority.CALENDAR: _("the whole calendar, genres and feeds"),
    Priority.ARCHIVE: _("every page, all films too"),
}
"""Names of the priorities that warming may reach."""


@manager_view("cache_dashboard", permission=SEE, renderer="cache_dashboard", method="GET")
def cache_dashboard(request: Request) -> dict[str, Any]:
    """The dashboard; htmx polls it."""
    return _page(request)


@manager_view("cache_purge", permission=ADMINISTER, renderer="cache_dashboard", method="POST")
def purge(request: Request) -> dict[str, Any] | Response:
    """Purges tags, a page or everything, depending on ``do``.

    The purge is committed to the outbox before it takes effect, in its own transaction, like any
    change; the audit entry follows.
    """
    actions = {"tags": _purge_tags, "path": _purge_page, "all": _purge_everything}
    action = actions.get(text_param(request.POST, "do"))
    if action is None or request.services.page_cache is None:
        raise HTTPBadRequest
    try:
        subject, changes = action(request)
    except UserError as error:
        request.response.status_int = 422
        return _page(request, problem=error.texts[0])
    session, now = request.dbsession, request.services.clock()
    actor = require_user(request).actor
    entry = record(session, actor, "cache.purge", Subject(CACHE, subject), now, changes)
    session.flush()
    return SeeOther(request.route_path(ROUTE, _query={"purged": str(entry.id)}))


@manager_view("cache_warm", permission=ADMINISTER, renderer="cache_dashboard", method="POST")
def warm(request: Request) -> dict[str, Any] | Response:
    """Starts a warming, or stops the running one."""
    session, now = request.dbsession, request.services.clock()
    actor, do = require_user(request).actor, text_param(request.POST, "do")
    priorities = {each.name.lower(): each for each in WARMABLE}
    through = priorities.get(text_param(request.POST, "through"))
    if do == "stop":
        if stop(session, now):
            record(session, actor, "cache.warm_stop", Subject(CACHE), now)
        return SeeOther(request.route_path(ROUTE))
    if do != "start" or through is None or request.services.page_cache is None:
        raise HTTPBadRequest
    if is_running(latest_warming(session), now):
        request.response.status_int = 422
        return _page(request, problem=_("The cache is being warmed already."))
    row = new_warming(session, through, actor, now)
    record(session, actor, "cache.warm", Subject(CACHE, through.name.lower()), now)
    after_commit(request, partial(request.services.cache_warmer.start, row.id))
    return SeeOther(request.route_path(ROUTE))


def _purge_tags(request: Request) -> tuple[str, list[Change]]:
    names = text_param(request.POST, "tags")[:MAX_PURGE_LENGTH].split()
    if not names:
        raise UserError(_("Type a tag first."))
    done = _run_purge(request, lambda purging: purging.tags(names))
    if done is None:
        return " ".join(names), [("waiting", "", " ".join(sorted(names)))]
    changes = [("tags", "", " ".join(sorted(done.tags)))]
    if done.unseen:
        changes.append(("unseen", "", " ".join(sorted(done.unseen))))
    return " ".join(names), changes


def _purge_page(request: Request) -> tuple[str, list[Change]]:
    path = text_param(request.POST, "path")[:MAX_PURGE_LENGTH]
    path = path.removeprefix(request.registry.settings["site.base_url"])
    if not path.startswith("/"):
        raise UserError(_("An address of the site begins with a slash."))

    def work(purging: Purge) -> PurgedPage:
        # Entries in the memory of web processes: those of this process can be removed.
        find = partial(entries_of_url, _pages_of(request), path)
        return purging.page(path, find, allow_private=True)

    done: PurgedPage | None = _run_purge(request, work)
    return path, [("entries", "", str(1 + done.other_entries))] if done else []


def _purge_everything(request: Request) -> tuple[str, list[Change]]:
    _run_purge(request, lambda purging: purging.everything())
    return "", [("everything", "", "")]


def _run_purge(request: Request, work: Any) -> Any:
    """Returns the result of a purge; None if it waits in the outbox. Raises ``UserError``."""
    pages, engine = _pages_of(request), request.services.database.engine
    reason = f"manager, {require_user(request).name}"
    purging = Purge(pages.cache, DECLARATIONS, pages.outbox, engine, reason)
    try:
        return work(purging)
    except purges.PurgeDeferred:
        return None
    except PurgeRefused as error:
        raise UserError(_why(error)) from error
    except (PublishError, StoreError) as error:
        raise UserError(_("The cache cannot be reached: nothing was purged.")) from error


def _why(error: PurgeRefused) -> TranslationString:
    if isinstance(error, purges.UnknownTag):
        words = {"tag": error.tag, "known": ", ".join(error.known)}
        if kind_of(error.tag) == MODEL:
            return _("${tag}: unknown table; known: ${known}.", mapping=words)
        return _("${tag}: unknown kind of tag; known: ${known}.", mapping=words)
    if isinstance(error, purges.NoCachedPage):
        return _("No cached page has this address.")
    return _("That is no tag. A tag is a kind, a colon and an id, such as movie:42.")


def _pages_of(request: Request) -> PageCache:
    """The page cache of a site that has one; 400 otherwise."""
    pages = request.services.page_cache
    if pages is None:
        raise HTTPBadRequest
    return pages


def _page(request: Request, *, problem: TranslationString | None = None) -> dict[str, Any]:
    session, now, pages = request.dbsession, request.services.clock(), request.services.page_cache
    warming = latest_warming(session)
    page = {
        "page": page_frame(request, _("Cache"), ROUTE, path=request.route_path(ROUTE)),
        "now": now,
        "problem": request.localizer.translate(problem) if problem else "",
        "can_change": request.has_permission(ADMINISTER),
        "cache": None if pages is None else pages.cache,
    }
    if pages is None:
        return page
    cache, outbox, counters = pages.cache, pages.outbox, request.services.cache_counters
    connection = session.connection()
    statistics = statistics_of(cache, outbox, connection)
    sent: Any = request.POST if request.method == "POST" else {}
    since = statistics["outbox"]["since"]
    return {
        **page,
        "statistics": statistics,
        "clock_text": clock_text(statistics["stamps"]["clock"]),
        "since": moment(counters.since),
        "regions": regions_of(cache, statistics["regions"], counters),
        "log": log_of(cache, statistics["log"]),
        "slowest": slowest_of(cache, counters, pages.urls),
        "rows": [
            (moment(row.created), row) for row in outbox.latest(connection, limit=MAX_OUTBOX_ROWS)
        ],
        "most_since": moment(since) if since else None,
        "kinds": sorted(DECLARATIONS.kinds()),
        "warming": warming,
        "running": is_running(warming, now),
        "through": [(each.name.lower(), PRIORITY_NAMES[each]) for each in WARMABLE],
        "purged": _purged(request, session),
        "sent": {name: text_param(sent, name) for name in ("tags", "path")},
    }


def _purged(request: Request, session: Session) -> AuditEntry | None:
    """The purge whose audit entry is in the query string, if it is one of the latest."""
    wanted = request.GET.get("purged", "")
    if not wanted or not request.has_permission(ADMINISTER):
        return None
    latest = latest_entries(session, subjects=(CACHE,), limit=20)
    return next((each for each in latest if str(each.id) == wanted), None)
