"""A memcached server."""

import contextlib
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from .ports import HOST, accepts, free_port
from .process import Service, find_program, run


class MemcachedServer(Service):
    """memcached on ``127.0.0.1:port`` with ``megabytes`` of memory; empty after each start."""

    name = "memcached"
    account = "nobody"
    stop_signal = signal.SIGKILL  # nothing to save, and SIGTERM waits for its one-second tick

    def __init__(self, megabytes: int = 64) -> None:
        super().__init__()
        self.port = free_port()
        self.megabytes = megabytes

    @property
    def address(self) -> str:
        """``host:port``, as pylibmc and the ini file take it."""
        return f"{HOST}:{self.port}"

    def command(self) -> list[str]:
        """Two threads and no UDP."""
        options = ["-l", HOST, "-p", str(self.port), "-U", "0", "-t", "2"]
        return [find_program("memcached"), *options, "-m", str(self.megabytes)]

    def is_ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(OSError):
            return self.ask("version").startswith("VERSION")
        return False

    def flush(self) -> None:
        """Remove every entry."""
        self.ask("flush_all")

    def statistics(self) -> dict[str, str]:
        """The counters of memcached's ``stats`` command."""
        lines = (line.split(" ", 2) for line in self.ask("stats").splitlines())
        return {line[1]: line[2] for line in lines if line[0] == "STAT"}

    def ask(self, command: str) -> str:
        """Send one line of the text protocol and return the whole answer."""
        with socket.create_connection((HOST, self.port), timeout=2) as connection:
            connection.sendall(f"{command}\r\nquit\r\n".encode())
            with connection.makefile("rb") as answer:
                return answer.read().decode()


class SaslMemcachedServer(MemcachedServer):
    """A memcached that requires SASL, with one user."""

    username = "site"
    password = "12345678"  # of these tests only; a text, though it looks like a number

    def command(self) -> list[str]:
        """With authentication, which needs the binary protocol."""
        return [*super().command(), "-S"]

    def environment(self) -> Mapping[str, str]:
        """The folder of memcached.conf."""
        return {"SASL_CONF_PATH": str(self.home)}

    def prepare(self) -> None:
        """Add the user."""
        users = self.home / "sasldb2"
        (self.home / "memcached.conf").write_text(f"mech_list: plain\nsasldb_path: {users}\n")
        add = find_program("saslpasswd2", Path("/usr/sbin"))
        options = ["-p", "-c", "-a", "memcached", "-f", str(users), self.username]
        added = run([add, *options], input=self.password)
        assert added.returncode == 0, added.stderr
        users.chmod(0o644)

    def is_ready(self) -> bool:
        """Whether it listens; it does not know the text protocol."""
        return accepts(self.port)
