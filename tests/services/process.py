"""A server process: started, waited for, frozen, killed and stopped by its pid."""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY_SECONDS = 30.0
STOP_SECONDS = 10.0

_PR_SET_PDEATHSIG = 1
_HOME_PREFIX = "moziweb-test-"
_ORPHAN_SECONDS = 3600.0


class ServiceError(Exception):
    """A server that a test needs did not start, or its program is missing. One plain text."""


def _all_stopped(pid: int) -> bool:
    """Whether every thread of a process is in the state that SIGSTOP leads to."""
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)


class Service:
    """One server process, with a folder of its own that goes when it is closed.

    A subclass says what to run (``command``) and how to see that it is ready (``is_ready``). As a
    context manager it is started on entry and closed on exit; between the two ``stop`` and
    ``start`` may follow each other, on the same port and with the same data.

    Call ``start`` from a thread that outlives the server: Linux sends the parent-death signal when
    the *thread* that started the child ends.
    """

    name = "service"
    #: The account to run under when the tests run as root, for servers that refuse root.
    account: str | None = None
    #: Ends the server in order.
    stop_signal = signal.SIGTERM
    #: Sent by the kernel when the test process is gone, however it went.
    orphan_signal = signal.SIGKILL

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @cached_property
    def home(self) -> Path:
        """The server's folder, made when first asked for."""
        return make_home(self.name, self.user)

    @property
    def log(self) -> Path:
        """What the server has written, over all its starts."""
        return self.home / "log"

    def command(self) -> Sequence[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables to add to the environment."""
        return {}

    def prepare(self) -> None:
        """What has to be done once before the first start."""

    def is_ready(self) -> bool:
        """Whether the server answers. Asked over and over until it says yes."""
        raise NotImplementedError

    @property
    def user(self) -> str | None:
        """The account to switch to; ``None`` to stay who we are."""
        return self.account if os.geteuid() == 0 else None

    @property
    def pid(self) -> int:
        """The pid of the running server."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it is ready; ``ServiceError`` when it is not in time."""
        if self.alive:
            raise ServiceError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.home,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops us in order
                preexec_fn=_tie_to_parent(self.orphan_signal),
                **as_user(self.user),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server in order, by force if that takes too long; a stopped one is left so."""
        if self._process is None:
            return
        if self.alive:
            self._process.send_signal(self.stop_signal)
            self.resume()  # a frozen process takes no signal but SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections are accepted by the kernel, nobody answers."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        # A thread that is at work may still answer after the signal is sent; stopped is stopped.
        deadline = time.monotonic() + STOP_SECONDS
        while not _all_stopped(process.pid):
            if time.monotonic() > deadline:
                raise ServiceError(f"{type(self).__name__} does not stop")
            time.sleep(0.001)

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """The server frozen for the length of a ``with`` block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceError(f"{self.name} does not run")
        return self._process

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if not self.alive:
                raise ServiceError(f"{self.name} ended while starting:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServiceError(f"{self.name} is not ready in time:\n{self._log_tail()}")
            time.sleep(0.01)

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def find_program(name: str, *folders: Path) -> str:
    """The path of a server's program; ``ServiceError`` in one line when it is not installed."""
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise ServiceError(f"{name} is not installed: run `make test-services`")
    return found


def as_user(user: str | None) -> dict[str, Any]:
    """The arguments that make ``subprocess`` run a program under another account."""
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def make_home(name: str, user: str | None) -> Path:
    """A new folder for a server, owned by ``user``.

    pytest's own temporary folders are closed to other accounts, so these stand beside them. What
    killed test runs left is removed here.
    """
    _remove_orphans(Path(tempfile.gettempdir()))
    home = Path(tempfile.mkdtemp(prefix=f"{_HOME_PREFIX}{os.getpid()}-{name}-"))
    if user is not None:
        shutil.chown(home, user)
    return home


def _remove_orphans(folder: Path) -> None:
    for home in folder.glob(f"{_HOME_PREFIX}*"):
        if not _has_owner(home):
            shutil.rmtree(home, ignore_errors=True)


def _has_owner(home: Path) -> bool:
    owner = home.name.removeprefix(_HOME_PREFIX).split("-")[0]
    if not owner.isdecimal() or Path("/proc", owner).exists():
        return True
    # A container that shares our temporary folder has processes that we don't see.
    with contextlib.suppress(FileNotFoundError):
        return time.time() - home.stat().st_mtime < _ORPHAN_SECONDS
    return True


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A function for the child to call before exec: the kernel ends it when its parent is gone.

    subprocess calls it after switching accounts, as it must be: a change of credentials clears the
    setting (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return tie
