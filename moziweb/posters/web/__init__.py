"""Poster URLs: the resource tree and its views."""
