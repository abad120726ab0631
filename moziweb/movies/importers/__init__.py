"""Films from elsewhere: TMDB, and the distributors' lists as CSV or JSON.

One core for every source, one way through it:

    what was fetched -> ``Candidate`` (normalised, with its problems)
      -> ``matching`` (which film it is, if we have it)
      -> ``planning`` (a ``Plan``: the differences, field by field; pure)
      -> ``applying`` (one transaction for each film)

What somebody entered by hand is never overwritten, and a plan without differences writes nothing.
"""
