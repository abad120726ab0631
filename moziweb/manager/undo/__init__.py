"""Undo: takes a recorded change back, as a new change."""
