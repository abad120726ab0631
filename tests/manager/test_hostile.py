"""What somebody with bad intentions sends, from outside and from inside."""

from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.forms import trimmed
from moziweb.manager.models import Role, User
from moziweb.manager.ways import safe_way
from moziweb.movies.models import Movie, Person

from .conftest import NAMES, PASSWORD, csrf_of
from .films import film_form, film_of, make_film, press

# What has got through elsewhere: each would run where one kind of escaping is forgotten.
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
)
TEXTS = (
    "title", "original_title", "synopsis", "synopsis_en", "distributor", "directors-0-name",
    "cast-0-name", "cast-0-character", "premieres-0-note", "trailers-0-name",
)  # fmt: skip


class Tags(HTMLParser):
    """What a browser would make of a page: elements, attributes that run, addresses that do."""

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
    """Nothing runs but our own files and the data of JSON-LD."""
    seen = Tags()
    seen.feed(page.text)
    assert seen.bad == []
    for script in seen.scripts:
        ours = (script.get("src") or "").startswith("/static/")
        assert ours or script.get("type") == "application/ld+json", script
    assert "50337" not in page.text  # what a template makes of 7191*7


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_stored_never_runs(site: TestApp, editor: TestApp, payload: str) -> None:
    film_id = make_film(site)
    form = film_form(editor, film_id)
    for field in TEXTS:
        form[field] = payload
    form["premieres-0-date"], form["premieres-0-reason"] = "2026-09-03", payload
    form["runtime"], form["countries"] = payload, payload
    harmless(press(form, status=400))  # reflected
    form["runtime"], form["countries"] = "90", "HU"
    harmless(press(form, "preview", status=200))
    harmless(press(form, status=303).follow())
    film = film_of(site, film_id)
    for path in ("/manager", "/manager/films", "/manager/audit", f"/manager/films/{film_id}"):
        harmless(editor.get(path))
    for path in (f"/movie/{film_id}-{film.slug}", "/week/2026-W36", "/", "/genre/drama"):
        harmless(editor.get(path))
    assert film.synopsis == trimmed(payload)  # as it was typed, but for what has no glyph


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_reflected_never_runs(editor: TestApp, stranger: TestApp, payload: str) -> None:
    for name in ("q", "show", "sort", "after", "before", "done", "way", "saved", "draft", "copy"):
        for path in ("/manager/films", "/manager", "/manager/audit", "/manager/films/new"):
            harmless(editor.get(path, {name: payload}, status="*"))
        harmless(stranger.get("/manager/sign-in", {name: payload}, status="*"))
    form = stranger.get("/manager/sign-in").form
    form["name"], form["password"] = payload, payload
    form["way"], form["draft"] = payload, payload
    harmless(form.submit(status="*"))
    harmless(stranger.post("/manager/films/1", {"title": payload, "synopsis": payload}, status=403))


@pytest.mark.parametrize(
    "probe",
    [
        "'",
        '"',
        "' OR '1'='1",
        "1; DROP TABLE movie; --",
        "%' OR 1=1 --",
        "\\",
        "%",
        "_",
        "é'",
        "0x1",
    ],
)
def test_sql_is_only_text(site: TestApp, editor: TestApp, probe: str) -> None:
    make_film(site)
    everything = editor.get("/manager/films").text.count("<tr>")
    found = editor.get("/manager/films", {"q": probe}, status=200)
    assert found.text.count("<tr>") in (0, everything)  # punctuation alone searches for nothing
    for sort in ("changed", "date", "title"):
        for cursor in (probe, f"t~{probe}~1", f"c~{probe}~1", f"d~{probe}~1", f"u~{probe}~{probe}"):
            editor.get("/manager/films", {"sort": sort, "after": cursor}, status=200)
            editor.get("/manager/films", {"sort": sort, "before": cursor}, status=200)
    editor.get("/manager/audit", {"before": probe}, status=200)
    with site.app.registry["database"].read() as session:
        assert session.scalar(select(func.count(Movie.id))) == 1


