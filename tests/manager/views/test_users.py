"""Users in the manager: invitations, links, roles, disabling, reset of second factors."""

from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.accounts import find_user
from moziweb.manager.auth.factors.recovery_codes import make_codes
from moziweb.manager.auth.factors.state import factors_of
from moziweb.manager.auth.models import PasswordLink, Role, User
from moziweb.manager.auth.passwords import UNUSABLE
from moziweb.manager.auth.sessions import CONFIRMED_FOR
from moziweb.services import services_of
from tests.conftest import NOW
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

NEW = "nine quiet projectors"


@pytest.fixture
def admin(admin: TestApp) -> TestApp:
    """A browser of the administrator after the password was entered again."""
    assert confirm(admin).status_int == 303
    return admin


def user_id(site: TestApp, name: str) -> int:
    with services_of(site.app.registry).database.read() as session:
        found = find_user(session, name)
        assert found is not None
        return found.id


def last_entry(site: TestApp) -> AuditEntry:
    with services_of(site.app.registry).database.read() as session:
        return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()  # type: ignore[return-value]


def invite(admin: TestApp, name: str, role: str = "editor") -> Any:
    form = admin.get("/manager/users").forms[1]
    form["name"], form["role"] = name, role
    return form.submit(status="*")


def link_of(page: Any) -> str:
    """The link that a page shows, without the site's host."""
    text: str = page.html.select_one("#link").text
    assert text.startswith("http://localhost/manager/set-password?link=")
    return text.removeprefix("http://localhost")


def post(browser: TestApp, user: int, do: str, **fields: str) -> Any:
    data = {"csrf_token": csrf_of(browser), "do": do, **fields}
    return browser.post(f"/manager/users/{user}", data, status="*")


@BOTH
def test_invited_user_sets_a_password_and_signs_in(
    site: TestApp, admin: TestApp, anonymous: TestApp
) -> None:
    page = invite(admin, " Új  Anna ", "admin")
    assert page.status_int == 200
    link = link_of(page)
    assert "meghívva" in admin.get("/manager/users").text
    assert sign_in(anonymous, "új anna", "").status_int == 403
    anonymous.get(link)  # a preview uses up nothing
    form = anonymous.get(link).form
    assert form["user"].value == "új anna"
    form["new_password"] = NEW
    assert form.submit(status=303).location == "/manager/sign-in?done=password-set"
    assert sign_in(anonymous, "Új Anna", NEW).status_int == 303
    assert anonymous.get("/manager/users").status_int == 200
    assert "meghívva" not in admin.get("/manager/users").text
    assert TestApp(site.app).get(link, status=404).html.select_one("#new_password") is None


def test_invitation_sent_twice_leads_to_the_users_page(site: TestApp, admin: TestApp) -> None:
    form = admin.get("/manager/users").forms[1]
    form["name"] = "anna"
    link = link_of(form.submit(status=200))
    again = form.submit(status=303)
    assert again.location == f"/manager/users/{user_id(site, 'anna')}"
    assert again.follow().html.select_one("[value=link]") is not None
    assert TestApp(site.app).get(link).status_int == 200  # still valid


@pytest.mark.parametrize("name", ["", "  ", NAMES[Role.EDITOR], "x" * 61, "ß" * 31, "\0"])
def test_wrong_name_is_an_error_at_its_field(site: TestApp, admin: TestApp, name: str) -> None:
    page = invite(admin, name)
    assert page.status_int == 400
    assert page.html.select_one("#name-errors") is not None
    with services_of(site.app.registry).database.read() as session:
        assert len(session.scalars(select(User)).all()) == 2


def test_wrong_role_is_an_error_at_its_field(admin: TestApp) -> None:
    data = {"csrf_token": csrf_of(admin), "name": "anna", "role": "owner"}
    page = admin.post("/manager/users", data, status=400)
    assert page.html.select_one("#role-errors") is not None


@BOTH
def test_reset_link_signs_out_and_sets_a_password(
    site: TestApp, admin: TestApp, editor: TestApp, clock: Clock
) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    first, second = (link_of(post(admin, number, "link")) for _ in range(2))
    assert last_entry(site).action == "user.reset_link"
    assert editor.get("/manager", status="*").status_int == 303
    browser = TestApp(site.app)
    assert browser.get(first, status="*").status_int == 404
    form = browser.get(second).form
    form["new_password"] = "short"
    refused = form.submit(status=400)
    assert "12–200 karakter" in refused.text
    clock.pass_(hours=24)
    assert browser.get(second, status="*").status_int == 404
    form["new_password"] = NEW
    assert form.submit(status=404)
    later = signed_in(site, Role.ADMIN)
    confirm(later)
    third = link_of(post(later, number, "link"))
    form = browser.get(third).form
    form["new_password"] = NEW
    assert form.submit(status=303)
    assert sign_in(browser, NAMES[Role.EDITOR], NEW).status_int == 303


