"""The poster service: sources, variants, recipes, and the resource tree that serves them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: "Configurator") -> None:
    """Include `wiring`.

    This module imports nothing else, because the decoder processes import this package and must
    stay small.
    """
    config.include(".wiring")
