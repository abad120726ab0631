"""Generation of variants: sources, leases, the service, and the work in the background."""
