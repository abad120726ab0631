"""Sign-in, sign-out, and the end of sessions."""

import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth import passwords
from moziweb.manager.auth.accounts import disable, find_user, set_password, set_role
from moziweb.manager.auth.factors.models import Challenge
from moziweb.manager.auth.models import Role, User, UserSession
from moziweb.manager.web.drafts import MAX_ENCODED, Draft
from moziweb.manager.web.request_limits import MAX_FORM
from moziweb.manager.web.submissions import Submission, fields_digest
from moziweb.services import services_of
from tests.conftest import NOW, running_app
from tests.db.rivals import held
from tests.manager.auth.factors.test_state import add_passkey
from tests.manager.conftest import (
    BOTH,
    NAMES,
    PASSWORD,
    Clock,
    csrf_of,
    sign_in,
    signed_in,
)
from tests.manager.movie_forms import make_movie

COOKIE = "moziweb_session"


def is_in(browser: TestApp) -> bool:
    status: int = browser.get("/manager", status="*").status_int
    return status == 200


def test_sign_in_returns_to_the_requested_page(anonymous: TestApp) -> None:
    turned_away = anonymous.get("/manager/movies?show=no-date", status=303)
    form = turned_away.follow().form
    form["name"], form["password"] = "  SZERKESZTŐ ", PASSWORD
    inside = form.submit(status=303)
    assert inside.location.endswith("/manager/movies?show=no-date")
    assert "szerkesztő" in inside.follow().text


def test_decomposed_name_signs_in(anonymous: TestApp) -> None:
    name = unicodedata.normalize("NFD", NAMES[Role.EDITOR])
    assert name != NAMES[Role.EDITOR]
    assert sign_in(anonymous, name).status_int == 303


def test_decomposed_password_signs_in(site: TestApp) -> None:
    """A keyboard may send either form; hashes of the first version are of what was typed."""
    composed = "hosszú jelmondat, négy szó"
    decomposed = unicodedata.normalize("NFD", composed)

    def signs_in(password: str, password_hash: str) -> bool:
        with services_of(site.app.registry).database.write() as session:
            session.query(User).update({"password_hash": password_hash})
        browser = TestApp(site.app)
        return bool(sign_in(browser, NAMES[Role.EDITOR], password).status_int == 303)

    assert signs_in(composed, passwords.hashed(decomposed))
    assert signs_in(decomposed, passwords.hashed(composed))
    assert signs_in(decomposed, passwords._HASHER.hash(decomposed))
    assert not signs_in(composed[:-1], passwords.hashed(composed))


def test_polled_page_shows_that_the_session_ended(anonymous: TestApp) -> None:
    fragment = anonymous.get("/manager/posters", headers={"HX-Request": "true"}, status=200)
    (alert,) = fragment.html.find_all(recursive=False)
    assert (alert["id"], alert["role"], alert["hx-swap-oob"]) == ("live", "alert", "true")
    assert alert.a["href"] == anonymous.get("/manager/posters", status=303).headers["Location"]


def test_cookies_are_limited_to_the_manager(site: TestApp, anonymous: TestApp) -> None:
    cookies = sign_in(anonymous, NAMES[Role.EDITOR]).headers.getall("Set-Cookie")
    ours = [each for each in cookies if each.startswith(COOKIE)]
    assert {each.split("Path=")[1].split(";")[0] for each in ours} == {"/manager", "/en/manager"}
    for each in ours:
        assert "HttpOnly" in each
        assert "SameSite=Lax" in each
    assert "Cookie" not in anonymous.get("/").request.headers
    assert anonymous.cookies  # it has cookies, and did not send them


def test_over_https_the_cookie_is_secure(settings: dict[str, str]) -> None:
    with running_app(settings | {"site.hsts": "true"}) as app:
        page = app.get("/manager/sign-in")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    (cookie, english) = page.headers.getall("Set-Cookie")
    assert cookie.startswith(english.split(";")[0])
    for each in (cookie, english):
        assert each.startswith("__Secure-moziweb_before=")
        assert "secure" in each


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAMES[Role.EDITOR], "another long password"),
        ("nobody", PASSWORD),
        ("", ""),
        (NAMES[Role.EDITOR], "x" * 5_000),
        ("' OR 1=1 --", PASSWORD),
        ("\0", "\0"),
    ],
)
def test_wrong_name_and_wrong_password_look_the_same(
    anonymous: TestApp, name: str, password: str
) -> None:
    refused = sign_in(anonymous, name, password)
    assert refused.status_int == 403
    assert "Hibás név vagy jelszó." in refused.text
    assert not is_in(anonymous)


