"""Bulk actions: one change of many movies, counted first, in batches that survive a crash."""
