"""Waits for background threads of an application under test."""

import threading


def join_threads(prefix: str) -> None:
    """Wait for all threads of this process whose names start with ``prefix``."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join()