@BOTH
def test_link_blocks_the_old_password_and_passkeys(site: TestApp, admin: TestApp) -> None:
    """Who knows the old password, or has added a passkey with it, cannot sign in any more."""
    number = user_id(site, NAMES[Role.EDITOR])
    with services_of(site.app.registry).database.write() as session:
        add_passkey(session, session.get_one(User, number))
    form = admin.get(f"/manager/users/{number}").forms[2]
    shown = form.submit("do", value="link", status=200)
    assert "A régi jelszó már nem érvényes." in shown.text
    assert actions_of(site, number)[-2:] == ["user.password_block", "user.reset_link"]
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 403
    with services_of(site.app.registry).database.read() as session:
        assert factors_of(session, number).is_unchecked
    page = admin.get(f"/manager/users/{number}")
    assert "jelszó letiltva" in page.text
    assert page.html.select_one("[name=keep_password]") is None
    assert "jelszó letiltva" in admin.get("/manager/users").text
    again = link_of(post(admin, number, "link"))
    form = TestApp(site.app).get(again).form
    form["new_password"] = NEW
    assert form.submit(status=303)
    assert "jelszó letiltva" not in admin.get("/manager/users").text
    assert actions_of(site, number)[-2:] == ["user.reset_link", "user.password"]


def test_tick_leaves_the_old_password_valid_until_the_link_is_used(
    site: TestApp, admin: TestApp
) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    form = admin.get(f"/manager/users/{number}").forms[2]
    assert not form["keep_password"].checked
    form["keep_password"] = True
    shown = form.submit("do", value="link", status=200)
    assert "a link felhasználásáig érvényes" in shown.text
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 303
    form = TestApp(site.app).get(link_of(shown)).form
    form["new_password"] = NEW
    assert form.submit(status=303)
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 403


def test_tick_stays_when_the_password_is_asked_for(site: TestApp) -> None:
    browser, number = signed_in(site, Role.ADMIN), user_id(site, NAMES[Role.EDITOR])
    form = post(browser, number, "link", keep_password="1").follow().forms[1]
    form["password"] = PASSWORD
    page = form.submit(status=303).follow()
    assert page.forms[2]["keep_password"].checked


def actions_of(site: TestApp, user: int) -> list[str]:
    with services_of(site.app.registry).database.read() as session:
        query = select(AuditEntry.action).where(AuditEntry.subject_id == user)
        return list(session.scalars(query.order_by(AuditEntry.id)))


def test_link_does_not_replace_the_second_factor(site: TestApp, admin: TestApp) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    with services_of(site.app.registry).database.write() as session:
        add_passkey(session, session.get_one(User, number))
    browser = TestApp(site.app)
    form = browser.get(link_of(post(admin, number, "link"))).form
    form["new_password"] = NEW
    form.submit(status=303)
    assert sign_in(browser, NAMES[Role.EDITOR], NEW).status_int == 200  # asks for the second step
    assert browser.get("/manager", status="*").status_int == 303


def test_role_is_changed_at_once(site: TestApp, admin: TestApp, editor: TestApp) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    assert editor.get("/manager/users", status="*").status_int == 403
    assert post(admin, number, "role", role="admin").status_int == 303
    assert editor.get("/manager/users").status_int == 200
    entry = last_entry(site)
    assert (entry.action, entry.user_name) == ("user.role", NAMES[Role.ADMIN])
    assert "rendszergazda" in admin.get("/manager/audit").text
    assert post(admin, number, "role", role="owner").status_int == 400
    assert post(admin, number, "role").status_int == 400


def test_last_administrator_is_refused(site: TestApp, admin: TestApp) -> None:
    """An administrator whose own role was taken since is the one who could do it."""
    own = user_id(site, NAMES[Role.ADMIN])
    other = user_id(site, NAMES[Role.EDITOR])
    with services_of(site.app.registry).database.write() as session:
        session.get_one(User, other).role = Role.ADMIN
        session.get_one(User, own).invited = True  # does not count
    for do, fields in (("disable", {}), ("role", {"role": "editor"})):
        page = post(admin, other, do, **fields)
        assert page.status_int == 409
        assert "utolsó rendszergazda" in page.text
    with services_of(site.app.registry).database.read() as session:
        user = session.get_one(User, other)
        assert (user.role, user.disabled_at) == (Role.ADMIN, None)


