"""Bodies of forms: what is read of them, at which cost, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyramid.request import Request
from webtest import TestApp, TestRequest

from moziweb.db.retry import MAX_BODY
from moziweb.manager.web.request_limits import (
    MAX_FORM,
    MAX_HEADER,
    MAX_HEADERS,
    MAX_PARTS,
    UploadedFile,
)
from moziweb.request import BODY_TOO_LARGE
from tests.manager.conftest import csrf_of
from tests.measured import cpu_limit

FILES = "multipart/form-data; boundary=x"


def part(headers: str, content: bytes = b"b") -> bytes:
    return b"--x\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def text(name: str, content: bytes = b"b") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


def file(content: bytes, filename: str = "a.csv") -> bytes:
    return part(f'Content-Disposition: form-data; name="file"; filename="{filename}"', content)


@pytest.fixture
def post(editor: TestApp) -> Any:
    """Sends a body to a page of the manager; returns the response."""

    def send(body: bytes, content_type: str = FILES, **headers: str) -> Any:
        headers = {"Content-Type": content_type, **headers}
        return editor.post("/manager/imports", body, headers, status="*")

    return send


@pytest.fixture
def fields(post: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends a body; returns the fields that a view gets, with the bytes of files."""

    def read(body: bytes, content_type: str = FILES) -> list[tuple[str, Any]]:
        seen: list[tuple[str, Any]] = []

        def note(request: Request, *_options: object, **_more: object) -> bool:
            posted: Any = request.POST
            for name, value in posted.items():
                is_file = isinstance(value, UploadedFile)
                seen.append((name, (value.filename, value.file.read()) if is_file else value))
            return True

        with monkeypatch.context() as patch:
            patch.setattr("pyramid.viewderivers.check_csrf_token", note)
            post(body, content_type)
        return seen

    return read


def test_texts_and_files_are_read(fields: Any) -> None:
    large = b"\r\n--y--x\r\n-x\x00\xff" * 20_000
    body = (
        text("columns", "cím=Cím".encode()) + text("columns", b"") + text("bad", b"\xff")
        + file(large, "tavaszi őszi.csv")
        + file(b"c", "a\0b\x1b\t c.csv") + file(b"", "") + b"--x--\r\n"
    )  # fmt: skip
    assert fields(body) == [
        ("columns", "cím=Cím"),
        ("columns", ""),
        ("bad", "\ufffd"),
        ("file", ("tavaszi őszi.csv", large)),
        ("file", ("ab c.csv", b"c")),
        ("file", ""),  # no file was chosen
    ]


def test_line_break_after_the_last_boundary_may_be_in_the_next_chunk(fields: Any) -> None:
    end = b"\r\n--x--\r\n"
    for cut in range(len(end)):
        content = b"a" * (65536 - len(file(b"")) + len(b"\r\n") - cut)
        ((_name, (_filename, read)),) = fields(file(content)[:-2] + end)
        assert read == content, cut


def test_charset_of_a_part_is_ignored(fields: Any) -> None:
    """A codec such as ``idna`` takes quadratic time."""
    headers = 'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=idna'
    assert fields(part(headers, b"xn--a") + b"--x--") == [("a", "xn--a")]


BAD: dict[str, tuple[Callable[[], bytes], int]] = {
    "long header": (lambda: text('a"' + ";" * 800_000), 413),
    "quotes": (lambda: text('a"' + '; a="\\' * 100_000), 413),
    "header without a colon": (lambda: part("a" * (MAX_HEADER + 1)), 413),
    "many headers": (lambda: part("\r\n".join(f"X-{n}: a" for n in range(MAX_HEADERS + 1))), 413),
    "continued header": (lambda: part("X: a" + "\r\n ;" * 100_000), 413),
    "many parts": (lambda: text("a") * (MAX_PARTS + 1), 413),
    "large texts": (lambda: text("a", b"b" * MAX_FORM) + text("a"), 413),
    "attachment": (lambda: part("Content-Disposition: attachment"), 400),
    "no name": (lambda: part("Content-Type: text/plain"), 400),
    "name of a header": (lambda: part("\0: a"), 400),
    "no boundary": (lambda: b"a" * 2_000_000, 400),
    "line feeds": (lambda: b"--x\n" * 500_000, 400),
    "cut off": (lambda: file(b"a" * 200_000)[:-9], 400),
    "empty": (lambda: b"", 400),
}


