"""Request ids, and the log lines of requests: from the threads and from the loop."""

import io
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

import moziweb
from moziweb import server
from moziweb.logs.formatters import JsonFormatter
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.ops.request_log import RequestLogMiddleware
from moziweb.services import services_of
from tests.conftest import NOW, close_services, raw_settings, running_app
from tests.manager.conftest import NAMES, PASSWORD, sign_in
from tests.services.raw_http import connected, running
from tests.site import cached
from tests.site.cached import CACHED

Fields = dict[str, Any]

REQUEST = b"GET /undated HTTP/1.1\r\nHost: a\r\n%b\r\n"


@pytest.fixture
def written() -> Iterator[Callable[[], list[Fields]]]:
    """Returns the lines of ``moziweb.ops.request_log`` as production writes them."""
    stream, log = io.StringIO(), logging.getLogger("moziweb.ops.request_log")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> dict[str, str]:
    """The ini keys of a site on an empty database."""
    path = tmp_path / "site.sqlite"
    path.write_bytes(migrated_sqlite.read_bytes())
    return raw_settings(f"sqlite:///{path}", tmp_path)


def logged(app: Any, **options: Any) -> TestApp:
    return TestApp(RequestLogMiddleware(app, **options))


def test_line_has_route_status_time_and_cache_status(
    sqlite: dict[str, str], written: Callable[[], list[Fields]]
) -> None:
    with cached.site(sqlite | CACHED) as site:
        client = logged(site.app, access=True)
        response = client.get("/undated", headers={"X-Request-ID": "from-proxy"})
        client.get("/undated")
        client.get("/ninc%0As?q=secret", status=404)
    assert response.headers["X-Request-ID"] == "from-proxy"
    miss, hit, missing = written()
    assert miss.pop("ms") > 0
    assert miss.pop("timestamp")
    assert miss.pop("event").startswith("GET /undated: 200 in ")
    assert miss == {
        "level": "info",
        "logger": "moziweb.ops.request_log",
        "method": "GET",
        "path": "/undated",
        "status": 200,
        "cache": "miss",
        "request_id": "from-proxy",
        "route": "undated",
    }
    assert (hit["cache"], hit["route"]) == ("hit", "undated")
    assert hit["request_id"] != "from-proxy"
    assert missing["status"] == 404
    assert missing["path"] == "/ninc%0As"


def test_line_of_the_manager_has_the_user(
    sqlite: dict[str, str], written: Callable[[], list[Fields]]
) -> None:
    with running_app(sqlite | {"site.base_url": "http://localhost"}) as site:
        with services_of(site.app.registry).database.write() as session:
            add_user(session, NAMES[Role.EDITOR], PASSWORD, Role.EDITOR, by=COMMAND, now=NOW)
        client = logged(site.app, access=True)
        sign_in(client, NAMES[Role.EDITOR])
        client.get("/manager", status="*")
        client.get("/")
    *_, manager, public = written()
    assert manager["user"] == NAMES[Role.EDITOR]
    assert "user" not in public


def test_only_slow_requests_are_logged_without_the_access_log(
    written: Callable[[], list[Fields]],
) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b""]

    logged(app, slow=60.0).get("/")
    logged(app).get("/")
    assert written() == []
    logged(app, slow=0.0).get("/slow")
    (line,) = written()
    assert line["level"] == "warning"
    assert line["event"].startswith("slow request: GET /slow: 200 in ")


def test_slow_request_is_logged_with_its_time_by_part(
    sqlite: dict[str, str], written: Callable[[], list[Fields]]
) -> None:
    with running_app(sqlite) as site:
        logged(site.app, slow=0.0).get(
            "/undated", headers={"X-Request-Start": f"t={time.time() - 2}"}
        )
    (line,) = written()
    assert line["queries"] > 0
    split = line["split"]
    assert split.keys() == {"queue", "database", "render"}
    assert line["ms"] == pytest.approx(sum(split.values()), abs=1.0)
    assert split["queue"] >= 2000


def test_request_that_raises_is_logged_as_500(written: Callable[[], list[Fields]]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise KeyError

    with pytest.raises(KeyError):
        logged(app, access=True).get("/")
    assert [line["status"] for line in written()] == [500]


@pytest.mark.parametrize("access", ["true", "false"])
def test_answer_from_the_loop_has_an_id_and_a_line(
    sqlite: dict[str, str], written: Callable[[], list[Fields]], access: str
) -> None:
    app = moziweb.main({}, **(sqlite | CACHED | {"log.access": access}))
    bound: Any = server.bind(app, {"host": "127.0.0.1", "port": "0", "threads": "4"})
    try:
        with running(bound, bound._map), connected(int(bound.effective_port)) as client:
            found = []
            for number in range(3):
                client.send(REQUEST % (b"X-Request-ID: n-%d\r\n" % number))
                found.append(client.answer()[1])
            client.send(REQUEST % b"")
            new = client.answer()[1]
    finally:
        close_services(app.registry)
    assert [each["x-request-id"] for each in found] == ["n-0", "n-1", "n-2"]
    assert [each["x-cache"] for each in found] == ["miss", "hit", "l1"]
    assert new["x-request-id"]
    lines = written()
    if access == "false":
        assert lines == []
        return
    assert [line["request_id"] for line in lines] == ["n-0", "n-1", "n-2", new["x-request-id"]]
    assert [line["cache"] for line in lines] == ["miss", "hit", "l1", "l1"]
    assert {(each["status"], each["path"], each["method"], each["route"]) for each in lines} == {
        (200, "/undated", "GET", "undated")
    }
