"""The page of a link that sets a password."""

import pytest
from webtest import TestApp


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
