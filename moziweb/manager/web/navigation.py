"""Entries of the manager's navigation, in display order."""

from dataclasses import dataclass
from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _

from .resources import ADMINISTER, EDIT, SEE


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry: its route, its name and the permission that it needs."""

    route: str
    name: TranslationString
    permission: str = SEE


MOVIE_NAV: Final = (
    NavItem("manager.movie", _("Data")),
    NavItem("manager.movie_posters", _("Posters")),
)
"""Tabs of a movie; their routes take ``movie``, its id."""

NAV: Final = (
    NavItem("manager.home", _("Overview")),
    NavItem("manager.movies", _("Films")),
    NavItem("manager.names", _("Names"), EDIT),
    NavItem("manager.posters_dashboard", _("Posters")),
    NavItem("manager.imports", _("Imports"), EDIT),
    NavItem("manager.cache_dashboard", _("Cache")),
    NavItem("manager.performance", _("Performance")),
    NavItem("manager.audit", _("Changes")),
    NavItem("manager.bin", _("Bin"), EDIT),
    NavItem("manager.users", _("Users"), ADMINISTER),
    NavItem("manager.settings", _("Settings"), ADMINISTER),
)
