"""Free TCP ports on loopback."""

import random
import socket

HOST = "127.0.0.1"

# Below Linux's range for outgoing connections (32768 and up), so that the kernel does not take the
# port between the check and the server's bind.
_RANGE = range(20_000, 32_000)

# pytest-randomly gives every xdist worker the same seed: the shared generator would make all
# workers draw the same ports at the same moment.
_random = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now."""
    while True:
        port = _random.choice(_RANGE)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # All servers of the tests set it too, so a port in TIME_WAIT is free for them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether something listens on ``port`` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
