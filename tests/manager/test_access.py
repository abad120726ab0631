"""Permissions and CSRF tokens of every route of the manager.

Routes are read from the application, so new routes are tested, too.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pyramid.interfaces import IRoutesMapper
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.db.meta import Base
from moziweb.manager.auth.models import Role
from moziweb.manager.web.resources import ADMINISTER, EDIT, SEE
from moziweb.services import services_of

from .conftest import NAMES, csrf_of, signed_in

OPEN = {
    ("manager.sign_in", "GET"),
    ("manager.sign_in", "POST"),
    ("manager.sign_in_code", "POST"),
    ("manager.sign_in_passkey", "POST"),
    ("manager.sign_in_passkey_options", "POST"),
    ("manager.set_password", "GET"),
    ("manager.set_password", "POST"),
    ("manager_slash", "GET"),
    ("manager_films", "GET"),
}
"""What a anonymous may ask for: the way in."""

SIGN_IN = {"manager.sign_in", "manager.sign_in_code", "manager.sign_in_passkey"}
"""A form of these that was sent twice leads a signed-in user where it led the first time."""

SIGN_OUT = {"manager.sign_out", "manager.sign_out_everywhere"}
"""The same without a session."""

VALUES = {
    "locale": "", "movie": "1", "user": "1", "job": "1", "unsaved": "1", "variant": "poster.jpg",
    "below": "", "kind": "film", "row": "1", "other": "2", "entry": "1", "upload": "1",
    "week": "2026-W36",
}  # fmt: skip


def views(app: TestApp) -> Iterator[tuple[str, str, str]]:
    """The views of the manager: route, method, permission."""
    for each in app.app.registry.introspector.get_category("views") or ():
        view = each["introspectable"]
        route = view["route_name"] or ""
        if not route.startswith("manager"):
            continue
        methods = view["request_methods"] or ("GET",)
        permission = next(
            (
                related["value"]
                for related in each["related"]
                if related.category_name == "permissions"
            ),
            NO_PERMISSION_REQUIRED,
        )
        for method in methods if isinstance(methods, tuple) else (methods,):
            yield route, method, permission


def path_of(app: TestApp, route: str, locale: str = "") -> str:
    """The path of a route; ids are 1."""
    mapper = app.app.registry.getUtility(IRoutesMapper)
    path: str = mapper.get_route(route).generate({**VALUES, "locale": locale})
    return path


def ask(browser: TestApp, method: str, path: str, **fields: str) -> Any:
    """Requests a page or submits a form."""
    send = browser.get if method in ("GET", "HEAD") else browser.post
    return send(path, fields, status="*")


def contents(app: TestApp) -> dict[str, int]:
    """The number of rows of each table."""
    with services_of(app.app.registry).database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_views_are_found(site: TestApp) -> None:
    found = set(views(site))
    assert len(found) >= 10
    assert {permission for _r, _m, permission in found} >= {SEE, ADMINISTER}


def test_only_sign_in_and_redirects_need_no_session(site: TestApp) -> None:
    opened = {
        (route, method) for route, method, needed in views(site) if needed == NO_PERMISSION_REQUIRED
    }
    assert opened == OPEN


def test_views_have_only_get_and_post(site: TestApp) -> None:
    assert {method for _route, method, _permission in views(site)} <= {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("locale", ["", "en/"])
def test_without_a_session_nothing_is_shown(site: TestApp, anonymous: TestApp, locale: str) -> None:
    before = contents(site)
    for route, method, _permission in views(site):
        if (route, method) in OPEN:
            continue
        answer = ask(anonymous, method, path_of(site, route, locale))
        if route in SIGN_OUT:
            assert answer.status_int == 303, route
            assert answer.location.endswith("/manager/sign-in?done=signed-out"), route
            # As from another site, which must not end the session.
            assert "moziweb_session" not in answer.headers.get("Set-Cookie", ""), route
        elif method == "POST":
            assert answer.status_int == 403, route
            assert 'name="password"' in answer.text, route
        else:
            assert answer.status_int == 303, route
            assert "/manager/sign-in" in answer.location, route
    assert contents(site) == before


def test_missing_and_existing_rows_look_the_same(anonymous: TestApp) -> None:
    for path in (
        "/manager/nothing",
        "/manager/movies/999999999",
        "/manager/users/x",
        "/manager/%FF",
    ):
        assert anonymous.get(path, status="*").status_int in (303, 400), path


def test_editors_lack_administrator_permissions(site: TestApp, editor: TestApp) -> None:
    before = contents(site)
    token = csrf_of(editor)
    asked = 0
    for route, method, permission in views(site):
        if permission == ADMINISTER:
            answer = ask(editor, method, path_of(site, route), csrf_token=token, do="disable")
            assert answer.status_int == 403, route
            asked += 1
    assert asked >= 2
    assert contents(site) == before


def test_post_without_a_valid_token_changes_nothing(site: TestApp, admin: TestApp) -> None:
    posts = [(route, path_of(site, route)) for route, method, _p in views(site) if method == "POST"]
    another_sessions = csrf_of(signed_in(site, Role.ADMIN))
    before = contents(site)
    for token in (None, "", "wrong", another_sessions, "é", "a" * 5000):
        fields = {} if token is None else {"csrf_token": token}
        for route, path in posts:
            answer = ask(admin, "POST", path, do="disable", **fields)
            assert answer.status_int == (303 if route in SIGN_IN else 400), (path, token)
            assert answer.headers.get("Location", "/manager") == "/manager", path
    assert contents(site) == before


def test_every_path_of_the_manager_is_a_named_route(site: TestApp) -> None:
    """No other route has a path of the manager, so the tests below cover all of them."""
    for route in site.app.registry.getUtility(IRoutesMapper).get_routes():
        assert route.name.startswith("manager") is ("manager" in route.pattern), route.name


def test_token_in_the_query_string_is_ignored(admin: TestApp) -> None:
    admin.post(f"/manager/sign-out?csrf_token={csrf_of(admin)}", status=400)
    assert admin.get("/manager").status_int == 200


def test_foreign_origin_is_refused_over_https(site: TestApp) -> None:
    browser = TestApp(site.app, extra_environ={"wsgi.url_scheme": "https"})
    token = browser.get("/manager/sign-in").form["csrf_token"].value
    fields = {"csrf_token": token, "name": NAMES[Role.EDITOR], "password": "x"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        assert browser.post("/manager/sign-in", fields, headers, status="*").status_int == 400
    headers = {"Origin": "https://localhost"}
    assert browser.post("/manager/sign-in", fields, headers, status="*").status_int == 403


def test_views_use_known_permissions(site: TestApp) -> None:
    known = {SEE, EDIT, ADMINISTER, NO_PERMISSION_REQUIRED}
    assert {permission for _route, _method, permission in views(site)} <= known


def test_every_answer_has_the_headers(site: TestApp, anonymous: TestApp, admin: TestApp) -> None:
    paths = {path_of(site, route) for route, method, _p in views(site) if method == "GET"}
    for browser in (anonymous, admin):
        for path in sorted(paths | {"/manager/nothing"}):
            headers = browser.get(path, status="*").headers
            assert "unsafe-inline" not in headers["Content-Security-Policy"], path
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin", path
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
            assert "camera=()" in headers["Permissions-Policy"], path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Cache-Control"] == "private, no-store", path


def test_public_site_uses_no_cookies(admin: TestApp, site: TestApp) -> None:
    """A cookie that is sent anyway changes nothing: the site does not vary on it."""
    token = next(each.value for each in admin.cookiejar if each.name == "moziweb_session")
    for path in ("/", "/en/", "/about", "/api/main/", "/nothing", "/robots.txt"):
        plain = TestApp(site.app).get(path, status="*")
        with_cookie = TestApp(site.app).get(
            path, headers={"Cookie": f"moziweb_session={token}"}, status="*"
        )
        assert "Set-Cookie" not in plain.headers
        assert "Cookie" not in plain.headers.get("Vary", "")
        assert plain.body == with_cookie.body
        assert set(plain.headers) == set(with_cookie.headers)
