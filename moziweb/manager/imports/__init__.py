"""Imports with a preview: jobs, their items, and the runner."""
