"""The schedulers of pytest-xdist 3.8."""
