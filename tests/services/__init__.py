"""Real servers for tests: memcached, PostgreSQL and S3, on free loopback ports.

Each server lives in a folder of its own, dies with the test process whatever ends that, and is
stopped by its pid. ``tests.services.fixtures`` makes pytest fixtures of them.
"""