def test_sign_in_starts_a_new_session(site: TestApp, editor: TestApp) -> None:
    planted = editor.cookies[COOKIE]
    victim = TestApp(site.app)
    victim.set_cookie(COOKIE, planted)
    before = editor.cookies[COOKIE]
    editor.post("/manager/sign-out", {"csrf_token": csrf_of(editor)})
    assert sign_in(editor, NAMES[Role.EDITOR]).status_int == 303
    assert editor.cookies[COOKIE] != before


def test_planted_token_never_becomes_a_session(site: TestApp) -> None:
    attacker, victim = TestApp(site.app), TestApp(site.app)
    planted = "chosen-by-somebody-else-0123456789abcdefghij"
    for browser in (attacker, victim):
        browser.set_cookie(COOKIE, planted)
    assert sign_in(victim, NAMES[Role.ADMIN]).status_int == 303
    assert is_in(victim)
    assert not is_in(attacker)
    with services_of(site.app.registry).database.read() as session:
        assert planted not in str(session.scalars(select(UserSession.token_hash)).all())


def test_stored_hash_is_no_token(site: TestApp, editor: TestApp) -> None:
    with services_of(site.app.registry).database.read() as session:
        (digest,) = session.scalars(select(UserSession.token_hash))
    thief = TestApp(site.app)
    thief.set_cookie(COOKIE, digest)
    assert not is_in(thief)


def test_the_csrf_token_changes_with_the_session(anonymous: TestApp) -> None:
    before = anonymous.get("/manager/sign-in").form["csrf_token"].value
    sign_in(anonymous, NAMES[Role.EDITOR])
    first = csrf_of(anonymous)
    anonymous.post("/manager/sign-out", {"csrf_token": first})
    sign_in(anonymous, NAMES[Role.EDITOR])
    assert len({before, first, csrf_of(anonymous)}) == 3


def test_an_idle_session_ends(editor: TestApp, clock: Clock) -> None:
    for _ in range(3):
        clock.pass_(minutes=59)
        assert is_in(editor)
    clock.pass_(minutes=60)
    assert not is_in(editor)


def test_session_in_use_ends_after_its_lifetime(editor: TestApp, clock: Clock) -> None:
    for _ in range(14):
        clock.pass_(minutes=50)
        assert is_in(editor)
    clock.pass_(minutes=25)
    assert not is_in(editor)


def test_sign_out_ends_only_this_session(site: TestApp, editor: TestApp) -> None:
    other = signed_in(site, Role.EDITOR)
    token = editor.cookies[COOKIE]
    editor.post("/manager/sign-out", {"csrf_token": csrf_of(editor)}, status=303)
    assert COOKIE not in editor.cookies
    editor.set_cookie(COOKIE, token)
    assert not is_in(editor)
    assert is_in(other)


def test_signing_out_everywhere(site: TestApp, editor: TestApp, admin: TestApp) -> None:
    other = signed_in(site, Role.EDITOR)
    editor.post("/manager/sign-out-everywhere", {"csrf_token": csrf_of(editor)}, status=303)
    assert not is_in(editor)
    assert not is_in(other)
    assert is_in(admin)


def test_disabling_ends_sessions_at_once(
    site: TestApp, editor: TestApp, anonymous: TestApp
) -> None:
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        disable(session, user, by=COMMAND, now=NOW)
    assert not is_in(editor)
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 403


def test_new_password_ends_every_session(site: TestApp, editor: TestApp) -> None:
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        set_password(session, user, "something else entirely", by=COMMAND, now=NOW)
    assert not is_in(editor)


def change_password(browser: TestApp, present: str, new: str) -> int:
    form = browser.get("/manager/account").forms[2]
    form["current_password"], form["new_password"] = present, new
    status: int = form.submit(status="*").status_int
    return status


def test_changing_ones_own_password_keeps_this_session(site: TestApp, editor: TestApp) -> None:
    other = signed_in(site, Role.EDITOR)
    assert change_password(editor, "wrong", "something else entirely") == 403
    assert change_password(editor, PASSWORD, "short") == 400
    assert is_in(other)
    assert change_password(editor, PASSWORD, "something else entirely") == 303
    assert is_in(editor)
    assert not is_in(other)
    assert sign_in(other, NAMES[Role.EDITOR]).status_int == 403
    assert sign_in(other, NAMES[Role.EDITOR], "something else entirely").status_int == 303


