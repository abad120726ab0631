"""The performance page: graphs of all web processes together."""

from typing import Any, Final

from moziweb.i18n import _
from moziweb.request import Request

from ..dashboards.performance import PART_NAMES, PERIOD_NAMES, STACKED, GraphPeriod, performance
from ..web.layout import manager_view, page_frame
from ..web.params import text_param
from ..web.resources import SEE

ROUTE: Final = "manager.performance"


@manager_view("performance", permission=SEE, renderer="performance", method="GET")
def performance_page(request: Request) -> dict[str, Any]:
    """The page; htmx polls it. The period is in ``period``, an hour by default."""
    wanted = text_param(request.GET, "period")
    period = GraphPeriod(wanted) if wanted in {*GraphPeriod} else GraphPeriod.HOUR
    pages, now = request.services.page_cache, request.services.clock()
    outbox = None if pages is None else pages.outbox
    return {
        "page": page_frame(request, _("Performance"), ROUTE),
        "now": now,
        "found": performance(request.dbsession, now, period, outbox, request.locale_name),
        "periods": PERIOD_NAMES,
        "parts": STACKED,
        "part_names": PART_NAMES,
        "apdex_seconds": request.services.transactions.apdex_seconds,
    }
