"""The API, version 1: JSON at ``/api/v1/``, described in OpenAPI (``description.py``)."""

from pyramid.config import Configurator

from .endpoints import ENDPOINTS
from .parameters import query_factory


def includeme(config: Configurator) -> None:
    """Add the routes and views. The route of an endpoint checks the parameters."""
    for each in ENDPOINTS:
        config.add_route(each.route, each.pattern, factory=query_factory(*each.parameters))
    config.scan(".page")
    config.scan(".views")
    config.scan(".problems")
