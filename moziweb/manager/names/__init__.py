"""People, genres, distributors and streaming services: lists, edits and merges."""
