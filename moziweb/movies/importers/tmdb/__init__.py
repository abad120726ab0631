"""TMDB (https://developer.themoviedb.org): a client, and its movies as candidates.

This product uses the TMDB API but is not endorsed or certified by TMDB. TMDB limits how long its
data may be kept, so each value is stored with its source and fetch time.
"""
