"""The fetcher for external image URLs: SSRF-safe, bounded in time and bytes."""
