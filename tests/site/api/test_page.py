"""The page that shows the description of the API."""

import re

import pytest
from webtest import TestApp

from moziweb.site.api.endpoints import ENDPOINTS
from moziweb.site.api.problems import TITLES
from moziweb.site.api.schemas import SCHEMAS


@pytest.mark.parametrize("path", ["/developers", "/en/developers"])
def test_page_shows_every_endpoint_parameter_and_type(app: TestApp, path: str) -> None:
    page = app.get(path)
    ids = set(re.findall(r'id="([^"]+)"', page.text))
    assert {*SCHEMAS, *TITLES} <= ids
    assert set(re.findall(r'href="#([^"]+)"', page.text)) <= ids
    for endpoint in ENDPOINTS:
        assert f"GET {endpoint.pattern}" in page.text
        for parameter in endpoint.parameters:
            assert f"<code>{parameter.name}</code>" in page.text


def test_example_of_the_page_works(app: TestApp) -> None:
    (url,) = re.findall(
        r"curl '<a href=\"https://moziweb.test([^\"]+)\"", app.get("/developers").text
    )
    assert app.get(url.replace("&amp;", "&")).json == {"items": [], "next": None}


def test_page_loads_nothing_from_another_host(app: TestApp) -> None:
    page = app.get("/developers").text
    assert re.findall(r'(?:src|href)="(?:https?:)?//(?!moziweb\.test)', page) == []
