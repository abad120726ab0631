"""Second factors: re-authentication, the authenticator app, recovery codes, passkeys."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pyotp import TOTP
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import disable, find_user, set_password
from moziweb.manager.auth.factors.models import Passkey
from moziweb.manager.auth.factors.passkeys import MAX_PASSKEYS
from moziweb.manager.auth.factors.state import FactorState, factors_of, reset_factors
from moziweb.manager.auth.login_throttle import PER_NAME_AND_ADDRESS
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.sessions import CONFIRMED_FOR
from moziweb.manager.views import sign_in as sign_in_views
from moziweb.services import services_of
from tests.conftest import NOW
from tests.manager.auth.factors.authenticator import Authenticator
from tests.manager.auth.factors.test_passkeys import BROKEN, mutations
from tests.manager.auth.factors.test_state import add_passkey
from tests.manager.conftest import (
    BOTH,
    NAMES,
    PASSWORD,
    Clock,
    confirm,
    csrf_of,
    sign_in,
    signed_in,
)

PATH = "/manager/account/second-factors"
NAME = NAMES[Role.EDITOR]


@pytest.fixture
def confirmed(editor: TestApp) -> TestApp:
    """The editor's browser after the password was entered again."""
    assert confirm(editor).status_int == 303
    return editor


def do(browser: TestApp, action: str, **fields: str) -> Any:
    data = {"csrf_token": csrf_of(browser), "do": action, **fields}
    return browser.post(PATH, data, status="*")


def state_of(site: TestApp) -> FactorState:
    with services_of(site.app.registry).database.read() as session:
        user = find_user(session, NAME)
        assert user is not None
        return factors_of(session, user.id)


def entries(site: TestApp) -> list[AuditEntry]:
    with services_of(site.app.registry).database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def set_up(browser: TestApp, clock: Clock) -> tuple[TOTP, list[str]]:
    """Sets up an app; returns it and the recovery codes."""
    do(browser, "totp-begin")
    page = browser.get(PATH)
    totp = TOTP(page.html.select_one(".secret-key code").text)
    assert page.html.select_one("svg.qr") is not None
    shown = do(browser, "totp-on", code=totp.at(clock.now))
    assert shown.status_int == 200
    return totp, [each.text for each in shown.html.select(".codes code")]


def code_page(site: TestApp) -> tuple[TestApp, Any]:
    """A browser after the right password, and the form of the second step."""
    browser = TestApp(site.app)
    page = sign_in(browser, NAME)
    assert page.status_int == 200
    assert "Set-Cookie" not in page.headers  # no session yet
    return browser, page.form


def is_in(browser: TestApp) -> bool:
    return bool(browser.get("/manager", status="*").status_int == 200)


def test_changes_need_the_password_again(site: TestApp, editor: TestApp, clock: Clock) -> None:
    for action in (
        "totp-begin",
        "totp-on",
        "totp-off",
        "codes",
        "passkey-add",
        "passkey-remove",
        "passkeys-keep",
    ):
        assert do(editor, action).location.startswith("/manager/account/confirm?"), action
    headers = {"X-CSRF-Token": csrf_of(editor)}
    editor.post("/manager/account/passkey-options", headers=headers, status=403)
    assert confirm(editor, "wrong").status_int == 403
    assert entries(site)[-1].action == "user.wrong_password"
    assert confirm(editor).location == PATH
    assert editor.get(PATH).status_int == 200
    clock.pass_(seconds=CONFIRMED_FOR.total_seconds())
    assert editor.get(PATH, status="*").status_int == 303
    other = signed_in(site, Role.EDITOR)  # another session of the user
    confirm(editor)
    assert other.get(PATH, status="*").status_int == 303


