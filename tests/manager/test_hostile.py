"""Hostile input, with and without a session."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.return_url import safe_return_url
from moziweb.manager.web.forms import one_line, trimmed
from moziweb.manager.web.request_limits import MAX_FIELDS, MAX_FORM
from moziweb.movies.models import Genre, Movie, Person
from moziweb.services import services_of
from tests.hostile_ids import MALFORMED_IDS
from tests.manager.movie_forms import make_movie, movie_form, movie_of, press
from tests.threads import join_threads

from .conftest import BOTH, NAMES, PASSWORD, confirm, csrf_of

# Known attacks: each runs if one kind of escaping is missing.
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '" autofocus onfocus="alert(1)',
    "javascript:alert(1)",
    "{{7191*7}}{% import os %}${7191*7}",
    "<!--<script>",
    "%(count)s %s {0} ${title}",
    "\u202eabc\u2028\u2029",
    "x\r\nBEGIN:VEVENT\r\nATTACH:javascript:alert(1)",
    "]]><x/>&lt;script&gt;",
)
TEXTS = (
    "title", "original_title", "synopsis", "synopsis_en", "distributor", "directors-0-name",
    "cast-0-name", "cast-0-character", "premieres-0-note", "trailers-0-name",
)  # fmt: skip


class Tags(HTMLParser):
    """Parses a page as a browser would: scripts, event handlers and script URLs."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append(dict(attrs))
        self.bad += [f"{tag} {name}" for name, _value in attrs if name.startswith("on")]
        self.bad += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name in ("href", "src", "action") and (value or "").lower().startswith("javascript:")
        ]
        if tag == "img" and dict(attrs).get("src") == "x":
            self.bad.append("img")


def harmless(page: Any) -> None:
    """Asserts that a page runs only the site's own scripts and JSON-LD data."""
    seen = Tags()
    seen.feed(page.text)
    assert seen.bad == []
    for script in seen.scripts:
        ours = (script.get("src") or "").startswith("/static/")
        assert ours or script.get("type") == "application/ld+json", script
    assert "50337" not in page.text  # 7191*7, evaluated by a template


PUBLIC = (
    "/", "/week/2026-W36", "/month/2026-09", "/undated", "/search?q=alert", "/about",
    "/premieres.ics", "/premieres.atom", "/api/main/", "/sitemap-movies-0.xml",
)  # fmt: skip


def shown_safely(browser: TestApp, paths: Iterable[str]) -> None:
    """Checks every public page and feed that may show stored texts, in both languages."""
    localized = {f"/en{path}" for path in paths if not path.startswith(("/api", "/sitemap"))}
    for path in sorted({*paths, *localized}):
        answer = browser.get(path)
        if answer.content_type == "text/html":
            harmless(answer)
            for script in answer.html.find_all("script", type="application/ld+json"):
                json.loads(script.string)
        elif answer.content_type.endswith("xml"):
            names = {each.tag for each in ET.fromstring(answer.body).iter()}
            assert all(name.startswith("{http://www.") for name in names), path
        elif answer.content_type == "text/calendar":
            events = Calendar.from_ical(answer.body)
            assert not {"ATTACH", "URL"} & {
                line.partition(b":")[0] for line in answer.body.splitlines() if b"alert" in line
            }
            assert not events.errors
        else:
            assert answer.content_type == "application/json", path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_stored_never_runs(site: TestApp, editor: TestApp) -> None:
    movies = []
    for payload in PAYLOADS:
        movie_id = make_movie(site)
        form = movie_form(editor, movie_id)
        for field in TEXTS:
            form[field] = payload
        form["premieres-0-date"], form["premieres-0-reason"] = "2026-09-03", payload
        form["runtime"], form["countries"] = payload, payload
        harmless(press(form, status=400))  # shown again with errors
        form["runtime"], form["countries"] = "90", "HU"
        harmless(press(form, "preview", status=200))
        harmless(press(form, status=303).follow())
        movie = movie_of(site, movie_id)
        # As typed, without control characters.
        assert movie.synopsis.split() == trimmed(payload).split()
        movies.append(f"/movie/{movie_id}-{movie.slug}")
    for path in ("/manager", "/manager/movies", "/manager/audit", f"/manager/movies/{movie_id}"):
        harmless(editor.get(path))
    with services_of(site.app.registry).database.write() as session:
        for row in session.scalars(select(Genre)):
            row.name = row.name_en = PAYLOADS[0]
    shown_safely(editor, (*PUBLIC, *movies, "/genre/drama"))
    names = {
        json.loads(editor.get(path).html.find("script", type="application/ld+json").string)["name"]
        for path in movies
    }
    assert names == {one_line(payload) for payload in PAYLOADS}


