"""Posters in the manager: unsaved posters and their previews."""
