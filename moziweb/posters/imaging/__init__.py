"""Image processing without I/O: header parser, limits, variants, placeholder."""
