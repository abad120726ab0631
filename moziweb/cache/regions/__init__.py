"""Tagged regions: the read and write algorithm, and how regions are configured."""
