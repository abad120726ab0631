"""Operations: security headers, compression, health checks, metrics, request logs."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Add the security headers, compression, the two heartbeats, and the routes in log lines."""
    config.include(".headers")
    config.include(".compression")
    config.include(".health")
    config.include(".request_log")
