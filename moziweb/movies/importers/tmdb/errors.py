"""What TMDB may answer instead."""

from moziweb.movies.importers.problems import ImportRefused


class TmdbError(ImportRefused):
    """TMDB did not give what was asked for; the text is one line for the operator."""


class TmdbNotFound(TmdbError):
    """There is no such thing (404, code 34)."""


class TmdbRefused(TmdbError):
    """The question is wrong (400, codes 22 and 27): asking again is of no use."""


class TmdbUnauthorized(TmdbError):
    """The token is missing or wrong (401, code 7)."""


class TmdbUnavailable(TmdbError):
    """It does not answer, or not in time, or not sensibly, however often it is asked."""
