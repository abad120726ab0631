"""Every form of the manager is found on its pages and sent twice: the second time does nothing.

Each change that this makes is also judged by the audit law (``tests/audit_law.py``).
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from webtest import Form, TestApp, Upload
from webtest.forms import Submit

from moziweb.manager.auth.models import Role
from moziweb.movies.models import Movie, Person
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.manager.movie_forms import make_movie
from tests.manager.test_access import contents, views
from tests.posters.pictures import encoded, quarters
from tests.services.tmdb import TOKEN, TmdbServer
from tests.threads import join_threads

from .conftest import confirm, csrf_of, signed_in

LIST: Final = "external_id;title;release_date\n1;Dűne;2026.12.17.\n2;Solaris;2026.12.18.\n"

_numbers = count(90)

FILLED: Final[dict[str, Any]] = {
    "which": "all", "title": "Kétszer küldött", "premieres-1-date": "2026-12-24",
    "rows-3-title": "Kétszer táblázatban",
    "x": "31", "y": "32", "first": "2026-12-03", "last": "2026-12-04", "ids": "7",
    "tags": "movie:1", "path": "/",
}  # fmt: skip
"""Values of fields; other fields are sent as the page shows them."""

FORMS_WITHOUT_RESULT: Final = {
    "manager.sign_in": "has no session",
    "manager.sign_out": "ends the session",
    "manager.sign_out_everywhere": "ends the session",
    "manager.sign_in_code": "has no session",
    "manager.sign_in_passkey": "has no session",
    "manager.sign_in_passkey_options": "is no form",
    "manager.set_password": "has no session",
    "manager.users": "shows a link once; test_users.py sends it twice",
    "manager.confirm": "has a password, which is not remembered",
    "manager.second_factors": "needs the password again; test_second_factors.py sends it twice",
    "manager.passkey_options": "is no form",
    "manager.account": "has a password, which is not remembered",
    "manager.movie_affected_pages": "is a fragment",
    "manager.week_grid_affected_pages": "is a fragment",
}


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