@pytest.mark.parametrize("case", BAD)
def test_malformed_or_oversized_parts_are_refused_at_once(post: Any, case: str) -> None:
    make_body, status = BAD[case]
    body = make_body()
    with cpu_limit(2):
        assert post(body).status_int == status


@pytest.mark.parametrize(
    "parameters",
    [
        "boundary=y; boundary=x",
        "boundary=x; boundary=y",
        'boundary=x; BOUNDARY ="y"',
        "boundary=x;boundary=x",
        'a="; boundary=x"; boundary=y',
        "boundary=",
        "boundary*=utf-8''x",
        "boundary=x; charset=latin-2",
    ],
)
def test_content_type_with_not_exactly_one_boundary_is_refused(post: Any, parameters: str) -> None:
    body = text("a") * 9999 + b"--y\r\n\r\n--y--"
    assert post(body, f"multipart/form-data; {parameters}").status_int == 400


PIECES = st.sampled_from([
    b"--x", b"--", b"\r\n", b"\n", b"\r", b":", b'"', b"\\", b"\0", b"\xff", b'; name="a"',
    b"; filename=b", b"; filename*=utf-8''x", b"Content-Disposition: form-data",
    b"Content-Type: text/plain; charset=zlib", b"Content-Length: 3", b"%22%0D",
])  # fmt: skip


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(PIECES, max_size=25).map(b"".join))
def test_any_body_without_a_token_is_refused(post: Any, body: bytes) -> None:
    inside = b"--x\r\n" + body + b"\r\n--x--\r\n"
    for sent in (body, inside, text("do", b"file") + inside):
        assert post(sent).status_int in (400, 413)


class _Unreadable:
    """A body that must not be read."""

    def read(self, *_size: int) -> bytes:
        raise AssertionError("the body was read")

    readline = readlines = __iter__ = read


def send_unreadable(browser: TestApp, path: str, content_type: str, **headers: str) -> Any:
    request = TestRequest.blank(
        path, method="POST", headers={"Content-Type": content_type, **headers}
    )
    # A smaller body is copied, so that the request can be run again; it is not parsed either.
    request.environ |= {"wsgi.input": _Unreadable(), "CONTENT_LENGTH": str(MAX_BODY + 1)}
    request.headers["Cookie"] = "; ".join(f"{each.name}={each.value}" for each in browser.cookiejar)
    return request.get_response(browser.app.app if hasattr(browser.app, "app") else browser.app)


@pytest.mark.parametrize("content_type", [FILES, "application/x-www-form-urlencoded"])
def test_csrf_token_of_a_header_is_checked_before_the_body_is_read(
    editor: TestApp, content_type: str
) -> None:
    path, wrong = "/manager/imports", {"X-CSRF-Token": "wrong"}
    assert send_unreadable(editor, path, content_type, **wrong).status_int == 400
    right = {"X-CSRF-Token": csrf_of(editor)}
    expected = 500 if content_type == FILES else 413  # it was read, it is too large for a form
    assert send_unreadable(editor, path, content_type, **right).status_int == expected


def test_files_are_not_read_without_a_session(anonymous: TestApp) -> None:
    anonymous.get("/manager/sign-in")
    for path in ("/manager/imports", "/manager/sign-in", "/manager/nothing"):
        assert send_unreadable(anonymous, path, FILES).status_int in (400, 403)


@pytest.mark.parametrize("content_type", [FILES, "application/x-www-form-urlencoded"])
def test_bodies_for_public_pages_are_not_read(editor: TestApp, content_type: str) -> None:
    for path in ("/", "/about", "/nothing", "/poster/1-a.1.jpg", "/api/main/"):
        assert send_unreadable(editor, path, content_type).status_int in (400, 404, 405)


@pytest.mark.parametrize(
    ("path", "words"),
    [("/manager/imports", "legfeljebb 20 MB"), ("/en/manager/movies/1/posters", "20 MB with")],
)
def test_form_that_the_server_has_not_kept_gets_a_page_with_the_limit(
    editor: TestApp, path: str, words: str
) -> None:
    given = {BODY_TOO_LARGE: 20_000_000}
    headers = {"Content-Type": FILES}
    page = editor.post(path, b"", headers, extra_environ=given, status=413)
    assert words in page.html.select_one("main").get_text(" ")
    assert page.html.select_one(".masthead") is not None
