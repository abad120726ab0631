"""The settings in effect, read-only."""

from typing import Any, Final

from moziweb.i18n import _
from moziweb.request import Request
from moziweb.settings.origins import Source

from ..dashboards.advice import latest_advice
from ..dashboards.settings import SettingGroup, setting_groups
from ..web.layout import manager_view, page_frame
from ..web.resources import ADMINISTER

ROUTE: Final = "manager.settings"

ORIGIN_NAMES: Final = {
    Source.INI: _("ini file"),
    Source.ENVIRONMENT: _("environment"),
    Source.DEFAULT: _("default"),
}
"""Display names of origins."""


@manager_view("settings", permission=ADMINISTER, renderer="settings", method="GET")
def settings(request: Request) -> dict[str, Any]:
    """Every key; with ``?show=set`` only those that differ from their defaults. One query."""
    only_set = request.GET.get("show") == "set"
    groups = setting_groups(request.registry.settings, request.services.settings_origins)
    if only_set:
        kept = ((group.name, tuple(row for row in group.rows if row.is_set)) for group in groups)
        groups = tuple(SettingGroup(name, rows) for name, rows in kept if rows)
    return {
        "page": page_frame(request, _("Settings"), ROUTE),
        "groups": groups,
        "only_set": only_set,
        "sources": ORIGIN_NAMES,
        "advice": latest_advice(request.dbsession),
    }
