"""Stores: process memory, memcached and SQLite; the dogpile adapter; the CDN that is purged."""
