"""TMDB (https://developer.themoviedb.org): a client, and its films as candidates.

This product uses the TMDB API but is not endorsed or certified by TMDB. Whatever is taken from
there keeps its source and the date of fetching: keeping it is capped in time.
"""
