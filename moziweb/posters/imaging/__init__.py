"""Image processing without I/O: header parsing, limits, variants, the placeholder."""
