"""Users and second factors in Chromium: a virtual authenticator, an app, links; accessible."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect
from pyotp import TOTP

from moziweb.clock import utc_now
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import find_user
from moziweb.manager.auth.password_links import make_link
from moziweb.services import services_of

from .conftest import OpenPage
from .manager_site import PASSWORD, ManagerSite, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, LOOKS, violations

FACTORS = "/manager/account/second-factors"


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    """A site with a host name: browsers have no passkeys for IP addresses."""
    with running_manager_site(migrated_sqlite, tmp_path, host="localhost") as manager:
        yield manager


def add_authenticator(page: Page) -> tuple[CDPSession, str]:
    """Chromium's virtual authenticator, which verifies its user; its session and id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


def confirm(page: Page, manager: ManagerSite, prefix: str = "") -> None:
    """Enters the password again."""
    page.goto(f"{manager.url}{prefix}{FACTORS}")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    page.wait_for_url(f"{manager.url}{prefix}{FACTORS}")


def sign_out(page: Page) -> None:
    page.locator("form[action$='/sign-out'] button").click()
    page.wait_for_url("**/sign-in?done=signed-out")


def enter_password(page: Page, name: str = "anna", password: str = PASSWORD) -> None:
    page.locator("#name").fill(name)
    page.locator("#password").fill(password)
    page.locator("#password").press("Enter")


def set_up_app(page: Page) -> tuple[TOTP, str]:
    """Sets up an app; returns it and the code that has set it up."""
    page.locator("[value=totp-begin]").click()
    totp = TOTP(page.locator(".secret-key code").inner_text())
    code = totp.now()
    page.locator("#code").fill(code)
    page.locator("#code").press("Enter")
    expect(page.locator(".codes code")).to_have_count(10)
    return totp, code


def later(totp: TOTP) -> str:
    """The next code of an app: the present one was used."""
    return totp.at(time.time() + totp.interval)


