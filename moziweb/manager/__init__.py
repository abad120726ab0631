"""The manager: where signed-in editors and administrators change the site."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: "Configurator") -> None:
    """Include `wiring`.

    This module imports nothing else: workers import the audit log, and none of the pages.
    """
    config.include(".wiring")
