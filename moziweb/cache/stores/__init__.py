"""Stores: process memory, memcached and SQLite, the adapter for dogpile, and the CDN that is purged."""
