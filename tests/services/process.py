"""Child processes of tests: servers, and commands with a time limit."""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
CHILD_SECONDS = 120.0
"""Time limit of a command. A busy machine needs many seconds."""

_CHILD_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

_PR_SET_PDEATHSIG = 1
_HOME_PREFIX = "moziweb-test-"
_ORPHAN_SECONDS = 3600.0


class ServiceError(Exception):
    """A server that a test needs did not start, or its program is missing. The text is one line."""


def restore_default_signals() -> None:
    """Stop ignoring the signals that children must react to.

    A shell starts background jobs (``make test &``) with SIGINT and SIGQUIT ignored. Ignored
    signals are inherited, so a child would never end on them.
    """
    for signum in _CHILD_SIGNALS:
        if signal.getsignal(signum) is signal.SIG_IGN:
            handler = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
            signal.signal(signum, handler)


def run(
    command: Sequence[str | Path], *, limit: float = CHILD_SECONDS, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its status and output.

    Raises ``subprocess.TimeoutExpired`` after ``limit`` seconds. ``options`` are those of
    ``subprocess.run``.
    """
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    given = {"capture_output": True, "text": True, "check": False, **options}
    return subprocess.run(command, timeout=limit, **given)


@contextlib.contextmanager
def child(
    command: Sequence[str | Path], *, limit: float = CHILD_SECONDS, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A running command in its own process group.

    The group is killed at the end of the block, and after ``limit`` seconds, so that a read from
    the child cannot block for longer. ``options`` are those of ``subprocess.Popen``.
    """
    # Not a new session: a session leader ignores SIGTSTP.
    process: subprocess.Popen[str] = subprocess.Popen(
        command, **{"text": True, "process_group": 0, **options}
    )
    overdue = threading.Timer(limit, kill_group, [process.pid])
    overdue.daemon = True
    overdue.start()
    try:
        yield process
    finally:
        overdue.cancel()
        kill_group(process.pid)
        process.wait(STOP_SECONDS)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """The output of a ``child`` up to and including the line that contains ``wanted``."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if wanted in line:
            return output
    raise AssertionError(f"the child ended without printing {wanted!r}: {output}")


def is_group_running(group: int) -> bool:
    """Whether any process of a group exists."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def kill_group(group: int) -> None:
    """Kill all processes of a group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _all_stopped(pid: int) -> bool:
    """Whether every thread of a process is stopped (state ``T``)."""
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)


class Service:
    """One server process with its own folder, which ``close`` removes.

    A subclass defines what to run (``command``) and when it is ready (``is_ready``). As a context
    manager it starts on entry and closes on exit. ``stop`` and ``start`` may be called in between;
    port and data stay the same.

    Call ``start`` from a thread that outlives the server: Linux sends the parent-death signal when
    the *thread* that started the child ends.
    """

    name = "service"
    #: The account to run under when the tests run as root, for servers that refuse root.
    account: str | None = None
    #: Shuts the server down.
    stop_signal = signal.SIGTERM
    #: Sent by the kernel when the test process has ended for any reason.
    orphan_signal = signal.SIGKILL

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @cached_property
    def home(self) -> Path:
        """The server's folder, created on first use."""
        return make_home(self.name, self.user)

    @property
    def log(self) -> Path:
        """The server's output since the first start."""
        return self.home / "log"

    def command(self) -> Sequence[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables to add to the environment."""
        return {}

    def prepare(self) -> None:
        """Runs once, before the first start."""

    def is_ready(self) -> bool:
        """Whether the server answers. Polled after a start."""
        raise NotImplementedError

    @property
    def user(self) -> str | None:
        """The account to switch to, or ``None``."""
        return self.account if os.geteuid() == 0 else None

    @property
    def pid(self) -> int:
        """The pid of the running server."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs; true for a paused one."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it is ready; raises ``ServiceError``."""
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
                start_new_session=True,  # Ctrl-C goes to pytest alone, which then stops the server
                preexec_fn=_tie_to_parent(self.orphan_signal),
                **as_user(self.user),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server if it runs; kill it if that takes too long."""
        if self._process is None:
            return
        if self.alive:
            self._process.send_signal(self.stop_signal)
            self.resume()  # a stopped process handles no signal but SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): the kernel accepts connections, no reply comes."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        # A running thread may still answer after the signal is sent.
        deadline = time.monotonic() + STOP_SECONDS
        while not _all_stopped(process.pid):
            if time.monotonic() > deadline:
                raise ServiceError(f"{type(self).__name__} does not stop")
            time.sleep(0.001)

    def resume(self) -> None:
        """Continue a frozen server (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze the server during a ``with`` block."""
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
    """The path of a server's program; raises ``ServiceError`` if it is not installed."""
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

    Other accounts cannot read pytest's own temporary folders, so this one is outside them. Folders
    of killed test runs are removed here.
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
    # A container may share the temporary folder; its processes are not visible here.
    with contextlib.suppress(FileNotFoundError):
        return time.time() - home.stat().st_mtime < _ORPHAN_SECONDS
    return True


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A ``preexec_fn`` that has the kernel signal the child when its parent ends.

    subprocess calls it after switching accounts. That order is needed: a change of credentials
    clears the setting (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the line above
            os._exit(1)

    return tie
