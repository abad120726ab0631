"""The page of a link that sets a password."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import Form, TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import disable, find_user, set_password
from moziweb.manager.auth.cookies import SESSION
from moziweb.manager.auth.factors.challenges import CHALLENGE_LASTS
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.password_links import make_link
from moziweb.services import services_of
from tests.conftest import NOW

from ..conftest import BOTH, NAMES, PASSWORD, Clock, sign_in

NEW = "nine quiet projectors"

DONE = "/manager/sign-in?done=password-set"


def new_link(site: TestApp, *, keep_password: bool = False) -> str:
    """The path of a link of the editor."""
    with services_of(site.app.registry).database.write() as session:
        link = make_link(
            session, editor_of(session), by=COMMAND, now=NOW, keep_password=keep_password
        )
    return f"/manager/set-password?link={link}"


def editor_of(session: Session) -> User:
    found = find_user(session, NAMES[Role.EDITOR])
    assert found is not None
    return found


def filled(browser: TestApp, path: str, password: str = NEW) -> Form:
    page = browser.get(path)
    form = page.forms[max(index for index in page.forms if isinstance(index, int))]
    form["new_password"] = password
    return form


def entries(site: TestApp) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


@pytest.mark.parametrize("query", ["", "?link=", "?link=x", "?link=%00", "?link=" + "a" * 3_000])
def test_wrong_link_has_no_form(anonymous: TestApp, query: str) -> None:
    page = anonymous.get(f"/manager/set-password{query}", status=404)
    assert page.html.select_one("#new_password") is None
    assert page.html.select_one("[role=alert]") is not None
    token = anonymous.get("/manager/sign-in").form["csrf_token"].value
    data = {"csrf_token": token, "link": query[6:], "new_password": "nine quiet projectors"}
    assert anonymous.post("/manager/set-password", data, status=404)


def test_link_of_the_page_is_kept_in_the_other_language(anonymous: TestApp) -> None:
    page = anonymous.get("/manager/set-password?link=abc", status=404)
    assert page.html.select_one("[hreflang=en]")["href"] == "/en/manager/set-password?link=abc"


def test_page_sends_no_referrer(anonymous: TestApp) -> None:
    page = anonymous.get("/manager/set-password?link=abc", status=404)
    assert page.html.select_one("meta[name=referrer]")["content"] == "no-referrer"


@BOTH
def test_form_sent_twice_leads_where_it_led_the_first_time(
    site: TestApp, anonymous: TestApp
) -> None:
    form = filled(anonymous, new_link(site))
    assert form.submit(status=303).location == DONE
    before = entries(site)
    for _again in range(2):
        assert form.submit(status=303).location == DONE
    assert entries(site) == before
    assert SESSION.name not in anonymous.cookies
    assert sign_in(anonymous, NAMES[Role.EDITOR], NEW).status_int == 303


def test_form_sent_twice_from_the_session_that_it_ends(site: TestApp, anonymous: TestApp) -> None:
    path = new_link(site, keep_password=True)
    sign_in(anonymous, NAMES[Role.EDITOR], status=303)
    form = filled(anonymous, path)
    for _time in range(2):
        assert form.submit(status=303).location == DONE
    assert anonymous.get("/manager", status="*").location.startswith("/manager/sign-in")
    form["csrf_token"] = "x"
    form.submit(status=400)


def test_used_link_shows_nothing_to_another_browser(site: TestApp, anonymous: TestApp) -> None:
    path = new_link(site)
    other = TestApp(site.app)
    form, form_of_other = filled(anonymous, path), filled(other, path)
    form.submit(status=303)
    page = form_of_other.submit(status=404)
    assert NAMES[Role.EDITOR] not in page.text


def test_another_password_by_a_used_link_was_not_set(site: TestApp, anonymous: TestApp) -> None:
    form = filled(anonymous, new_link(site))
    form.submit(status=303)
    form["new_password"] = PASSWORD
    form.submit(status=404)
    form["new_password"] = NEW  # passwords cannot be tried
    form.submit(status=404)


CHANGES: dict[str, Callable[..., Any]] = {
    "password": partial(set_password, password=PASSWORD),
    "the same password": partial(set_password, password=NEW),
    "disabled": disable,
    "new link": make_link,
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_the_user_ends_a_used_link(
    site: TestApp, anonymous: TestApp, change: str
) -> None:
    form = filled(anonymous, new_link(site))
    form.submit(status=303)
    with services_of(site.app.registry).database.write() as session:
        CHANGES[change](session, editor_of(session), by=COMMAND, now=NOW)
    form.submit(status=404)


def test_used_link_is_forgotten_after_a_time(
    site: TestApp, anonymous: TestApp, clock: Clock
) -> None:
    form = filled(anonymous, new_link(site))
    form.submit(status=303)
    clock.now += CHALLENGE_LASTS
    form.submit(status=404)