def test_page_says_why_a_new_password_is_refused(editor: TestApp, anonymous: TestApp) -> None:
    for new, why in (
        ("short", "A jelszó 12–200 karakter hosszú legyen."),
        ("jelszojelszo", "Ez a jelszó könnyen kitalálható."),
        (f"{NAMES[Role.EDITOR]}12", "Ez a jelszó könnyen kitalálható."),
    ):
        form = editor.get("/manager/account").forms[2]
        form["current_password"], form["new_password"] = PASSWORD, new
        assert why in form.submit(status=400).text
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 303


def test_guessable_password_of_before_still_signs_in(site: TestApp, anonymous: TestApp) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("a" * 12)
    with services_of(site.app.registry).database.write() as session:
        for user in session.scalars(select(User)):
            user.password_hash = old
    assert sign_in(anonymous, NAMES[Role.EDITOR], "a" * 12).status_int == 303


def test_outdated_hash_is_replaced_on_sign_in(site: TestApp, anonymous: TestApp) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    with services_of(site.app.registry).database.write() as session:
        for user in session.scalars(select(User)):
            user.password_hash = old
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 303
    with services_of(site.app.registry).database.read() as session:
        hashes = session.scalars(select(User.password_hash).order_by(User.id)).all()
    assert hashes[0] != old
    assert hashes[1] == old
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 303


Change = Callable[[Session, User], None]


def reset_password(session: Session, user: User) -> None:
    set_password(session, user, "something else entirely", by=COMMAND, now=NOW)


CHANGES = pytest.mark.parametrize(
    "change", [reset_password, partial(disable, by=COMMAND, now=NOW)], ids=["password", "disabled"]
)
"""Changes that a sign-in with the former password must not outlive."""


def write(site: TestApp, change: Change) -> None:
    """Changes the editor in a transaction."""
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        change(session, user)


def change_during_verify(
    site: TestApp, monkeypatch: pytest.MonkeyPatch, change: Change
) -> list[bool]:
    """Commits a change while the next password is checked; returns the results of checks."""
    verify, checks = passwords.verify, list[bool]()

    def slow(password: str, password_hash: str | None) -> bool:
        checks.append(verify(password, password_hash))
        if len(checks) == 1:
            write(site, change)
        return checks[-1]

    monkeypatch.setattr(passwords, "verify", slow)
    return checks


@BOTH
@CHANGES
def test_change_while_the_password_is_checked_refuses_the_sign_in(
    site: TestApp, anonymous: TestApp, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    checks = change_during_verify(site, monkeypatch, change)
    refused = sign_in(anonymous, NAMES[Role.EDITOR])
    assert checks == [True]
    assert refused.status_int == 403
    assert "Hibás név vagy jelszó." in refused.text
    assert not is_in(anonymous)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(UserSession)).all() == []
        actions = session.scalars(select(AuditEntry.action)).all()
    assert actions[-1] == "user.sign_in_failed"
    assert "user.sign_in" not in actions


@CHANGES
def test_change_while_the_password_is_checked_opens_no_second_step(
    site: TestApp, anonymous: TestApp, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    with services_of(site.app.registry).database.write() as session:
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        add_passkey(session, user)
    change_during_verify(site, monkeypatch, change)
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 403
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Challenge)).all() == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_sign_in_waits_for_a_change_of_the_user(site: TestApp, anonymous: TestApp) -> None:
    with held(services_of(site.app.registry).database) as (session, start):
        user = find_user(session, NAMES[Role.EDITOR])
        assert user is not None
        reset_password(session, user)
        session.flush()
        signing_in = start(lambda: sign_in(anonymous, NAMES[Role.EDITOR]))
    assert signing_in.result().status_int == 403
    assert not is_in(anonymous)


