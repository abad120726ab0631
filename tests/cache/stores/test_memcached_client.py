"""The memcached client, with real servers and real failures."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import pylibmc
import pytest

from moziweb.cache.errors import (
    ConfigurationError,
    KeyRefusedError,
    StoreError,
    StoreUnreachableError,
    ValueTooBigError,
)
from moziweb.cache.stores.circuit_breaker import CircuitBreaker
from moziweb.cache.stores.memcached_client import (
    RECONNECT_SECONDS,
    RELATIVE_LIMIT,
    Credentials,
    MemcachedClient,
    behaviors,
    expiry,
)
from tests.services.memcached import MemcachedServer, SaslMemcachedServer
from tests.services.ports import free_port
from tests.services.process import run
from tests.threads import wait_until


@pytest.fixture
def client(memcached_server: MemcachedServer) -> MemcachedClient:
    """A client of the shared server."""
    return MemcachedClient([memcached_server.address])


@pytest.fixture
def own_server() -> Iterator[MemcachedServer]:
    """A server of this test alone, to kill and to freeze."""
    with MemcachedServer() as server:
        yield server


def test_get_returns_stored_value(client: MemcachedClient, prefix: str) -> None:
    client.set(prefix + "a", b"\x00\xff any bytes \r\n")
    assert client.get(prefix + "a") == b"\x00\xff any bytes \r\n"
    assert client.get_multi([prefix + "a", prefix + "b"]) == {
        prefix + "a": b"\x00\xff any bytes \r\n"
    }


def test_delete(client: MemcachedClient, prefix: str) -> None:
    client.set(prefix + "a", b"1")
    client.delete(prefix + "a")
    client.delete(prefix + "a")
    assert client.get(prefix + "a") is None


@pytest.mark.parametrize("key", ["", "a b", "a\r\nset x 0 0 1", "é", "x" * 251, "\x7f"])
def test_writes_refuse_unsafe_keys(client: MemcachedClient, key: str) -> None:
    writes: tuple[Callable[[], object], ...] = (
        lambda: client.set(key, b"1"),
        lambda: client.add(key, b"1"),
        lambda: client.set_multi({"fine": b"1", key: b"1"}),
    )
    for write in writes:
        with pytest.raises(KeyRefusedError):
            write()


@pytest.mark.parametrize("key", ["a b", "a\r\nset x 0 0 1", "é", "x" * 251, "\x7f"])
def test_reads_refuse_unsafe_keys(client: MemcachedClient, key: str) -> None:
    with pytest.raises(KeyRefusedError):
        client.get(key)
    with pytest.raises(KeyRefusedError):
        client.get_multi(["fine", key])


class Exploit:
    """Unpickling it sets ``loaded``."""

    loaded = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return setattr, (Exploit, "loaded", True)


@pytest.mark.parametrize("value", [{"a": 1}, "text", 5, True])
def test_value_with_flags_counts_as_missing(
    memcached_server: MemcachedServer, client: MemcachedClient, prefix: str, value: object
) -> None:
    other = pylibmc.Client([memcached_server.address], behaviors={})
    other.set(prefix + "a", value)  # type: ignore[arg-type]
    client.set(prefix + "b", b"1")
    assert client.get(prefix + "a") is None
    assert client.get_multi([prefix + "a", prefix + "b"]) == {prefix + "b": b"1"}
    poisoned = client.gets(prefix + "a")
    assert poisoned is not None
    assert poisoned[0] == b""


def test_pickle_is_never_loaded(
    memcached_server: MemcachedServer, client: MemcachedClient, prefix: str
) -> None:
    other = pylibmc.Client([memcached_server.address], behaviors={})
    other.set(prefix + "a", Exploit())  # type: ignore[arg-type]
    client.get(prefix + "a")
    client.gets(prefix + "a")
    client.get_multi([prefix + "a"])
    assert Exploit.loaded is False


def test_value_over_limit_is_refused(client: MemcachedClient, prefix: str) -> None:
    client.set(prefix + "a", b"before")
    with pytest.raises(ValueTooBigError):
        client.set(prefix + "a", b"x" * 2_000_000)
    assert client.get(prefix + "a") is None


def test_set_multi_with_value_over_limit_raises(client: MemcachedClient, prefix: str) -> None:
    with pytest.raises(StoreError):
        client.set_multi({prefix + "a": b"1", prefix + "b": b"x" * 2_000_000, prefix + "c": b"1"})


def test_long_ttl_becomes_unix_time() -> None:
    assert expiry(0, 1e9) == 0
    assert expiry(0.2, 1e9) == 1
    assert expiry(RELATIVE_LIMIT, 1e9) == RELATIVE_LIMIT
    assert expiry(RELATIVE_LIMIT + 1, 1e9) == 1_000_000_000 + RELATIVE_LIMIT + 1


def test_value_with_ttl_of_forty_days_is_stored(client: MemcachedClient, prefix: str) -> None:
    client.set(prefix + "a", b"1", ttl=40 * 24 * 3600)
    assert client.get(prefix + "a") == b"1"
    client.add(prefix + "b", b"1", ttl=40 * 24 * 3600)
    client.set_multi({prefix + "c": b"1"}, ttl=40 * 24 * 3600)
    assert len(client.get_multi([prefix + "b", prefix + "c"])) == 2


@pytest.mark.parametrize("name", ["no_block", "buffer_requests", "_noreply", "remove_failed"])
def test_behaviours_that_lose_writes_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        MemcachedClient(["127.0.0.1:1"], behaviors_extra={name: 1})


def test_unknown_behaviour_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nonsense"):
        MemcachedClient(["127.0.0.1:1"], behaviors_extra={"nonsense": 1})


@pytest.mark.parametrize("url", ["127.0.0.1:port", "[::1"])
def test_malformed_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        MemcachedClient([url])


def test_key_checks_cannot_be_turned_off() -> None:
    assert behaviors({"verify_keys": 0, "cas": 0, "connect_timeout": 50}) == {
        "ketama": 1,
        "tcp_nodelay": 1,
        "connect_timeout": 50,
        "_poll_timeout": 200,
        "retry_timeout": 1,
        "verify_keys": 1,
        "cas": 1,
    }


def test_time_out_is_required() -> None:
    with pytest.raises(ConfigurationError, match="_poll_timeout"):
        behaviors({"_poll_timeout": 0})


def test_every_thread_has_its_own_client(client: MemcachedClient, prefix: str) -> None:
    client.set(prefix + "a", b"1")
    seen: list[tuple[object, bytes | None]] = []

    def use() -> None:
        seen.append((client._client(), client.get(prefix + "a")))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value for _, value in seen] == [b"1"] * 4
    assert len({id(each) for each, _ in seen}) == 4


def test_missing_server_is_unreachable() -> None:
    client = MemcachedClient([f"127.0.0.1:{free_port()}"])
    for _ in range(2):
        with pytest.raises(StoreUnreachableError):
            client.get("a")
        with pytest.raises(StoreError):
            client.set_multi({"a": b"1"})


CALLS: dict[str, Callable[[MemcachedClient], object]] = {
    "get": lambda client: client.get("a"),
    "get_multi": lambda client: client.get_multi(["a", "b"]),
    "gets": lambda client: client.gets("a"),
    "set": lambda client: client.set("a", b"2"),
    "set_multi": lambda client: client.set_multi({"a": b"2", "b": b"2"}),
    "add": lambda client: client.add("c", b"2"),
    "cas": lambda client: client.cas("a", b"2", 1),
    "incr": lambda client: client.incr("a"),
    "delete": lambda client: client.delete("a"),
}


def test_frozen_server_is_unreachable_and_not_a_miss(own_server: MemcachedServer) -> None:
    breakers = {name: CircuitBreaker(probe_interval=60) for name in CALLS}
    clients = {
        name: MemcachedClient([own_server.address], breaker=breakers[name], behaviors_extra=QUICK)
        for name in CALLS
    }
    for client in clients.values():
        client.set("a", b"1")
    with own_server.paused():
        for name, call in CALLS.items():
            with pytest.raises(StoreUnreachableError):
                call(clients[name])
    assert [name for name, breaker in breakers.items() if not breaker.is_open] == []


QUICK = {"_poll_timeout": 40, "connect_timeout": 40}


def test_open_breaker_makes_no_call_after_time_out(own_server: MemcachedServer) -> None:
    made: list[int] = []
    client = MemcachedClient(
        [own_server.address], breaker=CircuitBreaker(probe_interval=60), behaviors_extra=QUICK
    )
    with own_server.paused():
        with pytest.raises(StoreUnreachableError):
            client.get("a")
        with pytest.raises(StoreUnreachableError, match="circuit breaker is open"):
            client._call(lambda _: made.append(1))
    assert made == []


def eventually(read: Callable[[], bytes | None]) -> bytes | None:
    """Return the result of ``read`` once the client uses the server again."""
    for _ in range(40):
        try:
            return read()
        except StoreUnreachableError:
            time.sleep(0.1)
    return read()


def test_answers_belong_to_their_keys_after_recovery(own_server: MemcachedServer) -> None:
    breaker = CircuitBreaker(probe_interval=0.1)
    client = MemcachedClient([own_server.address], breaker=breaker, behaviors_extra=QUICK)
    client.set("a", b"one")
    client.set("b", b"two")
    with own_server.paused(), pytest.raises(StoreUnreachableError):
        client.get("a")
    assert eventually(lambda: client.get("b")) == b"two"
    assert client.get("a") == b"one"
    assert not breaker.is_open


def test_restarted_server_is_used_again(own_server: MemcachedServer) -> None:
    client = MemcachedClient([own_server.address])
    client.set("a", b"1")
    own_server.kill()
    with pytest.raises(StoreUnreachableError):
        client.set("a", b"2")
    own_server.start()
    assert eventually(lambda: client.get("a")) is None
    client.set("a", b"2")
    assert client.get("a") == b"2"


def test_every_thread_and_client_survives_a_cut_connection(own_server: MemcachedServer) -> None:
    """Without an error, and without the one to two seconds that libmemcached waits."""
    clients = [MemcachedClient([own_server.address]) for _ in range(3)]
    step = threading.Barrier(3, timeout=20)
    errors: list[StoreUnreachableError] = []

    def attempt(action: Callable[[], object]) -> None:
        try:
            action()
        except StoreUnreachableError as error:
            errors.append(error)

    def use() -> None:
        for client in clients:
            client.get("a")
        step.wait()
        step.wait()
        for client in clients:
            attempt(partial(client.get_multi, ["a", "b"]))
            attempt(partial(client.set, "a", b"1"))
            attempt(partial(client.set_multi, {"b": b"2"}))
            attempt(partial(client.delete, "a"))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    step.wait()
    own_server.kill()
    own_server.start()
    time.sleep(RECONNECT_SECONDS)
    step.wait()
    for thread in threads:
        thread.join()
    assert errors == []
    assert clients[0].get("b") == b"2"


def test_dead_server_of_a_ring_costs_the_others_few_connections(
    own_server: MemcachedServer,
) -> None:
    dead = f"127.0.0.1:{free_port()}"
    client = MemcachedClient([own_server.address, dead])
    began = time.monotonic()
    failed = 0
    for number in range(400):
        try:
            client.get(f"a{number}")
        except StoreUnreachableError:
            failed += 1
    most = 2 + (time.monotonic() - began) / RECONNECT_SECONDS
    assert 0 < failed < 400
    assert int(own_server.statistics()["total_connections"]) <= most + 10  # the tests' own


def test_check_asks_every_server_on_a_new_connection(own_server: MemcachedServer) -> None:
    client = MemcachedClient([own_server.address])
    client.check()
    own_server.kill()
    with pytest.raises(StoreUnreachableError, match=own_server.address):
        client.check()
    own_server.start()
    client.check()
    dead = f"127.0.0.1:{free_port()}"
    with pytest.raises(StoreUnreachableError, match=dead):
        MemcachedClient([own_server.address, dead]).check()


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_probed_server_is_used_by_all_threads_soon_after_a_failure(
    own_server: MemcachedServer, how: str
) -> None:
    """libmemcached itself would use it after one to two seconds, each thread on its own."""
    client = MemcachedClient([own_server.address], probed=True)
    step = threading.Barrier(4, timeout=20)
    used: list[float] = []

    def use() -> None:
        client.set("a", b"1")
        step.wait()
        step.wait()
        with pytest.raises(StoreUnreachableError):
            client.set("a", b"2")
        step.wait()
        step.wait()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with suppress(StoreUnreachableError):
                client.set("a", b"3")
                used.append(time.monotonic())
                return
            time.sleep(0.002)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    step.wait()
    with own_server.paused() if how == "frozen" else nullcontext():
        if how == "killed":
            own_server.kill()
        step.wait()
        step.wait()
    if how == "killed":
        own_server.start()
    began = time.monotonic()
    step.wait()
    for thread in threads:
        thread.join()
    assert len(used) == 3
    assert max(used) - began < 0.5


def test_full_server_does_not_open_the_breaker_of_a_probed_client() -> None:
    """With ``-M`` it refuses values and answers everything else."""

    class Full(MemcachedServer):
        def command(self) -> list[str]:
            return [*super().command(), "-M"]

    with Full(megabytes=4) as server:
        client = MemcachedClient([server.address], probed=True)
        client.set("clock", b"1")

        def fill() -> None:
            for number in range(10_000):
                client.set(f"a{number}", b"x" * 1000)

        with pytest.raises(StoreError):
            fill()
        assert client.get("clock") == b"1"


def test_late_answer_after_an_interrupting_signal_is_discarded(
    own_server: MemcachedServer,
) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise Interrupted

    client = MemcachedClient([own_server.address], behaviors_extra={**QUICK, "_poll_timeout": 400})
    client.set("a", b"old")
    assert client.get("a") == b"old"
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with own_server.paused():
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(Interrupted):
                client.get("a")
    finally:
        signal.signal(signal.SIGALRM, before)
    MemcachedClient([own_server.address]).set("a", b"new")
    assert eventually(lambda: client.get("a")) == b"new"


def test_forked_child_has_its_own_connection(own_server: MemcachedServer) -> None:
    client = MemcachedClient([own_server.address])
    client.set("a", b"1")
    parents = client._client()
    child = os.fork()
    if child == 0:
        own = client.get("a") == b"1" and client._client() is not parents
        os._exit(0 if own else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert client.get("a") == b"1"


def test_gets_returns_value_of_its_key_with_many_threads(
    client: MemcachedClient, prefix: str
) -> None:
    """pylibmc 1.6.3 reads a freed text key: one in a hundred values belonged to another key."""
    answers: list[bool] = []

    def ask(thread: int) -> None:
        keys = [f"{prefix}{thread}-{number}" for number in range(50)]
        for key in keys:
            client.set(key, key.encode())
        for key in keys * 12:
            found = client.gets(key)
            answers.append(found is not None and found[0] == key.encode())

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 2400


LOG = "moziweb.logs.outage"


def answers(client: MemcachedClient) -> bool:
    with suppress(StoreError):
        client.set("a", b"1")
        return True
    return False


@pytest.mark.parametrize("probed", [False, True])
def test_outage_is_one_line_and_its_end_another(
    own_server: MemcachedServer, caplog: pytest.LogCaptureFixture, probed: bool
) -> None:
    clients = [MemcachedClient([own_server.address], probed=probed) for _ in range(3)]
    for client in clients:
        client.set("a", b"1")
    own_server.kill()
    for _ in range(50):
        for client in clients:
            with suppress(StoreError):
                client.set("a", b"1")
    (begin,) = (each.getMessage() for each in caplog.records if each.name == LOG)
    assert begin.startswith(f"memcached {own_server.address} is unavailable: ")
    own_server.start()
    clients[0]._outage._recovery_seconds = 0.0
    wait_until(lambda: answers(clients[0]))
    _, end = (each.getMessage() for each in caplog.records if each.name == LOG)
    assert end.startswith(f"memcached {own_server.address} is back after ")


# The library reads SASL_PATH when it is loaded, so this runs in a process of its own.
AUTHENTICATED = """\
import sys
from moziweb.cache.errors import CacheError
from moziweb.cache.regions.config import from_settings

