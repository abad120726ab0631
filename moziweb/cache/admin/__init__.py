"""Inspection, statistics and purges, for commands and dashboards."""
