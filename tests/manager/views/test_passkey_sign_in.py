"""Signing in with a passkey, without a name and a password; hostile input."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import disable, find_user, set_password
from moziweb.manager.auth.factors.challenges import (
    CHALLENGE_LASTS,
    MAX_CHALLENGES,
    MAX_OWN_CHALLENGES,
)
from moziweb.manager.auth.factors.models import Passkey
from moziweb.manager.auth.factors.passkeys import (
    RelyingParty,
    register,
    registration_options,
    remove_passkey,
)
from moziweb.manager.auth.factors.state import reset_factors
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.password_links import make_link
from moziweb.manager.views.sign_in import begin_session
from moziweb.services import services_of
from tests.conftest import NOW, running_app
from tests.manager.auth.factors.authenticator import Authenticator
from tests.manager.auth.factors.test_passkeys import BROKEN, mutations
from tests.manager.auth.factors.test_state import add_passkey
from tests.manager.conftest import BOTH, NAMES, PASSWORD, Clock, confirm, csrf_of, sign_in

NEW = "nine quiet projectors"

SITE = RelyingParty("localhost", "http://localhost")


@pytest.fixture
def device(site: TestApp) -> Authenticator:
    """A passkey of the editor."""
    device = Authenticator()
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        options = json.loads(registration_options(SITE, user, [], "x"))
        register(session, SITE, user, "telefon", device.create(options), "x", now=NOW)
    return device


def token_of(browser: TestApp) -> str:
    token: str = browser.get("/manager/sign-in").form["csrf_token"].value
    return token


def options_for(browser: TestApp) -> Any:
    headers = {"X-CSRF-Token": token_of(browser)}
    return browser.post("/manager/sign-in/passkey-options", headers=headers, status="*")


def answer(browser: TestApp, credential: str, **fields: str) -> Any:
    data = {"csrf_token": token_of(browser), "credential": credential, **fields}
    return browser.post("/manager/sign-in/passkey", data, status="*")


def is_in(browser: TestApp) -> bool:
    return bool(browser.get("/manager", status="*").status_int == 200)


@BOTH
def test_passkey_signs_in_once_per_challenge(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    credential = device.get(options_for(anonymous).json)
    inside = answer(anonymous, credential, return_url="/manager/movies?show=no-date")
    assert inside.status_int == 303
    assert inside.location == "/manager/movies?show=no-date"
    assert is_in(anonymous)
    with services_of(site.app.registry).database.read() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.user_name) == ("user.sign_in_passkey", NAMES[Role.EDITOR])
    assert answer(TestApp(site.app), credential).status_int == 403
    anonymous.post("/manager/sign-out", {"csrf_token": csrf_of(anonymous)})
    assert answer(anonymous, credential).status_int == 403
    assert not is_in(anonymous)


def test_response_of_another_browser_is_refused(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    credential = device.get(options_for(anonymous).json)
    assert answer(TestApp(site.app), credential).status_int == 403
    assert answer(anonymous, credential).status_int == 303


def test_late_response_is_refused(anonymous: TestApp, device: Authenticator, clock: Clock) -> None:
    credential = device.get(options_for(anonymous).json)
    clock.pass_(seconds=CHALLENGE_LASTS.total_seconds())
    page = answer(anonymous, credential, return_url="/manager/movies")
    assert page.status_int == 403
    assert "A belépőkulcsot nem fogadtuk el" in page.text
    assert page.form["return_url"].value == "/manager/movies"


def test_disabled_user_does_not_sign_in(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        disable(session, user, by=COMMAND, now=NOW)
    assert answer(anonymous, device.get(options_for(anonymous).json)).status_int == 403


def remove_all(session: Session, user: User) -> None:
    for passkey in session.scalars(select(Passkey)).all():
        remove_passkey(session, user, passkey.id, now=NOW)


@BOTH
@pytest.mark.parametrize(
    "change",
    [
        partial(set_password, password=NEW, by=COMMAND, now=NOW),
        partial(disable, by=COMMAND, now=NOW),
        partial(reset_factors, by=COMMAND, now=NOW),
        remove_all,
    ],
    ids=["password", "disabled", "reset", "removed"],
)
def test_change_before_the_session_refuses_the_passkey(
    site: TestApp,
    anonymous: TestApp,
    device: Authenticator,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Session, User], None],
) -> None:
    """The change commits after the response was verified."""

    def begin_late(*args: Any, **options: Any) -> Any:
        with services_of(site.app.registry).database.write() as session:
            user = find_user(session, NAMES[Role.EDITOR])
            assert user is not None
            change(session, user)
        return begin_session(*args, **options)

    monkeypatch.setattr("moziweb.manager.views.passkey_sign_in.begin_session", begin_late)
    refused = answer(anonymous, device.get(options_for(anonymous).json))
    assert refused.status_int == 403
    assert "A belépőkulcsot nem fogadtuk el" in refused.text
    assert not is_in(anonymous)


def test_options_of_one_address_are_limited(anonymous: TestApp) -> None:
    for _ in range(MAX_CHALLENGES):
        assert options_for(anonymous).status_int == 200
    assert options_for(anonymous).status_int == 429


def test_options_need_the_token_of_the_page(anonymous: TestApp) -> None:
    for headers in ({}, {"X-CSRF-Token": "wrong"}):
        anonymous.post("/manager/sign-in/passkey-options", headers=headers, status=400)


@pytest.mark.parametrize("credential", BROKEN[:-1], ids=range(len(BROKEN) - 1))
def test_malformed_response_is_refused(anonymous: TestApp, credential: str) -> None:
    assert answer(anonymous, credential).status_int == 403


def test_mutated_responses_are_refused(
    site: TestApp, anonymous: TestApp, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of a response missing, of another type, or cut off: never a server error."""
    monkeypatch.setattr("moziweb.manager.auth.factors.challenges.MAX_CHALLENGES", 1_000)
    count = len(mutations(device.get(options_for(anonymous).json)))
    statuses = []
    for number in range(count):
        browser = TestApp(site.app)
        credential = mutations(device.get(options_for(browser).json))[number]
        statuses.append(answer(browser, credential).status_int)
    assert set(statuses) <= {303, 403}
    assert statuses.count(403) > 50


