"""What operators rely on: the clock, security headers, health, and a last word on errors."""

from pyramid.config import Configurator

from moziweb.clock import utc_now


def includeme(config: Configurator) -> None:
    """The clock in the registry, headers around everything, the two heartbeats."""
    config.registry["clock"] = utc_now
    config.include(".headers")
    config.include(".health")
