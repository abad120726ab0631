"""The invalidation protocol: tags, stamps, entries, keys and leases, over an abstract atomic store."""
