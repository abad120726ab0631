"""Signing in with a passkey, without a name and a password; hostile input."""

import json
from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import disable, find_user
from moziweb.manager.auth.factors.challenges import CHALLENGE_LASTS, MAX_CHALLENGES
from moziweb.manager.auth.factors.passkeys import RelyingParty, register, registration_options
from moziweb.manager.auth.models import Role
from moziweb.services import services_of
from tests.conftest import NOW, running_app
from tests.manager.auth.factors.authenticator import Authenticator
from tests.manager.auth.factors.test_passkeys import BROKEN, mutations
from tests.manager.conftest import BOTH, NAMES, Clock, csrf_of, sign_in

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
