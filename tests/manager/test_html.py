"""The Nu HTML checker finds nothing in the pages of the manager but the attributes of htmx."""

from pathlib import Path

from pyotp import TOTP
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.movies.models import Person
from moziweb.services import services_of
from tests.conftest import NOW
from tests.manager.auth.factors.authenticator import Authenticator
from tests.manager.conftest import NAMES, confirm, csrf_of, sign_in
from tests.manager.movie_forms import make_movie
from tests.manager.test_access import path_of, views
from tests.movies.importers.test_row_accounting import LISTS
from tests.services.nu_checker import html_errors
from tests.threads import join_threads

FACTORS = "/manager/account/second-factors"


def pages_of_users(admin: TestApp, anonymous: TestApp) -> dict[str, str]:
    """Pages that only a form leads to: links, second factors, the second step of a sign-in."""

    def post(path: str, **fields: str) -> str:
        answer = admin.post(path, {"csrf_token": csrf_of(admin), **fields}, status="*")
        return str(answer.text)

    confirm(admin)
    found = {"link": post("/manager/users", name="anna", role="editor")}
    found["users"] = admin.get("/manager/users").text
    post(FACTORS, do="totp-begin")
    setting_up = admin.get(FACTORS)
    found["app"] = setting_up.text
    code = TOTP(setting_up.html.select_one(".secret-key code").text).at(NOW)
    found["codes"] = post(FACTORS, do="totp-on", code=code)
    headers = {"X-CSRF-Token": csrf_of(admin)}
    options = admin.post("/manager/account/passkey-options", headers=headers).json
    post(FACTORS, do="passkey-add", name="kulcs", credential=Authenticator().create(options))
    found["second factors"] = admin.get(FACTORS).text
    found["second step"] = sign_in(anonymous, NAMES[Role.ADMIN]).text
    return found


def test_every_page_of_the_manager_is_valid_html(
    site: TestApp, anonymous: TestApp, admin: TestApp, tmp_path: Path
) -> None:
    lists = ("cp1250.csv", "nfd_distributor.csv")  # one asks for its columns, one is previewed
    for name in lists:
        files = [("file", name, (LISTS / name).read_bytes())]
        sent = {"csrf_token": csrf_of(admin), "do": "file"}
        admin.post("/manager/imports", sent, upload_files=files, status=303)
    join_threads("import-")
    paths = sorted({path_of(site, route) for route, method, _ in views(site) if method == "GET"})
    make_movie(site)
    with services_of(site.app.registry).database.write() as session:
        session.add(Person(name="nagy pál"))
        twin = session.scalars(select(func.max(Person.id))).one()
    page = f"/manager/names/person/{twin}"
    paths += [page, f"{page}/merge", f"{page}/merge/{twin - 1}"]
    pages = {"sign in": anonymous.get("/manager/sign-in").text}
    for path in paths:
        response = admin.get(path, status="*")
        # A part of a page, for htmx, has no DOCTYPE.
        if response.content_type == "text/html" and response.text.startswith("<!DOCTYPE"):
            pages[path] = response.text
    pages |= pages_of_users(admin, anonymous)
    assert len(pages) > 10
    assert {"/manager/imports/1", "/manager/imports/lists/1"} <= pages.keys()
    folder = tmp_path / "pages"
    folder.mkdir()
    # htmx also reads data-hx-…, which are valid; its documentation and our templates use hx-….
    found = [each for each in html_errors(pages, folder) if "Attribute “hx-" not in each]
    assert found == [], "\n".join(found)
