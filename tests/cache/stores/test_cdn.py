"""Purges at a CDN: published tags, twice."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from moziweb.cache import from_settings
from moziweb.cache.events import CacheEvents
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.tags import short_form
from moziweb.cache.regions.http_policy import EVERYTHING, HttpCachePolicy
from moziweb.cache.stores.cdn import HEADER_BYTES, MAX_KEYS, CdnPurger, over_http
from moziweb.cache.stores.memory import MemoryAtomicStore

Requests = list[tuple[str, str, str | None]]


def both(*tags: str) -> str:
    """The keys of a purge: each tag and its short form."""
    return " ".join(f"{tag} {short_form(tag)}" for tag in tags)


class Cdn:
    """A server that purges objects by their tags, as Varnish with xkey does."""

    def __init__(self) -> None:
        self.requests: Requests = []
        self.objects: dict[str, set[str]] = {}
        self.status = 200
        cdn = self

        class Handler(BaseHTTPRequestHandler):
            def do_PURGE(self) -> None:
                tags = self.headers["xkey-purge"]
                cdn.requests.append((self.command, tags, self.headers.get("X-Secret")))
                if cdn.status == 200:
                    for name in [n for n, t in cdn.objects.items() if t & set(tags.split())]:
                        del cdn.objects[name]
                self.send_response(cdn.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def purger(self, second_delay: float = 0.05) -> CdnPurger:
        return CdnPurger(
            over_http(self.url, "PURGE", "xkey-purge", "X-Secret: s"), second_delay=second_delay
        )


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    running = Cdn()
    yield running
    running.stop()


def test_tags_are_purged_twice(cdn: Cdn) -> None:
    purger = cdn.purger()
    purger.purge(["movie:2", "movie:1"])
    purger.join()
    assert cdn.requests == [("PURGE", both("movie:1", "movie:2"), "s")] * 2


def test_second_purge_drops_late_response(cdn: Cdn) -> None:
    purger = cdn.purger(second_delay=0.5)
    cdn.objects = {"index": {"movie:1", "week:1"}, "other": {"movie:2"}}
    purger.purge(["movie:1"])
    while not cdn.requests:
        pass
    cdn.objects["late"] = {"movie:1"}
    purger.join()
    assert cdn.objects == {"other": {"movie:2"}}


def test_writer_does_not_wait_for_unreachable_cdn(
    cdn: Cdn, caplog: pytest.LogCaptureFixture
) -> None:
    purger = cdn.purger()
    cdn.status = 503
    purger.purge(["movie:1"])
    purger.join()
    assert len(cdn.requests) == 2
    assert "not purged at the CDN: movie:1" in caplog.text
    unreachable = CdnPurger(
        over_http("http://127.0.0.1:9/", "PURGE", "xkey-purge"), second_delay=0.01
    )
    unreachable.purge(["movie:1"])
    unreachable.join()


class Failures(CacheEvents):
    """Counts failed purges."""

    def __init__(self) -> None:
        self.count = 0

    def purge_failed(self) -> None:
        self.count += 1


def no_thread(_: threading.Thread) -> None:
    """Fail as the system does if no more threads are allowed."""
    raise RuntimeError("can't start new thread")


def test_tags_wait_for_next_purge_if_no_thread_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[str] = []
    failures = Failures()
    purger = CdnPurger(sent.append, second_delay=0.01, observer=failures)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        purger.purge(["movie:1"])
    purger.join()
    assert (sent, failures.count) == ([], 1)
    assert "can't start new thread" in caplog.text
    purger.purge(["movie:2"])
    purger.join()
    assert sent == [both("movie:1", "movie:2")] * 2


def test_refused_purge_is_counted(cdn: Cdn) -> None:
    failures = Failures()
    cdn.status = 503
    purger = CdnPurger(
        over_http(cdn.url, "PURGE", "xkey-purge"), second_delay=0.01, observer=failures
    )
    purger.purge(["movie:1"])
    purger.join()
    assert failures.count == 2


def test_publish_ignores_failing_listener(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("listener failed")

    stamps = StampStore(MemoryAtomicStore(), 3600, fail)
    stamps.resolve(["movie:1"])
    stamps.publish(["movie:1"])
    stamps.new_epoch()
    assert stamps.read_raw(["movie:1"]) == {"movie:1": None}
    assert caplog.text.count("the on_publish listener failed") == 2


def test_purger_starts_again_after_idle_time(cdn: Cdn) -> None:
    purger = cdn.purger(second_delay=0.01)
    for number in range(3):
        purger.purge([f"movie:{number}"])
        purger.join()
    assert len(cdn.requests) == 6


def test_tags_are_split_at_maximum_header_length(cdn: Cdn) -> None:
    purger = cdn.purger(second_delay=0.01)
    tags = {f"variant:{number}:thumb" for number in range(1000)}
    purger.purge(tags)
    purger.join()
    assert all(len(each[1]) <= HEADER_BYTES for each in cdn.requests)
    assert all(len(each[1].split()) <= MAX_KEYS for each in cdn.requests)
    sent = [key for each in cdn.requests for key in each[1].split()]
    assert sorted(sent) == sorted(" ".join(map(both, tags)).split() * 2)


def test_purge_drops_pages_with_either_form_of_a_tag(cdn: Cdn) -> None:
    policy = HttpCachePolicy(s_maxage=60, surrogate_header="xkey")
    pages = {"few": ["movie:1"], "many": [f"movie:{n}" for n in range(900)], "other": ["movie:901"]}
    cdn.objects = {name: set(dict(policy.headers(t))["xkey"].split()) for name, t in pages.items()}
    assert "movie:1" not in cdn.objects["many"]
    purger = cdn.purger(second_delay=0.01)
    purger.purge(["movie:1"])
    purger.join()
    assert list(cdn.objects) == ["other"]


def test_published_tags_are_purged(cdn: Cdn) -> None:
    cache = from_settings({"cache.regions": "pages", "cache.cdn.purge_url": cdn.url})
    assert cache.purger is not None
    cache.purger._second_delay = 0.01
    cache.stamps.publish(["movie:1", "week:1"])
    cache.purger.join()
    cache.stamps.publish(())  # concerns no tag
    cache.stamps.new_epoch()
    cache.purger.join()
    assert [each[1] for each in cdn.requests] == [both("movie:1", "week:1")] * 2 + [
        both(EVERYTHING)
    ] * 2