@BOTH
def test_administrator_who_was_blocked_during_the_request_makes_no_link(
    site: TestApp, admin: TestApp
) -> None:
    own, number = user_id(site, NAMES[Role.ADMIN]), user_id(site, NAMES[Role.EDITOR])
    with services_of(site.app.registry).database.write() as session:
        session.get_one(User, own).password_hash = UNUSABLE
    for answer in (post(admin, number, "link"), invite(admin, "anna")):
        assert answer.status_int == 403
        assert "egy másik rendszergazda épp most" in answer.text
        assert "A szerepköre ezt nem engedi" not in answer.text
    with services_of(site.app.registry).database.read() as session:
        assert find_user(session, "anna") is None
        assert session.scalars(select(PasswordLink)).all() == []
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 303


def test_disabled_user_has_no_link_button(site: TestApp, admin: TestApp) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    assert post(admin, number, "disable").status_int == 303
    page = admin.get(f"/manager/users/{number}")
    assert page.html.select_one("[value=link]") is None
    assert post(admin, number, "link").status_int == 400
    assert post(admin, number, "enable").status_int == 303
    assert admin.get(f"/manager/users/{number}").html.select_one("[value=link]") is not None


@BOTH
def test_second_factors_are_reset(site: TestApp, admin: TestApp, editor: TestApp) -> None:
    number = user_id(site, NAMES[Role.EDITOR])
    page = admin.get(f"/manager/users/{number}")
    assert page.html.select_one("[value=reset-factors]") is None
    with services_of(site.app.registry).database.write() as session:
        user = session.get_one(User, number)
        add_passkey(session, user)
        make_codes(session, user, now=NOW)
    assert "igen" in admin.get("/manager/users").html.select_one("table").text
    assert post(admin, number, "reset-factors").status_int == 303
    with services_of(site.app.registry).database.read() as session:
        state = factors_of(session, number)
    assert (state.is_required, state.recovery_codes) == (False, 0)
    assert editor.get("/manager", status="*").status_int == 303
    assert last_entry(site).action == "user.second_factor_reset"
    assert sign_in(TestApp(site.app), NAMES[Role.EDITOR]).status_int == 303


def test_own_page_has_no_actions(site: TestApp, admin: TestApp) -> None:
    own = user_id(site, NAMES[Role.ADMIN])
    page = admin.get(f"/manager/users/{own}")
    assert page.html.select_one("main form") is None
    for do in ("disable", "link", "role", "reset-factors"):
        assert post(admin, own, do, role="editor").status_int == 400


@pytest.mark.parametrize(
    ("do", "fields"),
    [("link", {}), ("reset-factors", {}), ("role", {"role": "admin"}), ("disable", {}),
     ("enable", {}), ("sign-out", {})],
)  # fmt: skip
def test_changes_of_users_need_the_password_again(
    site: TestApp, clock: Clock, do: str, fields: dict[str, str]
) -> None:
    """Without it, a session that was left open takes over accounts."""
    number = user_id(site, NAMES[Role.EDITOR])
    with services_of(site.app.registry).database.write() as session:
        add_passkey(session, session.get_one(User, number))
    browser = signed_in(site, Role.ADMIN)
    before = last_entry(site).id
    asked = post(browser, number, do, **fields)
    assert asked.status_int == 303
    assert asked.location.startswith("/manager/account/confirm?")
    assert last_entry(site).id == before
    form = asked.follow().forms[1]
    form["password"] = PASSWORD
    page = form.submit(status=303).follow()
    assert page.request.path == f"/manager/users/{number}"
    assert "Eddig semmi sem változott" in page.html.select_one("[role=status]").text
    assert page.html.select_one("#role option[selected]")["value"] == fields.get("role", "editor")
    assert post(browser, number, do, **fields).status_int in (200, 303)
    clock.pass_(seconds=CONFIRMED_FOR.total_seconds())
    assert "/confirm?" in post(browser, number, "sign-out").location


def test_adding_a_user_needs_the_password_again(site: TestApp) -> None:
    browser = signed_in(site, Role.ADMIN)
    form = invite(browser, "Új Anna & Béla", "admin").follow().forms[1]
    form["password"] = PASSWORD
    page = form.submit(status=303).follow()
    with services_of(site.app.registry).database.read() as session:
        assert find_user(session, "új anna & béla") is None
    form = page.forms[1]  # what was typed is in the form again
    assert (form["name"].value, form["role"].value) == ("Új Anna & Béla", "admin")
    assert link_of(form.submit(status=200))


def test_links_and_passwords_are_in_no_entry(site: TestApp, admin: TestApp) -> None:
    link = link_of(invite(admin, "anna"))
    form = TestApp(site.app).get(link).form
    form["new_password"] = NEW
    form.submit(status=303)
    with services_of(site.app.registry).database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [each.action for each in entries[-3:]] == ["user.add", "user.invite", "user.password"]
    stored = str([vars(each) for each in entries])
    assert link.partition("link=")[2] not in stored
    assert NEW not in stored
