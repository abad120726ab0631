"""Errors of TMDB."""

from moziweb.movies.importers.problems import ImportRefused


class TmdbError(ImportRefused):
    """A request to TMDB failed; the text is one line for the operator."""


class TmdbNotFound(TmdbError):
    """The resource does not exist (404, code 34)."""


class TmdbRefused(TmdbError):
    """The request is invalid (400, codes 22 and 27); a retry does not help."""


class TmdbUnauthorized(TmdbError):
    """The token is missing or invalid (401, code 7)."""


class TmdbUnavailable(TmdbError):
    """All attempts failed: no response, a timeout, or an invalid response."""
