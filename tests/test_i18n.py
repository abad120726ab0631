"""The locale depends on the path only, and page routes serve both languages."""

from collections.abc import Iterator

import pytest
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from webtest import TestApp

from moziweb.i18n import locale_of_path, locale_prefix


@pytest.mark.parametrize(
    ("path", "locale"),
    [("/", "hu"), ("/en", "en"), ("/en/", "en"), ("/en/week/2026-W34", "en"), ("/england", "hu")],
)
def test_locale_of_path(path: str, locale: str) -> None:
    assert locale_of_path(path) == locale


def urls_view(request: Request) -> Response:
    elsewhere = request.route_path("week", week="2026-W34", locale=locale_prefix("en"))
    here = request.route_path("week", week="2026-W34")
    return Response(f"{request.locale_name} {here} {elsewhere}")


@pytest.fixture
def app() -> Iterator[TestApp]:
    with Configurator() as config:
        config.include("moziweb.i18n")
        config.add_page_route("week", "/week/{week}")
        config.add_view(urls_view, route_name="week")
        yield TestApp(config.make_wsgi_app())


def test_page_route_serves_both_languages_and_keeps_that_of_the_request(app: TestApp) -> None:
    hungarian = app.get("/week/2026-W34").text
    assert hungarian == "hu /week/2026-W34 /en/week/2026-W34"
    assert app.get("/en/week/2026-W34").text == "en /en/week/2026-W34 /en/week/2026-W34"


@pytest.mark.parametrize("path", ["/de/week/2026-W34", "/enweek/2026-W34", "/en/en/week/x"])
def test_other_prefixes_are_not_found(app: TestApp, path: str) -> None:
    app.get(path, status=404)


def test_language_does_not_depend_on_parameter_cookie_or_header(app: TestApp) -> None:
    headers = {"Cookie": "_LOCALE_=en", "Accept-Language": "en"}
    assert app.get("/week/2026-W34?_LOCALE_=en", headers=headers).text.startswith("hu ")
