"""The poster service: sources, variants, recipes and the resource tree that serves them."""