@BOTH
def test_app_is_asked_for_and_no_code_signs_in_twice(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    totp, _codes = set_up(confirmed, clock)
    assert state_of(site).totp_since == clock.now
    browser, form = code_page(site)
    form["code"] = totp.at(clock.now)  # it has set up the app
    assert form.submit(status=403)
    assert not is_in(browser)
    clock.pass_(seconds=60)
    form["code"] = f" {totp.at(clock.now)} "
    assert form.submit(status=303).location == "/manager"
    assert is_in(browser)
    other, again = code_page(site)
    again["code"] = totp.at(clock.now)
    assert again.submit(status=403)
    assert not is_in(other)
    actions = [each.action for each in entries(site)]
    assert actions[-3:] == ["user.wrong_code", "user.sign_in", "user.wrong_code"]


def test_step_ends_after_use_and_after_five_minutes(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    totp, codes = set_up(confirmed, clock)
    _browser, form = code_page(site)
    clock.pass_(seconds=30)
    form["code"] = totp.at(clock.now)
    step = form["step"].value
    form.submit(status=303)
    stolen = TestApp(site.app)
    data = {"csrf_token": stolen.get("/manager/sign-in").form["csrf_token"].value}
    for value in (step, "", "x", "\0"):
        fields = {**data, "step": value, "code": codes[0]}
        page = stolen.post("/manager/sign-in/code", fields, status=403)
        assert 'name="password"' in page.text
    _browser, form = code_page(site)
    clock.pass_(minutes=5)
    form["code"] = codes[0]
    assert "Lejárt az idő" in form.submit(status=403).text
    assert state_of(site).recovery_codes == 10


def test_sign_in_returns_to_the_page_with_its_draft(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    totp, _codes = set_up(confirmed, clock)
    clock.pass_(seconds=30)
    browser = TestApp(site.app)
    origin = {"Origin": "http://localhost"}
    refused = browser.post("/manager/movies/new", {"title": "Hosszan gépelt"}, origin, status=403)
    form = refused.form
    form["name"], form["password"] = NAME, PASSWORD
    form = form.submit(headers=origin, status=200).form
    form["code"] = totp.at(clock.now)
    inside = form.submit(headers=origin, status=303)
    assert "draft=" in inside.location
    assert "Hosszan gépelt" in inside.follow().text


@BOTH
def test_recovery_code_signs_in_once(site: TestApp, confirmed: TestApp, clock: Clock) -> None:
    _totp, codes = set_up(confirmed, clock)
    assert len(codes) == 10
    browser, form = code_page(site)
    form["code"] = codes[4].upper()
    form.submit(status=303)
    assert is_in(browser)
    _browser, form = code_page(site)
    form["code"] = codes[4]
    form.submit(status=403)
    assert state_of(site).recovery_codes == 9
    assert "9" in confirmed.get("/manager/account").text


def test_guessing_codes_is_limited_with_the_right_password(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    """The right password does not give new attempts."""
    totp, _codes = set_up(confirmed, clock)
    clock.pass_(seconds=30)
    for _ in range(PER_NAME_AND_ADDRESS.count):
        _browser, form = code_page(site)
        form["code"] = "000000"
        form.submit(status=403)
    form["code"] = totp.at(clock.now)
    refused = form.submit(status=429)
    assert int(refused.headers["Retry-After"]) > 0
    assert sign_in(TestApp(site.app), NAME).status_int == 429
    clock.pass_(minutes=15)
    browser, form = code_page(site)
    form["code"] = totp.at(clock.now)
    form.submit(status=303)
    assert is_in(browser)


@BOTH
def test_app_is_removed_with_its_codes(site: TestApp, confirmed: TestApp, clock: Clock) -> None:
    set_up(confirmed, clock)
    assert do(confirmed, "totp-off").location == f"{PATH}?done=totp-off"
    state = state_of(site)
    assert (state.is_required, state.recovery_codes) == (False, 0)
    assert sign_in(TestApp(site.app), NAME).status_int == 303


def test_wrong_first_code_switches_nothing_on(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    do(confirmed, "totp-begin")
    secret = confirmed.get(PATH).html.select_one(".secret-key code").text
    for code in ("", "000000", "é", TOTP(secret).at(clock.now)[::-1] + "x"):
        assert do(confirmed, "totp-on", code=code).status_int == 400
    assert confirmed.get(PATH).html.select_one(".secret-key code").text == secret
    do(confirmed, "totp-cancel")
    assert confirmed.get(PATH).html.select_one(".secret-key") is None
    assert do(confirmed, "totp-on", code=TOTP(secret).at(clock.now)).status_int == 303
    assert not state_of(site).is_required


def test_secret_of_a_set_up_is_of_one_session(
    site: TestApp, confirmed: TestApp, clock: Clock
) -> None:
    do(confirmed, "totp-begin")
    other = signed_in(site, Role.EDITOR)
    confirm(other)
    assert other.get(PATH).html.select_one(".secret-key") is None


def test_new_codes_replace_the_old_ones(site: TestApp, confirmed: TestApp, clock: Clock) -> None:
    assert do(confirmed, "codes").status_int == 400  # nothing to replace
    _totp, old = set_up(confirmed, clock)
    new = [each.text for each in do(confirmed, "codes").html.select(".codes code")]
    assert not set(new) & set(old)
    _browser, form = code_page(site)
    form["code"] = old[0]
    form.submit(status=403)


def test_forms_sent_twice_are_done_once(site: TestApp, confirmed: TestApp, clock: Clock) -> None:
    do(confirmed, "totp-begin")
    form = confirmed.get(PATH).forms[1]
    secret = confirmed.get(PATH).html.select_one(".secret-key code").text
    form["code"] = TOTP(secret).at(clock.now)
    form.submit("do", index=0, status=200)
    codes = state_of(site)
    form.submit("do", index=0, status=303)  # the codes stay
    assert state_of(site).recovery_codes == codes.recovery_codes == 10
    off = confirmed.get(PATH).forms[1]
    before = len(entries(site))
    for _ in range(2):
        off.submit("do", status=303)
    assert len(entries(site)) == before + 1


def options_for(browser: TestApp) -> Any:
    headers = {"X-CSRF-Token": csrf_of(browser)}
    return browser.post("/manager/account/passkey-options", headers=headers, status=200).json


def add(browser: TestApp, device: Authenticator, name: str = "telefon") -> Any:
    return do(browser, "passkey-add", name=name, credential=device.create(options_for(browser)))


@BOTH
def test_passkeys_are_named_and_removable(site: TestApp, confirmed: TestApp) -> None:
    shown = add(confirmed, Authenticator())
    assert len(shown.html.select(".codes code")) == 10
    second = add(confirmed, Authenticator(credential_id=b"key"), "kék kulcs")
    assert second.location == f"{PATH}?done=passkey-added"
    page = confirmed.get(PATH)
    assert [each.text for each in page.html.select(".passkey-row strong")] == [
        "telefon",
        "kék kulcs",
    ]
    browser, form = code_page(site)  # the password alone does not sign in
    assert form["credential"].value == ""
    for passkey in state_of(site).passkeys:
        assert do(confirmed, "passkey-remove", passkey=str(passkey.id)).status_int == 303
    state = state_of(site)
    assert (list(state.passkeys), state.recovery_codes) == ([], 0)
    assert sign_in(browser, NAME).status_int == 303


def test_passkeys_of_others_are_not_removed(site: TestApp, confirmed: TestApp) -> None:
    with services_of(site.app.registry).database.write() as session:
        admin = find_user(session, NAMES[Role.ADMIN])
        assert admin is not None
        number = add_passkey(session, admin).id
    for value in (str(number), "x", "0", "9" * 30):
        do(confirmed, "passkey-remove", passkey=value)
    with services_of(site.app.registry).database.read() as session:
        assert session.get(Passkey, number) is not None


def test_registration_of_another_session_is_refused(site: TestApp, confirmed: TestApp) -> None:
    other = signed_in(site, Role.ADMIN)
    form = other.get(PATH, status=303).follow().forms[1]
    form["password"] = PASSWORD
    form.submit(status=303)
    credential = Authenticator().create(options_for(other))
    assert do(confirmed, "passkey-add", name="x", credential=credential).status_int == 400
    assert not state_of(site).is_required


def test_number_of_passkeys_is_limited(site: TestApp, confirmed: TestApp) -> None:
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAME)
        assert user is not None
        for number in range(MAX_PASSKEYS):
            session.add(
                Passkey(
                    user_id=user.id, credential_id=bytes([number]), public_key=b"", sign_count=0,
                    name="x", created_at=NOW,
                )
            )  # fmt: skip
    assert "20 belépőkulcsa van" in add(confirmed, Authenticator()).text
    assert len(state_of(site).passkeys) == MAX_PASSKEYS


@pytest.mark.parametrize("name", ["", "x" * 61])
def test_passkey_needs_a_name(site: TestApp, confirmed: TestApp, name: str) -> None:
    page = add(confirmed, Authenticator(), name)
    assert page.status_int == 400
    assert page.html.select_one("#name-errors") is not None


def test_broken_registrations_are_refused(
    site: TestApp, confirmed: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken JSON, and each part of a response missing, of another type, or cut off."""
    monkeypatch.setattr("moziweb.manager.auth.factors.challenges.MAX_OWN_CHALLENGES", 1_000)
    for credential in BROKEN[:-1]:
        refused = do(confirmed, "passkey-add", name="x", credential=credential)
        assert refused.status_int == 400
    statuses = []
    for number in range(len(mutations(Authenticator().create(options_for(confirmed))))):
        device = Authenticator(credential_id=bytes([number]))
        credential = mutations(device.create(options_for(confirmed)))[number]
        statuses.append(do(confirmed, "passkey-add", name="x", credential=credential).status_int)
    assert set(statuses) == {400}


@pytest.mark.parametrize("action", ["", "nothing", "totp-on\0"])
def test_unknown_action_is_refused(confirmed: TestApp, action: str) -> None:
    assert do(confirmed, action).status_int == 400


def test_entries_have_no_secrets(site: TestApp, confirmed: TestApp, clock: Clock) -> None:
    totp, codes = set_up(confirmed, clock)
    add(confirmed, Authenticator())
    _browser, form = code_page(site)
    form["code"] = codes[0]
    form.submit(status=303)
    stored = str([vars(each) for each in entries(site)])
    assert totp.secret not in stored
    for code in codes:
        assert code not in stored
    assert {"user.totp_on", "user.recovery_codes", "user.passkey_add", "user.recovery_code"} <= {
        each.action for each in entries(site)
    }


def test_own_page_and_users_page_show_the_state(
    site: TestApp, confirmed: TestApp, admin: TestApp, clock: Clock
) -> None:
    assert "nincs beállítva" in confirmed.get("/manager/account").text
    set_up(confirmed, clock)
    assert "nincs beállítva" not in confirmed.get("/manager/account").text
    with services_of(site.app.registry).database.read() as session:
        number = session.scalars(select(User.id).where(User.name == NAME)).one()
    assert admin.get(f"/manager/users/{number}").html.select_one("[value=reset-factors]")


def test_sign_in_page_says_what_to_do_without_a_password(anonymous: TestApp) -> None:
    page = anonymous.get("/manager/sign-in")
    assert "Kérje a rendszergazdát" in page.html.select_one("details").text
    assert "moziweb user reset-link" in page.html.select_one("details").text


@pytest.mark.parametrize(
    "change",
    [
        partial(set_password, password="nine quiet projectors", by=COMMAND, now=NOW),
        partial(disable, by=COMMAND, now=NOW),
        partial(reset_factors, by=COMMAND, now=NOW),
    ],
    ids=["password", "disabled", "reset"],
)
def test_change_before_the_session_refuses_the_code(
    site: TestApp,
    confirmed: TestApp,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Session, User], None],
) -> None:
    """The change commits after the code was accepted."""
    _, codes = set_up(confirmed, clock)
    browser, form = code_page(site)
    begin_session = sign_in_views.begin_session

    def begin_late(*args: Any, **options: Any) -> Any:
        with services_of(site.app.registry).database.write() as session:
            user = find_user(session, NAME)
            assert user is not None
            change(session, user)
        return begin_session(*args, **options)

    monkeypatch.setattr(sign_in_views, "begin_session", begin_late)
    form["code"] = codes[0]
    assert form.submit(status="*").status_int == 403
    assert not is_in(browser)