def is_accessible(page: Page) -> None:
    """Checks the page at 1280 and 390 pixels, light and dark."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page, ALL) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.emulate_media(color_scheme="dark")
        assert violations(page, LOOKS) == []
        page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_passkey_is_registered_signs_in_and_is_removed(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    session, authenticator = add_authenticator(page)
    manager.sign_in(page)
    page.get_by_role("link", name="anna").click()
    page.get_by_role("link", name="Beállítás, módosítás").click()
    page.get_by_label("Jelenlegi jelszó").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("A belépőkulcs neve").fill("telefon")
    page.get_by_role("button", name="Belépőkulcs hozzáadása").click()
    expect(page.locator(".codes code")).to_have_count(10)
    page.get_by_role("link", name="Megőriztem őket").click()
    expect(page.locator(".passkey-row strong")).to_have_text("telefon")
    # The same device does not get a second one.
    page.get_by_label("A belépőkulcs neve").fill("újra")
    page.get_by_role("button", name="Belépőkulcs hozzáadása").click()
    expect(page.get_by_role("alert")).to_contain_text("Nem készült belépőkulcs")
    counts = []
    for _ in range(2):
        sign_out(page)
        page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
        page.wait_for_url(f"{manager.url}/manager")
        counts.append(_credential(session, authenticator)["signCount"])
    assert counts[1] > counts[0] > 0
    # Without verifying its user, the authenticator gives nothing.
    sign_out(page)
    session.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False}
    )
    page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
    expect(page.get_by_role("alert")).to_contain_text("nem küldött belépőkulcsot")
    session.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True}
    )
    # The password alone is not enough; the second step takes the passkey.
    enter_password(page)
    page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
    page.wait_for_url(f"{manager.url}/manager")
    confirm(page, manager)
    page.locator("[value=passkey-remove]").click()
    expect(page.get_by_role("status")).to_contain_text("A belépőkulcsot itt eltávolítottuk")
    sign_out(page)
    enter_password(page)
    page.wait_for_url(f"{manager.url}/manager")
    assert violations_of(page) == []
    assert watch.errors == []


def _credential(session: CDPSession, authenticator: str) -> dict[str, Any]:
    found = session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    credential: dict[str, Any] = found["credentials"][0]
    return credential


def test_app_is_set_up_and_asked_for(manager: ManagerSite, open_page: OpenPage) -> None:
    """Without scripts, too."""
    page = open_page(java_script_enabled=False)
    manager.sign_in(page)
    confirm(page, manager)
    totp, used = set_up_app(page)
    sign_out(page)
    enter_password(page)
    page.locator("#code").fill(used)
    page.locator("#code").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A kód hibás, vagy már felhasználták.")
    page.locator("#code").fill(later(totp))
    page.locator("#code").press("Enter")
    page.wait_for_url(f"{manager.url}/manager")


def test_administrator_invites_a_user_and_resets_a_second_factor(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    admin, user = open_page(), open_page()
    manager.sign_in(admin)
    admin.get_by_role("link", name="Felhasználók").click()
    admin.get_by_label("Név").fill("Clara")
    admin.get_by_role("button", name="Hozzáadás és hivatkozás").click()
    admin.get_by_label("Jelenlegi jelszó").fill(PASSWORD)
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("status")).to_contain_text("Eddig semmi sem változott")
    expect(admin.get_by_label("Név")).to_have_value("Clara")
    admin.get_by_role("button", name="Hozzáadás és hivatkozás").click()
    user.goto(admin.get_by_label("Meghívó hivatkozás").input_value())
    user.get_by_label("Új jelszó").fill("nine quiet projectors")
    user.keyboard.press("Enter")
    expect(user.get_by_role("status")).to_contain_text("A jelszavát beállítottuk.")
    enter_password(user, "clara", "nine quiet projectors")
    user.wait_for_url(f"{manager.url}/manager")
    user.goto(manager.url + FACTORS)
    user.locator("#password").fill("nine quiet projectors")
    user.locator("#password").press("Enter")
    set_up_app(user)
    admin.get_by_role("link", name="Vissza a felhasználóhoz").click()
    admin.reload()
    admin.get_by_role("button", name="Második tényezők visszaállítása").click()
    expect(admin.get_by_role("status")).to_contain_text("A második tényezőket eltávolítottuk.")
    user.reload()
    enter_password(user, "clara", "nine quiet projectors")
    expect(user.locator("form[action$='/sign-out']")).to_be_visible()


def test_user_is_disabled_let_in_again_and_given_a_new_password(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    """Without scripts, too: here the user has none."""
    admin, user = open_page(), open_page(java_script_enabled=False)
    manager.sign_in(admin)
    user.goto(f"{manager.url}/manager/sign-in")
    enter_password(user, "béla")
    user.wait_for_url(f"{manager.url}/manager")
    admin.goto(f"{manager.url}/manager/users")
    admin.get_by_role("link", name="béla").click()
    admin.get_by_role("button", name="Letiltás").click()
    admin.get_by_label("Jelenlegi jelszó").fill(PASSWORD)
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("status")).to_contain_text("Eddig semmi sem változott")
    admin.get_by_role("button", name="Letiltás").click()
    expect(admin.get_by_role("status")).to_contain_text("A felhasználót letiltottuk")
    # The session has ended, and there is no other one.
    user.reload()
    enter_password(user, "béla")
    expect(user.get_by_role("alert")).to_be_visible()
    admin.get_by_role("button", name="Engedélyezés").click()
    admin.get_by_role("button", name="Hivatkozás új jelszóhoz").click()
    link = admin.get_by_label("Hivatkozás új jelszóhoz").input_value()
    enter_password(user, "béla")  # the former one
    expect(user.get_by_role("alert")).to_be_visible()
    user.get_by_text("Elfelejtette a jelszavát").click()
    expect(user.get_by_text("Kérje a rendszergazdát")).to_be_visible()
    user.goto(link)
    user.get_by_label("Új jelszó").fill("nine quiet projectors")
    user.keyboard.press("Enter")
    expect(user.get_by_role("status")).to_contain_text("A jelszavát beállítottuk.")
    enter_password(user, "béla", "nine quiet projectors")
    user.wait_for_url(f"{manager.url}/manager")
    user.goto(link)
    expect(user.locator("#new_password")).to_have_count(0)  # it works once


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_pages_are_accessible_in_both_languages(
    manager: ManagerSite, open_page: OpenPage, prefix: str
) -> None:
    page = open_page(width=1280)
    watch = PageLog.attach(page)
    add_authenticator(page)
    page.goto(f"{manager.url}{prefix}/manager/sign-in")
    page.locator("summary").click()
    is_accessible(page)
    enter_password(page)
    page.wait_for_url(f"**{prefix}/manager")
    page.goto(f"{manager.url}{prefix}/manager/users")
    is_accessible(page)
    page.locator("#name").fill("clara")
    page.locator("#name").press("Enter")
    expect(page.locator("#password")).to_be_visible()
    is_accessible(page)  # the password again
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    expect(page.locator("#name")).to_have_value("clara")
    page.locator("#name").press("Enter")
    link = page.locator("#link").input_value()
    is_accessible(page)
    page.goto(link)
    is_accessible(page)
    page.goto(f"{manager.url}{prefix}{FACTORS}")
    is_accessible(page)  # nothing is set up
    page.locator("#name").fill("telefon")
    page.locator("[data-passkey=create] button").click()
    expect(page.locator(".codes code")).to_have_count(10)
    is_accessible(page)
    page.locator("main a.button").click()
    page.locator("[value=totp-begin]").click()
    expect(page.locator("svg.qr")).to_be_visible()
    is_accessible(page)
    page.goto(f"{manager.url}{prefix}/manager/account")
    is_accessible(page)
    page.goto(f"{manager.url}{prefix}/manager/users/2")
    is_accessible(page)
    sign_out(page)
    enter_password(page)
    expect(page.locator("#code")).to_be_visible()
    is_accessible(page)
    assert violations_of(page) == []
    assert watch.errors == []


def test_passkey_is_checked_after_the_password_was_reset(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    """It does not sign in alone before; its user sees it and confirms it."""
    page = open_page(width=1280)
    add_authenticator(page)
    manager.sign_in(page)
    confirm(page, manager)
    page.get_by_label("A belépőkulcs neve").fill("telefon")
    page.get_by_role("button", name="Belépőkulcs hozzáadása").click()
    expect(page.locator(".codes code")).to_have_count(10)
    with services_of(manager.registry).database.write() as session:
        user = find_user(session, "anna")
        assert user is not None
        link = make_link(session, user, by=COMMAND, now=utc_now())
    page.goto(f"{manager.url}/manager/set-password?link={link}")
    page.get_by_label("Új jelszó").fill("nine quiet projectors")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("ellenőrizze a belépőkulcsait")
    page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
    expect(page.get_by_role("alert")).to_contain_text("A jelszó azóta megváltozott.")
    enter_password(page, password="nine quiet projectors")
    page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
    page.wait_for_url(f"{manager.url}/manager/account")
    expect(page.locator("section.notice strong")).to_have_text("telefon")
    is_accessible(page)
    check = page.get_by_role("link", name="Ellenőrzés")
    colour = "(link) => getComputedStyle(link).color"
    assert check.evaluate(colour) == page.locator("form .button:not(.button-quiet)").first.evaluate(
        colour
    )
    check.click()
    page.locator("#password").fill("nine quiet projectors")
    page.locator("#password").press("Enter")
    expect(page.locator(".passkey-row .flag")).to_be_visible()
    is_accessible(page)
    page.get_by_role("button", name="Mind az enyém").click()
    expect(page.locator(".passkey-row .flag")).to_have_count(0)
    sign_out(page)
    page.get_by_role("button", name="Bejelentkezés belépőkulccsal").click()
    page.wait_for_url(f"{manager.url}/manager")