def test_what_is_imported_never_runs(site: TestApp, editor: TestApp) -> None:
    """Payloads in every column of a list, in its headings and in its file name."""
    columns = (
        "external_id", "title", "original_title", "distributor", "genres", "formats", "languages",
        "overview", "rating", "runtime", "release_type", "poster_url", "trailer_url", "imdb_id",
    )  # fmt: skip
    lines: list[Sequence[str]] = [(*columns, "release_date", PAYLOADS[0])]
    lines += [[f"<b>{payload}"] * len(columns) + ["2026-09-03", payload] for payload in PAYLOADS]
    lines += [[str(n), payload, payload, payload, "", "", "", payload, *[""] * 6, "2026-09-03", ""]
              for n, payload in enumerate(PAYLOADS)]  # fmt: skip
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    sent = {"csrf_token": csrf_of(editor), "do": "file"}
    name = "<img src=x onerror=alert(1)>.csv"
    files = [("file", name, text.getvalue().encode())]
    begun = editor.post("/manager/imports", sent, upload_files=files, status=303).follow()
    harmless(begun)  # the columns of the list
    form = next(form for form in begun.forms.values() if "column-0" in form.fields)
    started = form.submit("do", value="preview", status=303)
    join_threads("import-")
    preview = started.follow()
    harmless(preview)
    for query in ("?show=refused", "?show=new"):
        harmless(editor.get(preview.request.path + query))
    preview.forms[1]["publish"] = True
    preview.forms[1].submit("do", value="all", status=303)
    join_threads("import-")
    for path in (preview.request.path, "/manager/imports", "/manager/audit", "/manager/movies"):
        harmless(editor.get(path))
    with services_of(site.app.registry).database.read() as session:
        movies = session.execute(select(Movie.id, Movie.slug)).all()
    assert len(movies) >= len(PAYLOADS) - 1
    shown_safely(editor, (*PUBLIC, *(f"/movie/{number}-{slug}" for number, slug in movies)))


def test_what_is_reflected_never_runs(editor: TestApp, anonymous: TestApp) -> None:
    names = (
        "q",
        "show",
        "sort",
        "after",
        "before",
        "done",
        "return_url",
        "saved",
        "draft",
        "copy",
        "title",
    )
    pages = ("/manager", "/manager/audit", "/manager/movies/new", "/manager/imports", "/search")
    for payload in PAYLOADS:
        every = dict.fromkeys(names, payload)
        for path in (*pages, "/manager/movies", "/jump", "/", "/en/search"):
            harmless(editor.get(path, every, status="*"))
        harmless(editor.get("/manager/movies", {"q": payload}))
        harmless(anonymous.get("/manager/sign-in", every, status="*"))
        harmless(editor.get(f"/{quote(payload)}", status="*"))
        harmless(editor.get(f"/manager/{quote(payload)}", status="*"))
        form = anonymous.get("/manager/sign-in").form
        form["name"], form["password"] = payload, payload
        form["return_url"], form["draft"] = payload, payload
        harmless(form.submit(status="*"))
        fields = {"title": payload, "synopsis": payload}
        harmless(anonymous.post("/manager/movies/1", fields, status=403))


PROBES = (
    "'", '"', "' OR '1'='1", "1; DROP TABLE movie; --", "%' OR 1=1 --", "\\", "%", "_", "é'", "0x1",
    "\0", "1\0", "$$", "\ud800",
)  # fmt: skip


