"""Presenters: from models to the view models that templates and the JSON API use."""
