"""The invalidation protocol: tags, stamps, entries, keys and leases; the atomic store they need."""
