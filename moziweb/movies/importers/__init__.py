"""Imports movies from TMDB and from distributors' lists (CSV or JSON).

All sources are imported in the same steps:

    source -> ``Candidate`` (normalised values and their problems)
      -> ``matching`` (finds the movie in the database, if it is there)
      -> ``planning`` (a ``Plan``: the differences of each field; pure)
      -> ``applying`` (one transaction for each movie)

A value that was entered by hand is never overwritten. A plan without differences writes nothing.
"""
