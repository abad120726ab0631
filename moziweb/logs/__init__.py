"""Logs: formats, limits on repeated records, outages, request ids, error reporters."""
