"""The page that asks for the password again, and where it leads."""

import pytest
from webtest import TestApp

from moziweb.manager.auth.login_throttle import PER_NAME_AND_ADDRESS
from tests.manager.conftest import PASSWORD, confirm, csrf_of

FACTORS = "/manager/account/second-factors"


def test_right_password_leads_to_the_page_that_asked(editor: TestApp) -> None:
    form = editor.get(FACTORS, status=303).follow().forms[1]
    form["password"] = PASSWORD
    assert form.submit(status=303).location == FACTORS
    assert editor.get(FACTORS).status_int == 200


def test_guessing_the_password_again_is_limited(editor: TestApp) -> None:
    for _ in range(PER_NAME_AND_ADDRESS.count):
        assert confirm(editor, "wrong").status_int == 403
    assert confirm(editor).status_int == 429


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "/movie/1", "\0"])
def test_confirmation_leads_to_the_manager_only(editor: TestApp, url: str) -> None:
    data = {"csrf_token": csrf_of(editor), "password": PASSWORD, "return_url": url}
    assert editor.post("/manager/account/confirm", data, status=303).location == FACTORS


def test_form_that_was_not_done_is_done_after_going_back(admin: TestApp) -> None:
    """The redirect to the password is not the result of the form."""
    form = admin.get("/manager/users").forms[1]
    form["name"] = "anna"
    assert "/confirm?" in form.submit(status=303).location
    confirm(admin)
    assert form.submit(status=200).html.select_one("#link") is not None
