"""Dashboards of posters, cache and settings."""
