"""The overview: lists that need work, and the latest changes."""

from datetime import timedelta
from typing import Any, Final

from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.request import Request

from ..audit.history import latest_entries
from ..audit.log import MOVIE
from ..movies.list_query import Filter, FilterContext
from ..web.layout import manager_view, page_frame
from ..web.redirects import SeeOther
from ..web.resources import SEE

TO_DO: Final = (
    (Filter.THIS_WEEK, _("Opening this week")),
    (Filter.NO_POSTER, _("Without a poster")),
    (Filter.FAILED, _("Poster could not be made")),
    (Filter.NO_DATE, _("Without a date")),
    (Filter.STALE, _("Imported long ago")),
    (Filter.UNPUBLISHED, _("Not on the site")),
)
"""Filters on the overview, and their names there."""


@manager_view("home", permission=SEE, renderer="home", method="GET")
def home(request: Request) -> dict[str, Any]:
    """The overview. Three queries, or four."""
    context = filter_context(request)
    filters = [each for each, _name in TO_DO]
    numbers = request.services.filter_counts.of(request.dbsession, context, filters)
    week = week_of(context.today)
    return {
        "page": page_frame(request, _("Overview"), "manager.home"),
        "to_do": [(each, name, numbers[each]) for each, name in TO_DO],
        "weeks": (week, week.next),
        "entries": latest_entries(request.dbsession, subjects=(MOVIE,), limit=8),
    }


@view_config(route_name="manager_slash", permission=NO_PERMISSION_REQUIRED, request_method="GET")
def redirect_slash(request: Request) -> Response:
    """Redirects ``/manager/`` to ``/manager``."""
    return SeeOther(request.route_path("manager.home"))


def filter_context(request: Request) -> FilterContext:
    """Returns the context of the list's filters."""
    now = request.services.clock()
    stale = timedelta(days=request.registry.settings["manager.stale_days"])
    return FilterContext(budapest_today(now), now - stale)
