"""Real servers for tests: memcached, PostgreSQL and S3, on free loopback ports.

Each server has its own folder and is stopped by its pid. It ends when the test process ends for any
reason. ``tests.services.fixtures`` has the pytest fixtures.
"""