server, *logins = sys.argv[1:]
for login in logins:
    username, password = login.split(":")
    cache = from_settings({
        "cache.regions": "pages",
        "cache.stamps.url": f"memcached://{login}@{server}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": server,
        "cache.default.arguments.username": username,
        "cache.default.arguments.password": password,
    })
    pages = cache.regions["pages"]
    try:
        cache.stamps.publish(["a"])
        pages.check()
        backend = cache.dogpile["pages"].actual_backend
        backend.set_serialized("x" * 250, b"1")
        print(cache.stamps.read_clock() is not None, backend.get_serialized("x" * 250))
    except CacheError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def sasl_server() -> Iterator[SaslMemcachedServer]:
    with SaslMemcachedServer() as server:
        yield server


def authenticated(server: SaslMemcachedServer, *logins: str, plugins: str) -> list[str]:
    """What the process prints for each ``user:password``."""
    environ = {**os.environ, "SASL_PATH": plugins}
    ended = run([sys.executable, "-c", AUTHENTICATED, server.address, *logins], env=environ)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_client_signs_in_by_sasl(sasl_server: SaslMemcachedServer) -> None:
    (plain, *_) = Path("/usr/lib").glob("*/sasl2/libplain.so")
    right = f"{sasl_server.username}:{sasl_server.password}"
    lines = authenticated(sasl_server, right, "site:wrong", plugins=str(plain.parent))
    assert lines[0] == "True b'1'"
    assert "AUTHENTICATION FAILURE" in lines[1]
    assert "wrong" not in lines[1]


def test_missing_sasl_mechanism_is_explained(sasl_server: SaslMemcachedServer) -> None:
    (line,) = authenticated(sasl_server, "site:12345678", plugins="/nowhere")
    assert "set SASL_PATH to the folder of libplain.so" in line


def test_password_is_not_shown() -> None:
    credentials = Credentials("site", "secret")
    assert "secret" not in repr(credentials)
    client = MemcachedClient(["127.0.0.1:1"], credentials=credentials)
    with pytest.raises(StoreError) as caught:
        client.set("a", b"1")
    assert "secret" not in str(caught.value)