def test_site_of_an_ip_address_offers_no_passkeys(local: dict[str, str]) -> None:
    with running_app(local | {"site.base_url": "http://127.0.0.1:6543"}) as app:
        page = app.get("/manager/sign-in")
        assert page.html.select_one("[data-passkey]") is None
        headers = {"X-CSRF-Token": page.form["csrf_token"].value}
        for path in ("passkey", "passkey-options"):
            app.post(f"/manager/sign-in/{path}", headers=headers, status=403)


def test_only_sign_in_pages_may_ask_for_a_passkey(
    site: TestApp, editor: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    allowed, denied = "publickey-credentials-get=(self)", "publickey-credentials-get=()"
    second_step = sign_in(anonymous, NAMES[Role.EDITOR])
    for page in (anonymous.get("/manager/sign-in"), second_step):
        assert allowed in page.headers["Permissions-Policy"]
        assert "camera=()" in page.headers["Permissions-Policy"]
    for page in (editor.get("/manager/account"), anonymous.get("/"), anonymous.get("/about")):
        assert denied in page.headers["Permissions-Policy"]


def set_password_by_link(site: TestApp, device: Authenticator) -> TestApp:
    """The browser of the editor, who has set another password by a link."""
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        token = make_link(session, user, by=COMMAND, now=NOW)
    browser = TestApp(site.app)
    form = browser.get(f"/manager/set-password?link={token}").form
    form["new_password"] = NEW
    done = form.submit(status=303).follow()
    assert "ellenőrizze a belépőkulcsait" in done.html.select_one("[role=status]").text
    return browser


def second_step(browser: TestApp, device: Authenticator) -> Any:
    """Signs in with the password, then with the passkey."""
    form = sign_in(browser, NAMES[Role.EDITOR], NEW).form
    form["credential"] = device.get(options_for(browser).json)
    form.action = "/manager/sign-in/passkey"
    return form.submit(status="*")


@BOTH
def test_passkey_from_before_a_reset_needs_the_new_password(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    """Who knew the former password may have added it."""
    browser = set_password_by_link(site, device)
    refused = answer(anonymous, device.get(options_for(anonymous).json))
    assert refused.status_int == 403
    assert "A jelszó azóta megváltozott" in refused.text
    assert not is_in(anonymous)
    # With the new password it is a second factor, and has to be checked.
    assert second_step(browser, device).location == "/manager/account"
    account = browser.get("/manager/account").html.select_one("section.notice")
    assert account.select_one("li strong").text == "telefon"
    assert "2026" in account.select_one("li time").text
    assert not answer_is_in(site, device)
    confirm(browser, NEW)
    page = browser.get("/manager/account/second-factors")
    keep = next(form for form in page.forms.values() if "passkeys-keep" in form.text)
    kept = keep.submit("do", status=303).follow()
    assert kept.html.select_one("[value=passkeys-keep]") is None
    assert browser.get("/manager/account").html.select_one("section.notice") is None
    assert answer_is_in(site, device)
    with services_of(site.app.registry).database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert ("user.passkeys_keep", NAMES[Role.EDITOR]) in {
        (each.action, each.user_name) for each in entries
    }


def answer_is_in(site: TestApp, device: Authenticator) -> bool:
    """Whether the passkey alone signs in."""
    browser = TestApp(site.app)
    answer(browser, device.get(options_for(browser).json))
    return is_in(browser)


def test_step_of_another_user_is_not_the_password(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    set_password_by_link(site, device)
    with services_of(site.app.registry).database.write() as session:
        admin = find_user(session, NAMES[Role.ADMIN])
        assert admin is not None
        add_passkey(session, admin)
    step = sign_in(anonymous, NAMES[Role.ADMIN]).form["step"].value
    credential = device.get(options_for(anonymous).json)
    assert answer(anonymous, credential, step=step).status_int == 403
    assert answer(anonymous, device.get(options_for(anonymous).json), step="x").status_int == 403
    assert not is_in(anonymous)


def test_passkey_needs_a_password_that_the_user_has_changed(
    site: TestApp, editor: TestApp, device: Authenticator
) -> None:
    form = editor.get("/manager/account").forms[2]
    form["current_password"], form["new_password"] = PASSWORD, NEW
    page = form.submit(status=303).follow()
    assert page.html.select_one("section.notice a.button")["href"] == (
        "/manager/account/second-factors"
    )
    assert not answer_is_in(site, device)


def test_draft_comes_before_the_check(
    site: TestApp, anonymous: TestApp, device: Authenticator
) -> None:
    browser = set_password_by_link(site, device)
    form = sign_in(browser, NAMES[Role.EDITOR], NEW).form
    form["credential"] = device.get(options_for(browser).json)
    form["return_url"], form["draft"] = "/manager/movies/new", '[["title", "x"]]'
    form.action = "/manager/sign-in/passkey"
    origin = {"Origin": "http://localhost"}
    assert "draft=" in form.submit(status=303, headers=origin).location


def test_challenges_of_others_do_not_lock_out_a_user_of_the_address(
    anonymous: TestApp, site: TestApp, device: Authenticator
) -> None:
    """As with failed sign-ins: who has signed in from the address before is not limited by them."""
    assert answer_is_in(site, device)  # recognises the address
    for _ in range(MAX_CHALLENGES):
        options_for(anonymous)
    assert options_for(anonymous).status_int == 429
    assert "code" in sign_in(anonymous, NAMES[Role.EDITOR]).form.fields
    with services_of(site.app.registry).database.write() as session:
        admin = find_user(session, NAMES[Role.ADMIN])
        assert admin is not None
        add_passkey(session, admin)
    assert sign_in(anonymous, NAMES[Role.ADMIN]).status_int == 429
    for _ in range(MAX_OWN_CHALLENGES - 1):
        assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 200
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 429
