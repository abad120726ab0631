"""What ops tune in the ini file, as it is in effect. It is changed there, and by nobody here."""

from typing import Any, Final

from moziweb.i18n import _
from moziweb.request import Request
from moziweb.settings.origins import Source

from ..dashboards.settings import SettingGroup, setting_groups
from ..web.layout import manager_view, page_frame
from ..web.resources import ADMINISTER

ROOM: Final = "manager.settings"

SOURCES: Final = {
    Source.INI: _("ini file"),
    Source.ENVIRONMENT: _("environment"),
    Source.DEFAULT: _("default"),
}
"""Where a value is from, in a word."""


@manager_view("settings", permission=ADMINISTER, renderer="settings", request_method="GET")
def settings(request: Request) -> dict[str, Any]:
    """Every key; with ``?show=set`` those that have another value than their default."""
    only_set = request.GET.get("show") == "set"
    rooms = setting_groups(request.registry.settings, request.registry["settings_origins"])
    if only_set:
        kept = (SettingGroup(room.name, tuple(filter(_is_set, room.lines))) for room in rooms)
        rooms = tuple(room for room in kept if room.lines)
    return {
        "page": page_frame(request, _("Settings"), ROOM),
        "rooms": rooms,
        "only_set": only_set,
        "sources": SOURCES,
    }


def _is_set(line: Any) -> bool:
    return bool(line.is_set)
