"""The poster service: sources, variants, recipes and the resource tree that serves them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: "Configurator") -> None:
    """Have the service and its resource tree; `wiring` does it.

    Nothing is imported above: the processes that decode pictures live in this package, too, and are
    as small as they can be.
    """
    config.include(".wiring")