@BOTH
def test_sql_in_parameters_is_only_text(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    everything = editor.get("/manager/movies").text.count("<tr>")
    for probe in (quote(each, errors="surrogatepass") for each in PROBES):
        found = editor.get(f"/manager/movies?q={probe}", status="*")
        assert found.status_int in (200, 400), probe
        # A search for punctuation only has no words.
        assert found.status_int == 400 or found.text.count("<tr>") in (0, everything), probe
        for sort in ("changed", "date", "title"):
            for cursor in (
                probe, f"t~{probe}~1", f"c~{probe}~1", f"d~{probe}~1", f"u~{probe}~{probe}"
            ):  # fmt: skip
                for direction in ("after", "before"):
                    path = f"/manager/movies?sort={sort}&show={probe}&{direction}={cursor}"
                    assert editor.get(path, status="*").status_int in (200, 400), path
        for path in (
            f"/manager/audit?before={probe}",
            f"/manager/imports?title={probe}",
            f"/manager/movies/new?copy={probe}&draft={probe}",
            f"/manager/movies/{movie_id}?draft={probe}&saved={probe}",
            f"/search?q={probe}&after={probe}",
        ):
            assert editor.get(path, status="*").status_int in (200, 400, 404), path
    form = movie_form(editor, movie_id)
    for field in TEXTS:
        form[field] = PROBES[3]
    press(form, status=303)
    fields = {"csrf_token": csrf_of(editor), "draft": '[["title", "\\u0000\\ud800"]]'}
    editor.post("/manager/sign-out", fields, status=303)
    form = editor.get("/manager/sign-in").form
    form["name"], form["password"], form["draft"] = NAMES[Role.EDITOR], PASSWORD, fields["draft"]
    form["return_url"] = f"/manager/movies/{movie_id}"
    headers = {"User-Agent": "'\xff; DROP", "Origin": "http://localhost"}
    form.submit(headers=headers, status=303).follow(status=200)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.title)).all() == [PROBES[3]]


IDS_IN_PATHS = (
    "/manager/movies/{}", "/manager/movies/{}/posters", "/manager/imports/{}", "/movie/{}",
    "/manager/imports/lists/{}",
    "/movie/{}-a", "/api/movie/{}", "/poster/{}-a.1.jpg", "/poster/1-a.{}.jpg",
    "/manager/movies/1/posters/unsaved/{}", "/manager/movies/new?copy={}",
)  # fmt: skip
CURSORS = ("/manager/audit?before={}", "/manager/imports/1?after={}")


def test_a_malformed_id_is_an_id_of_no_row(site: TestApp, editor: TestApp) -> None:
    """In a path, a query and a form. A malformed cursor is ignored: the first page."""
    assert make_movie(site) == 1
    make_movie(site, "Tizenegy", id=1234567890)
    editor.post(
        "/manager/imports",
        {
            "csrf_token": csrf_of(editor),
            "do": "file",
        },
        upload_files=[("file", "a.csv", b"title,release_date\nA,2026-09-03\n")],
        status=303,
    )
    join_threads("import-")
    firsts = {path: table_of(editor.get(path.partition("?")[0])) for path in CURSORS}
    for text in MALFORMED_IDS:
        spelled = quote(text)
        for path in IDS_IN_PATHS:
            assert editor.get(path.format(spelled), status="*").status_int == 404, (path, text)
        for path in CURSORS:
            assert table_of(editor.get(path.format(spelled))) == firsts[path], (path, text)
        for sent in ({"do": "choose"}, {"do": "focus", "x": "1", "y": "1"}, {"do": "again"}):
            fields = {**sent, "csrf_token": csrf_of(editor), "source": text}
            editor.post("/manager/movies/1/posters", fields, status=404)
    editor.get("/manager/movies/new?copy=1234567890", status=200)


def table_of(page: Any) -> str:
    """The text of a page's main content, without its forms' tokens."""
    return " ".join(page.html.find("main").get_text().split())


UNSAFE_URLS = (
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example",
    "/manager//evil.example", "/manager/../../evil", "/manager\r\nLocation: https://evil.example",
    "/managerevil", "/manager@evil.example", "javascript:alert(1)", " /manager", "/manager\t/x",
    "/en/../manager", "/movie/1", "http:/manager", "/manager?x=//evil\\", "/%6danager", "",
    "/manager/movies?q=é", "/manager#@evil", "/manager/" + "x" * 2000,
)  # fmt: skip


