"""The rooms of the manager, in the order of its navigation."""

from dataclasses import dataclass
from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import _

from .resources import ADMINISTER, EDIT, SEE


@dataclass(frozen=True, slots=True)
class Room:
    """A place in the navigation: its route, its name, and the permission to go there."""

    route: str
    name: TranslationString
    permission: str = SEE


FILM_ROOMS: Final = (
    Room("manager.film", _("Data")),
    Room("manager.film_posters", _("Posters")),
)
"""The parts of one film, as tabs: their routes take ``film``, its id."""

ROOMS: Final = (
    Room("manager.home", _("Overview")),
    Room("manager.films", _("Films")),
    Room("manager.poster_console", _("Posters")),
    Room("manager.imports", _("Imports"), EDIT),
    Room("manager.cache_console", _("Cache")),
    Room("manager.audit", _("Changes")),
    Room("manager.users", _("Users"), ADMINISTER),
    Room("manager.settings", _("Settings"), ADMINISTER),
)
