"""Logs: formats, limits on repeated records, outages, request ids, error reporters."""

from moziweb.hidden_modules import hidden

# rich takes 4 MiB of each process; structlog imports it for tracebacks that we do not use.
with hidden("rich"):
    import structlog  # noqa: F401 - here, before the modules of this package import it