def test_unsafe_return_urls_are_ignored(site: TestApp) -> None:
    for return_url in UNSAFE_URLS:
        assert safe_return_url(return_url) is None, return_url
        browser = TestApp(site.app)
        form = browser.get("/manager/sign-in", {"return_url": return_url}).form
        assert form["return_url"].value == "", return_url
        form["name"], form["password"], form["return_url"] = (
            NAMES[Role.EDITOR],
            PASSWORD,
            return_url,
        )
        assert form.submit(status=303).location == "/manager", return_url
        assert browser.get("/manager/sign-in", {"return_url": return_url}).location.endswith(
            "/manager"
        ), return_url
    for path in ("//evil.example/manager/", "//evil.example/en", "/jump?date=2026-08-20//evil"):
        location = browser.get(path, status="*").headers.get("Location", "")
        assert location.startswith(("http://localhost/", "/manager")) or not location, path


def test_redirects_ignore_the_host_header(site: TestApp, admin: TestApp) -> None:
    """On sign-in, from a form and on sign-out: `Location` is a path."""
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert site.get("/manager", headers=hostile, status=303).location.startswith("/manager/sign-in")
    form = {"csrf_token": csrf_of(admin), "locale": "en"}
    hostile["Cookie"] = "; ".join(f"{each.name}={each.value}" for each in admin.cookiejar)
    for path, fields in (
        ("/manager/movies/new", {"title": "Új film", "original_title": "Új film"}),
        ("/manager/sign-out", {}),
    ):
        answer = TestApp(site.app).post(path, form | fields, headers=hostile, status=303)
        assert answer.headers["Location"].startswith("/manager/"), path
        assert "evil.example" not in str(answer.headers) + answer.text


@pytest.mark.parametrize(
    "return_url", ["/manager", "/en/manager/movies?q=a%20b&after=c~2026~1", "/manager/movies/42"]
)
def test_paths_of_the_manager_are_safe(return_url: str) -> None:
    assert safe_return_url(return_url) == return_url


def test_unknown_fields_are_ignored(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    before = movie_of(site, movie_id)
    form = movie_form(editor, movie_id)
    fields = [*form.submit_fields(), ("do", "save")]
    fields += [
        ("published", ""), ("id", "999"), ("slug", "x"), ("search_text", "x"), ("version", "1"),
        ("created_at", "2000-01-01"), ("distributor_id", "1"), ("provenance", "csv"),
        ("role", "admin"),
        ("directors-0-imdb_id", "nm1"), ("premieres-0-movie_id", "1"), ("cast-²-name", "x"),
        ("cast-99999999999-name", ""), ("user_id", "2"), ("__class__", "x"), ("_fields", "x"),
    ]  # fmt: skip
    editor.post(f"/manager/movies/{movie_id}", fields, status=303)
    after = movie_of(site, movie_id)
    assert (after.id, after.slug, after.published) == (movie_id, before.slug, True)
    assert (after.created_at, after.search_text) == (before.created_at, before.search_text)
    with services_of(site.app.registry).database.read() as session:
        roles = session.execute(select(User.name, User.role)).all()
    assert {(name, role) for name, role in roles} == {(NAMES[role], role) for role in Role}


def test_rows_of_another_movie_are_not_changed(site: TestApp, editor: TestApp) -> None:
    mine, other = make_movie(site, "Az enyém"), make_movie(site, "A másé")
    theirs = movie_of(site, other)
    form = movie_form(editor, mine)
    for name, row in (
        ("premieres-0-id", theirs.premieres[0]),
        ("trailers-0-id", theirs.trailers[0]),
    ):
        form[name].force_value(str(row.id))
    form["premieres-0-note"] = "betörtem"
    with services_of(site.app.registry).database.write() as session:
        session.add(Person(id=9000, name="Titkos Ember"))
    form["cast-0-person_id"].force_value("9000")
    press(form, status=303)
    untouched = movie_of(site, other)
    assert (untouched.premieres[0].id, untouched.premieres[0].note) == (theirs.premieres[0].id, "")
    assert untouched.premieres[0].movie_id == other
    assert [each.person_id for each in untouched.credits] == [
        each.person_id for each in theirs.credits
    ]
    assert 9000 not in [each.person_id for each in movie_of(site, mine).credits]


def test_malformed_ids_are_not_found(editor: TestApp) -> None:
    token = csrf_of(editor)
    for number in ("0", "-1", "1e3", "%D9%A3", "9" * 12, "2147483648", "x", "1.5"):
        editor.get(f"/manager/movies/{number}", status=404)
        for path in ("", "/effects", "/publish"):
            editor.post(f"/manager/movies/{number}{path}", {"csrf_token": token}, status=404)


def test_administrators_cannot_disable_themselves(site: TestApp, admin: TestApp) -> None:
    with services_of(site.app.registry).database.read() as session:
        own = session.scalars(select(User.id).where(User.name == NAMES[Role.ADMIN])).one()
        other = session.scalars(select(User.id).where(User.name == NAMES[Role.EDITOR])).one()
    confirm(admin)
    token = csrf_of(admin)
    for number, do in ((own, "disable"), (other, "promote"), (other, "")):
        admin.post(f"/manager/users/{number}", {"csrf_token": token, "do": do}, status=400)
    admin.post("/manager/users/4711", {"csrf_token": token, "do": "disable"}, status=404)
    admin.post(f"/manager/users/{other}", {"csrf_token": token, "do": "disable"}, status=303)
    assert "letiltva" in admin.get("/manager/users").text
    assert admin.get("/manager").status_int == 200


def test_file_in_a_text_field_is_ignored(site: TestApp, editor: TestApp) -> None:
    path = f"/manager/movies/{make_movie(site)}"
    fields = [("csrf_token", csrf_of(editor)), ("do", "preview")]
    for name in ("<script>alert(1)</script>.jpg", "../../etc/passwd", "a\0b"):
        page = editor.post(path, fields, upload_files=[("title", name, b"x")], status=400)
        harmless(page)
        assert "Ezt ki kell tölteni." in page.text


FORMS_OF_USERS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("/manager/sign-in", {"name": "gazda"}, "password"),
    ("/manager/sign-in", {"password": "x"}, "name"),
    ("/manager/sign-in/code", {"code": "1"}, "step"),
    ("/manager/sign-in/passkey", {}, "credential"),
    ("/manager/set-password", {"new_password": "x"}, "link"),
    ("/manager/set-password", {"link": "x"}, "new_password"),
    ("/manager/account", {"new_password": "x"}, "current_password"),
    ("/manager/account/confirm", {}, "password"),
    ("/manager/account/second-factors", {"do": "passkey-add"}, "credential"),
    ("/manager/users", {"role": "editor"}, "name"),
    ("/manager/users", {"name": "anna"}, "role"),
)
"""A path, the fields of its form, and another field, which is sent as a file."""


