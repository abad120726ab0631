"""Cached views for Pyramid, and hits answered before Pyramid: routes, responses, WSGI, waitress."""
