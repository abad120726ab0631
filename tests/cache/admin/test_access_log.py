"""Lines of access logs."""

import pytest

from moziweb.cache.admin.access_log import LoggedRequest, logged_requests

COMBINED = '203.0.113.9 - - [20/Aug/2026:12:00:01 +0200] "GET {} HTTP/1.1" {} {} "-" "Mozilla"'
JSON = (
    '{{"timestamp": "2026-08-20T10:00:01.250Z", "level": "info", "event": "GET /", '
    '"method": "{}", "path": "/week/2026-W34", "status": {}, "ms": 40.0, "cache": "{}"}}'
)
AT = 1_787_220_001.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (COMBINED.format("/search?q=a", 200, 5120), LoggedRequest(AT, "/search?q=a", 5120)),
        (COMBINED.format("/", 304, 0), LoggedRequest(AT, "/", None)),
        (
            '::1 - anna [20/Aug/2026:10:00:01 +0000] "HEAD / HTTP/1.0" 200 -',
            LoggedRequest(AT, "/", None),
        ),
        (
            JSON.format("GET", 200, "miss"),
            LoggedRequest(AT + 0.25, "/week/2026-W34", None, 0.04, is_path=True),
        ),
        (
            JSON.format("GET", 304, "l1"),
            LoggedRequest(AT + 0.25, "/week/2026-W34", None, None, is_path=True),
        ),
    ],
)
def test_served_pages_are_read(line: str, expected: LoggedRequest) -> None:
    assert list(logged_requests([line])) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        COMBINED.format("/", 404, 10),
        COMBINED.format("/", 503, 10),
        COMBINED.format("/", 200, 10).replace("GET", "POST"),
        JSON.format("POST", 200, "miss"),
        JSON.format("GET", 404, "miss"),
        '{"timestamp": "2026-08-20T10:00:01.250Z", "event": "started"}',
    ],
)
def test_other_requests_and_events_are_left_out(line: str) -> None:
    assert list(logged_requests([line])) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no log",
        "{not json",
        "[1, 2]",
        '{"path": "/", "status": 200}',
        COMBINED.format("/", 200, 10).replace("Aug", "Xyz"),
        JSON.format("GET", 200, "miss").replace("2026-08", "soon"),
        JSON.format("GET", 200, "miss").replace("40.0", '"x"'),
    ],
)
def test_lines_of_no_known_format_are_none(line: str) -> None:
    assert list(logged_requests([line])) == [None]
