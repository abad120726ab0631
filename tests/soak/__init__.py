"""The stale-read checker: the real stack under writers, readers and faults, held to its promise."""
