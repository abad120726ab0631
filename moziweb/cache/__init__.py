"""Cached pages that always show what is true: tags over dogpile regions."""
