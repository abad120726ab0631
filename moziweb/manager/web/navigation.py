"""The rooms of the manager, in the order of its navigation."""

from dataclasses import dataclass
from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _

from .resources import ADMINISTER, EDIT, SEE


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place in the navigation: its route, its name, and the permission to go there."""

    route: str
    name: TranslationString
    permission: str = SEE


MOVIE_NAV: Final = (
    NavItem("manager.movie", _("Data")),
    NavItem("manager.movie_posters", _("Posters")),
)
"""The parts of one film, as tabs: their routes take ``film``, its id."""

NAV: Final = (
    NavItem("manager.home", _("Overview")),
    NavItem("manager.movies", _("Films")),
    NavItem("manager.poster_console", _("Posters")),
    NavItem("manager.imports", _("Imports"), EDIT),
    NavItem("manager.cache_console", _("Cache")),
    NavItem("manager.audit", _("Changes")),
    NavItem("manager.users", _("Users"), ADMINISTER),
    NavItem("manager.settings", _("Settings"), ADMINISTER),
)