@pytest.mark.parametrize(
    "way",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example",
        "/manager//evil.example", "/manager/../../evil", "/manager\r\nLocation: https://evil.example",
        "/managerevil", "/manager@evil.example", "javascript:alert(1)", " /manager", "/manager\t/x",
        "/en/../manager", "/movie/1", "http:/manager", "/manager?x=//evil\\", "/%6danager", "",
        "/manager/films?q=é", "/manager#@evil", "/manager/" + "x" * 2000,
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere(stranger: TestApp, way: str) -> None:
    assert safe_way(way) is None
    form = stranger.get("/manager/sign-in").form
    form["name"], form["password"], form["way"] = NAMES[Role.EDITOR], PASSWORD, way
    assert form.submit(status=303).location == "http://localhost/manager"


@pytest.mark.parametrize(
    "way", ["/manager", "/en/manager/films?q=a%20b&after=c~2026~1", "/manager/films/42"]
)
def test_ways_of_ours_are_gone(way: str) -> None:
    assert safe_way(way) == way


def test_nothing_is_assigned_but_what_the_form_has(site: TestApp, editor: TestApp) -> None:
    film_id = make_film(site)
    before = film_of(site, film_id)
    form = film_form(editor, film_id)
    fields = [*form.submit_fields(), ("do", "save")]
    fields += [
        ("published", ""), ("id", "999"), ("slug", "x"), ("search_text", "x"), ("version", "1"),
        ("created_at", "2000-01-01"), ("distributor_id", "1"), ("provenance", "csv"),
        ("role", "admin"),
        ("directors-0-imdb_id", "nm1"), ("premieres-0-movie_id", "1"), ("cast-²-name", "x"),
        ("cast-99999999999-name", ""), ("user_id", "2"), ("__class__", "x"), ("_fields", "x"),
    ]  # fmt: skip
    editor.post(f"/manager/films/{film_id}", fields, status=303)
    after = film_of(site, film_id)
    assert (after.id, after.slug, after.published) == (film_id, before.slug, True)
    assert (after.created_at, after.search_text) == (before.created_at, before.search_text)
    with site.app.registry["database"].read() as session:
        roles = session.execute(select(User.name, User.role)).all()
    assert {(name, role) for name, role in roles} == {(NAMES[role], role) for role in Role}


def test_rows_of_another_film_are_out_of_reach(site: TestApp, editor: TestApp) -> None:
    mine, other = make_film(site, "Az enyém"), make_film(site, "A másé")
    theirs = film_of(site, other)
    form = film_form(editor, mine)
    for name, row in (
        ("premieres-0-id", theirs.premieres[0]),
        ("trailers-0-id", theirs.trailers[0]),
    ):
        form[name].force_value(str(row.id))
    form["premieres-0-note"] = "betörtem"
    with site.app.registry["database"].write() as session:
        session.add(Person(id=9000, name="Titkos Ember"))
    form["cast-0-person_id"].force_value("9000")
    press(form, status=303)
    untouched = film_of(site, other)
    assert (untouched.premieres[0].id, untouched.premieres[0].note) == (theirs.premieres[0].id, "")
    assert untouched.premieres[0].movie_id == other
    assert [each.person_id for each in untouched.credits] == [
        each.person_id for each in theirs.credits
    ]
    assert 9000 not in [each.person_id for each in film_of(site, mine).credits]


@pytest.mark.parametrize("number", ["0", "-1", "1e3", "%D9%A3", "9" * 12, "2147483648", "x", "1.5"])
def test_ids_that_are_none_are_not_found(editor: TestApp, number: str) -> None:
    token = csrf_of(editor)
    editor.get(f"/manager/films/{number}", status=404)
    for path in ("", "/effects", "/publish"):
        editor.post(f"/manager/films/{number}{path}", {"csrf_token": token}, status=404)


def test_an_administrator_does_not_lock_themselves_out(site: TestApp, admin: TestApp) -> None:
    with site.app.registry["database"].read() as session:
        own = session.scalars(select(User.id).where(User.name == NAMES[Role.ADMIN])).one()
        other = session.scalars(select(User.id).where(User.name == NAMES[Role.EDITOR])).one()
    token = csrf_of(admin)
    for number, do in ((own, "disable"), (other, "promote"), (other, "")):
        admin.post(f"/manager/users/{number}", {"csrf_token": token, "do": do}, status=400)
    admin.post("/manager/users/4711", {"csrf_token": token, "do": "disable"}, status=404)
    admin.post(f"/manager/users/{other}", {"csrf_token": token, "do": "disable"}, status=303)
    assert "letiltva" in admin.get("/manager/users").text
    assert admin.get("/manager").status_int == 200


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.jpg", "../../etc/passwd", "a\0b"])
def test_a_file_where_none_is_wanted_is_left_out(site: TestApp, editor: TestApp, name: str) -> None:
    film_id = make_film(site)
    fields = [("csrf_token", csrf_of(editor)), ("do", "preview")]
    page = editor.post(
        f"/manager/films/{film_id}", fields, upload_files=[("title", name, b"x")], status=400
    )
    harmless(page)
    assert "Ezt ki kell tölteni." in page.text
