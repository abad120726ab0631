"""What operators rely on: the clock, security headers, health, and a last word on errors."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Add the security headers and the two heartbeats."""
    config.include(".headers")
    config.include(".health")
