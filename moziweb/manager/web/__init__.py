"""Shared by all pages of the manager: resources, layout, forms, parameters, request limits."""
