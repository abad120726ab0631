"""Operations: security headers, health checks, metrics."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Add the security headers and the two heartbeats."""
    config.include(".headers")
    config.include(".health")