@CHANGES
def test_change_while_the_present_password_is_checked_refuses_the_new_one(
    site: TestApp, editor: TestApp, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    form = editor.get("/manager/account").forms[2]
    form["current_password"], form["new_password"] = PASSWORD, "nine quiet projectors"
    checks = change_during_verify(site, monkeypatch, change)
    assert form.submit(status="*").status_int == 403
    assert checks == [True]
    with services_of(site.app.registry).database.read() as session:
        user = find_user(session, NAMES[Role.EDITOR])
    assert user is not None
    assert not passwords.verify("nine quiet projectors", user.password_hash)


def test_password_that_is_sent_again_is_set_once(
    site: TestApp, editor: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, new = editor.get("/manager/account").forms[2], "nine quiet projectors"
    form["current_password"], form["new_password"] = PASSWORD, new
    verify, locations = passwords.verify, list[str]()

    def send() -> None:
        locations.append(form.submit(status=303).location)

    def slow(password: str, password_hash: str | None) -> bool:
        """The same form is sent a second time while its first password is checked."""
        monkeypatch.setattr(passwords, "verify", verify)
        fits = verify(password, password_hash)
        send()
        return fits

    monkeypatch.setattr(passwords, "verify", slow)
    send()
    send()
    assert locations == ["/manager/account?done=password"] * 3
    with services_of(site.app.registry).database.read() as session:
        (made,) = session.scalars(select(Submission)).all()
        actions = session.scalars(select(AuditEntry.action)).all()
    assert actions.count("user.password") == 1
    assert "user.wrong_password" not in actions
    assert made.digest == fields_digest({"submission": made.token}), "secrets are left out"
    form["new_password"] = "another one that is not set"  # not the first one's result
    assert form.submit(status=403)


@BOTH
def test_new_hash_on_sign_in_keeps_a_change_of_the_role(
    site: TestApp, anonymous: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "outdated", lambda _hash: True)
    with services_of(site.app.registry).database.read() as session:
        before = find_user(session, NAMES[Role.EDITOR])
    change_during_verify(site, monkeypatch, partial(set_role, role=Role.ADMIN, by=COMMAND, now=NOW))
    assert sign_in(anonymous, NAMES[Role.EDITOR]).status_int == 303
    with services_of(site.app.registry).database.read() as session:
        after = find_user(session, NAMES[Role.EDITOR])
    assert before is not None
    assert after is not None
    assert after.password_hash != before.password_hash
    assert (before.role, after.role) == (Role.EDITOR, Role.ADMIN)


def test_sign_in_is_audited(site: TestApp, editor: TestApp) -> None:
    with services_of(site.app.registry).database.read() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.user_name) == ("user.sign_in", NAMES[Role.EDITOR])


def test_sign_in_that_is_sent_twice_leads_to_the_kept_form(site: TestApp, editor: TestApp) -> None:
    path, origin = f"/manager/movies/{make_movie(site)}", {"Origin": "http://localhost"}
    browser = TestApp(site.app)
    form = browser.post(path, {"title": "Félbehagyva"}, origin, status=403).form
    form["name"], form["password"] = NAMES[Role.EDITOR], PASSWORD
    first, second = (form.submit(headers=origin, status=303) for _ in range(2))
    assert second.location == first.location
    assert second.follow().html.select_one("#title")["value"] == "Félbehagyva"
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(func.count(Draft.id))).one() == 1


def test_form_that_is_too_long_for_a_draft_is_named_before_anything_is_lost(
    site: TestApp, editor: TestApp
) -> None:
    """On the sign-in page, and where the form is older than the session."""
    path, origin = f"/manager/movies/{make_movie(site)}", {"Origin": "http://localhost"}
    fields = {"title": "Hosszú", "synopsis": "x" * MAX_ENCODED}
    expired = editor.post(path, {**fields, "csrf_token": "old"}, origin, status=400)
    assert "túl hosszú" in expired.html.select_one("main").text
    ended = TestApp(site.app).post(path, fields, origin, status=403)
    assert "túl hosszú" in ended.html.select_one(".problem:not([hidden])").text
    assert ended.form["draft"].value == ""
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Draft)).all() == []
    fields["synopsis"] = "x" * (MAX_ENCODED - 1_000)
    kept = TestApp(site.app).post(path, fields, origin, status=403)
    assert kept.html.select_one(".problem:not([hidden])") is None
    form = kept.form
    form["name"], form["password"] = NAMES[Role.EDITOR], PASSWORD
    shown = form.submit(status=303, headers=origin).follow()
    assert shown.html.select_one("#synopsis").text.strip() == fields["synopsis"]


def test_form_beyond_the_limits_has_a_page_that_says_so(editor: TestApp) -> None:
    page = editor.post("/manager/movies/new", {"synopsis": "x" * MAX_FORM}, status=413)
    assert "Ez az űrlap túl nagy" in page.html.select_one("h1").text
    assert "Lépjen vissza" in page.html.select_one("main").text