def test_file_in_any_form_of_users_is_ignored(admin: TestApp) -> None:
    assert confirm(admin).status_int == 303
    token = csrf_of(admin)
    for path, fields, file in FORMS_OF_USERS:
        sent = {"csrf_token": token, **fields}
        answer = admin.post(path, sent, upload_files=[(file, "a.txt", b"x")], status="*")
        assert answer.status_int in (200, 400, 403, 404), path


def test_body_is_limited_before_it_is_parsed(site: TestApp, editor: TestApp) -> None:
    """Large bodies and many parts are slow to parse and take a hundred times their size."""
    form, files = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    many, large = b"a&" * MAX_FIELDS, b"a=" + b"b" * MAX_FORM
    anonymous = TestApp(site.app)
    for browser, path, kind, body, code in (
        (anonymous, "/manager/sign-in", form, many, 413),
        (anonymous, "/manager/sign-in", form, large, 413),
        (anonymous, "/manager/movies/1", form, large, 413),
        (anonymous, "/manager/sign-in", files, part * 9999, 400),  # not parsed: no token
        (anonymous, "/manager/movies/1/posters", files, part * 9999, 403),  # sign-in page
        (anonymous, "/manager/sign-in", "multipart/form-data", part, 400),
        (anonymous, "/manager/sign-in", f"{form}; charset=odd", b"a=b", 400),
        (anonymous, "/manager/sign-in", "application/json", b"[" * 9999, 400),
        (anonymous, "/manager/nothing", form, many, 413),
        (editor, "/manager/movies/1", form, many, 413),
        (editor, "/manager/imports", files, part * 9999, 413),
        (editor, "/manager/imports", "multipart/form-data", part, 400),
        (editor, "/manager/imports", "multipart/form-data; boundary=\xff", part, 400),
        (editor, "/manager/imports", files, b"--x\r\nA\r\n" * 9, 400),
    ):
        headers = {"Content-Type": kind}
        answer = browser.post(path, body, headers, status="*")
        assert answer.status_int == code, (path, kind, body[:20])
