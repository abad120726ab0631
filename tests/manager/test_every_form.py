"""Every form of the manager is found on its pages and sent twice: the second time does nothing.

Each change that this makes is also judged by the audit law (``tests/audit_law.py``).
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from sqlalchemy.orm import Session
from webtest import Form, TestApp, Upload
from webtest.forms import Submit

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user, find_user
from moziweb.manager.auth.factors.recovery_codes import make_codes
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.password_links import make_link
from moziweb.movies.models import Movie, Person
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.manager.auth.factors.authenticator import Authenticator
from tests.manager.auth.factors.test_state import add_totp
from tests.manager.movie_forms import make_movie
from tests.manager.test_access import contents, views
from tests.posters.pictures import encoded, quarters
from tests.services.tmdb import TOKEN, TmdbServer
from tests.threads import join_threads

from .conftest import PASSWORD, Clock, confirm, csrf_of, sign_in, signed_in

LIST: Final = "external_id;title;release_date\n1;Dűne;2026.12.17.\n2;Solaris;2026.12.18.\n"

_numbers = count(90)

NEW_PASSWORD: Final = "nine quiet projectors"

FILLED: Final[dict[str, Any]] = {
    "which": "all", "title": "Kétszer küldött", "premieres-1-date": "2026-12-24",
    "rows-3-title": "Kétszer táblázatban",
    "x": "31", "y": "32", "first": "2026-12-03", "last": "2026-12-04", "ids": "7",
    "tags": "movie:1", "path": "/",
}  # fmt: skip
"""Values of fields; other fields are sent as the page shows them."""

SIGNED_OUT: Final = "/manager/sign-in?done=signed-out"

FORMS_WITHOUT_RESULT: Final = {
    "manager.sign_in": ("/manager",) * 2,
    "manager.sign_in_code": ("/manager",) * 2,
    "manager.sign_in_passkey": ("/manager",) * 2,
    "manager.sign_in_passkey_options": (200, 200),
    "manager.sign_out": (SIGNED_OUT,) * 2,
    "manager.sign_out_everywhere": (SIGNED_OUT,) * 2,
    "manager.set_password": ("/manager/sign-in?done=password-set",) * 2,
    "manager.users": (200, "/manager/users/"),  # the link is shown once
    "manager.confirm": ("/manager/account/second-factors",) * 2,
    "manager.second_factors": ("/manager/account/second-factors",) * 2,
    "manager.passkey_options": (200, 200),
    "manager.account": ("/manager/account?done=password",) * 2,
    "manager.movie_affected_pages": (200, 200),
    "manager.week_grid_affected_pages": (200, 200),
}
"""Forms whose result is not kept for the second time: where each time leads, or its status."""


@pytest.fixture
def local(local: dict[str, str]) -> Iterator[dict[str, str]]:
    with TmdbServer() as server:
        yield {
            **local, "tmdb.base_url": server.base_url, "tmdb.token": TOKEN, "tmdb.tries": "1",
            "posters.test_host": server.address.rpartition("/")[2],
        }  # fmt: skip


@pytest.fixture
def picture_url(cached: TestApp) -> str:
    host, port = services_of(cached.app.registry).poster_editor.policy.test_host or ("", 0)
    return f"http://{host}:{port}/t/p/original/kep.jpg"


def route_of(app: TestApp, path: str) -> str:
    request = Request.blank(path)
    route = app.app.registry.getUtility(IRoutesMapper)(request)["route"]
    return route.name if route else ""


def pages(browser: TestApp) -> dict[str, str]:
    """A page of each route, by following links from the overview."""
    found, waiting = {"manager.home": "/manager"}, ["/manager"]
    while waiting:
        page = browser.get(waiting.pop()).maybe_follow()
        for link in page.html.select("main a[href], nav a[href]"):
            parts = urlsplit(link["href"])
            route = route_of(browser, parts.path) if parts.path.startswith("/manager") else ""
            if route and route not in found:
                found[route] = parts.path
                waiting.append(parts.path)
    return found


def buttons(page: Any) -> list[tuple[int, str | None]]:
    """Each form of a page that is posted, with each of its buttons."""
    return [
        (index, button)
        for index, form in page.forms.items()
        if isinstance(index, int) and form.method.lower() == "post"
        for button in _names(form)
    ]


def _names(form: Form) -> list[str | None]:
    named = form.fields.get("do", ())
    values = [each.value_if_submitted() for each in named if isinstance(each, Submit)]
    return list(dict.fromkeys(values)) or [None]


def filled(form: Form, url: str) -> None:
    values = {**FILLED, "runtime": str(next(_numbers)), "url": url}
    for name, field in form.fields.items():
        if name == "file" or (name or "").startswith("picture-"):
            picture = "/posters" in form.action
            name_, data = ("p.jpg", encoded(quarters())) if picture else ("a.csv", LIST.encode())
            form[name] = Upload(name_, data)
        elif name in values and field[0].tag in {"input", "textarea"}:
            form[name] = values[name]


def send(form: Form, button: str | None) -> Any:
    if button is None:
        answer = form.submit(status="*")
    else:
        index = [each.value_if_submitted() for each in form.fields["do"]].index(button)
        answer = form.submit("do", index=index, status="*")
    join_threads("import-")
    join_threads("cache-warming")
    join_threads("bulk-")
    return answer


def test_every_form_that_is_sent_twice_is_done_once(cached: TestApp, picture_url: str) -> None:
    failing, movie = make_movie(cached, "Kép nélkül"), make_movie(cached)
    with services_of(cached.app.registry).database.write() as session:
        failed = {"state": SourceState.FAILED, "error_code": "not_found"}
        factories.add_poster(session, session.get_one(Movie, failing), **failed)
        # They can be merged with those of the movies.
        session.add_all(Person(name=name) for name in ("kis éva", "KIS ÉVA"))
    admin = signed_in(cached, Role.ADMIN)
    confirm(admin)
    seed(admin, movie)
    sent: dict[str, str] = {}
    twice: list[str] = []
    # Some forms only appear after others were sent: the bin has nothing before a deletion. Others
    # are only on the page that a form leads to.
    for _round in range(2):
        for path in sorted({*pages(admin).values(), *sent.values()}):
            twice += send_all_twice(admin, path, picture_url, sent)
    assert twice == []
    posts = {route for route, method, _permission in views(cached) if method == "POST"}
    assert posts - sent.keys() == FORMS_WITHOUT_RESULT.keys()


def send_all_twice(admin: TestApp, path: str, picture_url: str, sent: dict[str, str]) -> list[str]:
    """Sends each form of a page twice, unless its route is in ``sent``; returns what differs.

    ``sent`` gets the path that a form led to, by the form's route.
    """
    twice: list[str] = []
    already = set(sent)
    for index, button in buttons(admin.get(path, status="*").maybe_follow()):
        page = admin.get(path, status="*").maybe_follow()
        form = page.forms.get(index) if page.status_int == 200 else None
        if form is None or button not in _names(form):
            continue  # an earlier form has removed it
        target = route_of(admin, urlsplit(form.action).path)
        if target in FORMS_WITHOUT_RESULT or target in already:
            continue
        filled(form, picture_url)
        answer = send(form, button)
        if answer.status_int != 303:
            continue
        sent[target] = urlsplit(answer.location).path
        before = contents(admin)
        again = send(form, button)
        if (again.status_int, again.location) != (303, answer.location):
            twice.append(f"{path} {button}: {again.status_int} {again.location}")
        if contents(admin) != before:
            twice.append(f"{path} {button}: {differences(before, contents(admin))}")
    return twice


def seed(browser: TestApp, movie: int) -> None:
    """An import that waits for a choice, and a picture that is not saved."""
    token = {"csrf_token": csrf_of(browser)}
    files = [("file", "lista.csv", LIST.encode())]
    browser.post("/manager/imports", token | {"do": "file"}, upload_files=files, status=303)
    join_threads("import-")
    files = [("file", "plakát.jpg", encoded(quarters()))]
    path = f"/manager/movies/{movie}/posters"
    browser.post(path, token | {"do": "upload"}, upload_files=files, status=303)


def differences(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - number for name, number in before.items() if after[name] != number}


def test_forms_without_a_kept_result_that_are_sent_twice_are_done_once(
    site: TestApp, clock: Clock
) -> None:
    led: dict[str, Any] = {}
    for route, send_it in forms_without_result(site, clock):
        first = send_it()
        before = contents(site)
        led[route] = tuple(
            each.location.rstrip("0123456789") if each.status_int == 303 else each.status_int
            for each in (first, send_it())
        )
        asked_again = {"manager_challenge": 1} if route.endswith("passkey_options") else {}
        assert differences(before, contents(site)) == asked_again, route
    assert led == FORMS_WITHOUT_RESULT


def forms_without_result(site: TestApp, clock: Clock) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The route of each form, and what sends it; each of a user of its own."""
    names = (f"{number}. szerkesztő" for number in count())

    def newcomer(role: Role = Role.EDITOR) -> tuple[TestApp, str]:
        name, browser = next(names), TestApp(site.app)
        with services_of(site.app.registry).database.write() as session:
            add_user(session, name, PASSWORD, role, by=COMMAND, now=clock.now)
        sign_in(browser, name, status=303)
        return browser, name

    def user_named(session: Session, name: str) -> User:
        found = find_user(session, name)
        assert found is not None
        return found

    def submit(form: Form, **fields: str) -> Callable[[], Any]:
        for name, value in fields.items():
            form[name] = value
        return partial(form.submit, status="*")

    def posted(browser: TestApp, path: str, token: str, **fields: str) -> Callable[[], Any]:
        return partial(browser.post, path, {"csrf_token": token, **fields}, status="*")

    outside, (inside, name) = TestApp(site.app), newcomer()
    form = outside.get("/manager/sign-in").form
    yield "manager.sign_in", submit(form, name=name, password=PASSWORD)

    outside = TestApp(site.app)
    with services_of(site.app.registry).database.write() as session:
        code = make_codes(session, user_named(session, name), now=clock.now)[0]
        add_totp(session, user_named(session, name))
    yield "manager.sign_in_code", submit(sign_in(outside, name).form, code=code)

    device, outside, (inside, name) = Authenticator(), TestApp(site.app), newcomer()
    confirm(inside)
    path, token = "/manager/account/passkey-options", csrf_of(inside)
    yield "manager.passkey_options", posted(inside, path, token)
    credential = device.create(inside.post(path, {"csrf_token": token}).json)
    fields = {"csrf_token": token, "do": "passkey-add", "name": "kulcs", "credential": credential}
    inside.post("/manager/account/second-factors", fields, status=200)
    token = outside.get("/manager/sign-in").form["csrf_token"].value
    options = posted(outside, "/manager/sign-in/passkey-options", token)
    yield "manager.sign_in_passkey_options", options
    credential = device.get(options().json)
    path = "/manager/sign-in/passkey"
    yield "manager.sign_in_passkey", posted(outside, path, token, credential=credential)

    yield "manager.sign_out", submit(newcomer()[0].get("/manager/account").forms[0])
    yield "manager.sign_out_everywhere", submit(newcomer()[0].get("/manager/account").forms[1])

    inside, name = newcomer()
    with services_of(site.app.registry).database.write() as session:
        link = make_link(session, user_named(session, name), by=COMMAND, now=clock.now)
    form = TestApp(site.app).get(f"/manager/set-password?link={link}").form
    yield "manager.set_password", submit(form, new_password=NEW_PASSWORD)

    inside, name = newcomer(Role.ADMIN)
    form = inside.get("/manager/account/confirm").forms[1]
    yield "manager.confirm", submit(form, password=PASSWORD)
    form = inside.get("/manager/users").forms[1]
    yield "manager.users", submit(form, name="meghívott")
    fields = {"do": "totp-begin"}
    yield (
        "manager.second_factors",
        posted(inside, "/manager/account/second-factors", csrf_of(inside), **fields),
    )
    form = inside.get("/manager/account").forms[2]
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    yield "manager.account", submit(form, **passwords)

    movie, token = make_movie(site), csrf_of(inside)
    path = f"/manager/movies/{movie}/effects"
    yield "manager.movie_affected_pages", posted(inside, path, token, title="Kétszer")
    path = "/manager/week/2026-W36/grid/effects"
    yield "manager.week_grid_affected_pages", posted(inside, path, token)
