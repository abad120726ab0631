"""The pages of people, genres, distributors and services: lists, edits, merges, suggestions."""

from typing import Any

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import Role
from moziweb.manager.bin.queries import ROWS_PER_PAGE
from moziweb.manager.names.kinds import NAME_MODELS, NamedKind
from moziweb.manager.names.queries import suggestions
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    Person,
    StreamingService,
)
from moziweb.movies.slugs import slug_of
from moziweb.services import services_of
from tests import factories
from tests.conftest import counted_queries
from tests.db.rivals import held
from tests.manager.conftest import BOTH, csrf_of, signed_in
from tests.manager.movie_forms import last_entry, make_movie, movie_form, press
from tests.manager.movies.test_affected_pages import leave_archive_out, promised_paths, shown_pages
from tests.manager.views.test_bin import do, one_id
from tests.site.cached import Movies, cache_misses, every_page, pages


def name_path(kind: NamedKind, row_id: int) -> str:
    return f"/manager/names/{kind}/{row_id}"


def merging_path(kind: NamedKind, merged: int, kept: int) -> str:
    return f"{name_path(kind, merged)}/merge/{kept}"


def name_form(page: Any) -> Any:
    return next(form for form in page.forms.values() if "digests" in form.fields)


def add_rows(site: TestApp, *rows: Any) -> list[int]:
    with services_of(site.app.registry).database.write() as session:
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def value(site: TestApp, model: Any, row_id: int, column: str) -> Any:
    with services_of(site.app.registry).database.read() as session:
        return getattr(session.get_one(model, row_id), column)


def count(site: TestApp, model: Any) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_names_are_listed_in_pages(site: TestApp, editor: TestApp) -> None:
    add_rows(site, *(Person(name=f"Név {n:03}") for n in range(ROWS_PER_PAGE + 1)))
    first = editor.get("/manager/names")
    assert "Név 049" in first.text
    assert "Név 050" not in first.text
    second = first.click("Következő oldal")
    assert "Név 050" in second.text
    assert "Név 049" not in second.text
    assert "Név 049" in second.click("Első oldal").text
    assert "Nincs ilyen név" in editor.get("/manager/names", {"q": "senki"}).text
    with counted_queries(services_of(site.app.registry).database.engine) as statements:
        editor.get("/manager/names")
    assert len(statements) <= 5


SLUGGED = (NamedKind.GENRE, NamedKind.SERVICE)

HUNGARIAN: tuple[str, ...] = (
    "Ábel Anna", "Abigél Bea", "Cukor Pál", "Csiszár Ede", "Öcsi", "Zala Ida", "Zsiga",
)  # fmt: skip
"""Names in Hungarian order; by code points, Á and Ö come last, and Cs before Cu."""


@BOTH
def test_names_are_in_hungarian_order(site: TestApp, editor: TestApp) -> None:
    """Also beyond a page, and in suggestions."""
    filling = [f"{HUNGARIAN[2]} {number:02}" for number in range(ROWS_PER_PAGE)]
    for name_kind in NamedKind:
        rows = []
        for name in reversed([*HUNGARIAN, *filling]):
            slug = {"slug": slug_of(name)} if name_kind in SLUGGED else {}
            english = {"name_en": name} if name_kind is NamedKind.GENRE else {}
            rows.append(NAME_MODELS[name_kind](name=name, **slug, **english))
        add_rows(site, *rows)
        first = editor.get("/manager/names", {"kind": name_kind})
        pages = [first, first.click("Következő oldal")]
        shown = [row.text for page in pages for row in page.html.select("tbody th a")]
        assert shown == [*HUNGARIAN[:3], *filling, *HUNGARIAN[3:]], name_kind


@pytest.mark.parametrize("text", ["nm0000206", "https://www.imdb.com/name/nm0000206/"])
def test_person_is_found_by_an_id(site: TestApp, editor: TestApp, text: str) -> None:
    add_rows(site, Person(name="Keanu Reeves", imdb_id="nm0000206"), Person(name="Más"))
    page = editor.get("/manager/names", {"kind": "person", "q": text})
    assert [row.text for row in page.html.select("tbody th a")] == ["Keanu Reeves"]


def test_suggestions_are_in_hungarian_order(site: TestApp, editor: TestApp) -> None:
    with services_of(site.app.registry).database.write() as session:
        session.add_all(Person(name=f"Kis {name}") for name in reversed(HUNGARIAN))
        session.add_all(Genre(name=f"Kis {n}", name_en=n, slug=n) for n in ("zab", "cse", "cud"))
    with services_of(site.app.registry).database.read() as session:
        people = suggestions(session, NamedKind.PERSON, "kis")
        genres = suggestions(session, NamedKind.GENRE, "kis")
    assert [each.name for each in people] == [f"Kis {name}" for name in HUNGARIAN]
    assert [each.name for each in genres] == ["Kis cud", "Kis cse", "Kis zab"]


@pytest.mark.parametrize("kind", NamedKind)
def test_every_kind_is_searched_without_accents(
    site: TestApp, editor: TestApp, kind: NamedKind
) -> None:
    make_movie(site)
    model = NAME_MODELS[kind]
    if kind is NamedKind.SERVICE:
        add_rows(site, StreamingService(name="Árvíztűrő", slug="arvizturo"))
    with services_of(site.app.registry).database.read() as session:
        row_id, name = session.execute(select(model.id, model.name).limit(1)).one()
    query = name.lower().replace("á", "a").replace("ű", "u").replace("í", "i").replace("ő", "o")
    found = editor.get("/manager/names", {"kind": kind, "q": query})
    assert name_path(kind, row_id) in found.text
    assert name in found.click(name, index=0).text


FIELDS: dict[NamedKind, dict[str, str]] = {
    NamedKind.PERSON: {"name": "Új Név", "imdb_id": "nm0000206", "tmdb_id": "42"},
    NamedKind.GENRE: {"name": "Új", "name_en": "New", "slug": "uj-mufaj"},
    NamedKind.DISTRIBUTOR: {"name": "Új Kft.", "website": "https://uj.example/"},
    NamedKind.SERVICE: {
        "name": "Új szolgáltató",
        "slug": "uj-szolgaltato",
        "website": "https://uj.example/",
    },
}


def add_row(site: TestApp, kind: NamedKind, name: str = "Régi") -> int:
    values = {
        NamedKind.GENRE: {"name_en": "Old", "slug": "regi"}, NamedKind.SERVICE: {"slug": "regi"},
    }  # fmt: skip
    (row_id,) = add_rows(site, NAME_MODELS[kind](name=name, **values.get(kind, {})))
    return row_id


@BOTH
def test_every_field_is_saved_audited_and_taken_back(site: TestApp, editor: TestApp) -> None:
    for kind, texts in FIELDS.items():
        row_id, model = add_row(site, kind), NAME_MODELS[kind]
        before = {name: value(site, model, row_id, name) for name in texts}
        form = name_form(editor.get(name_path(kind, row_id)))
        for field, text in texts.items():
            form[field] = text
        saved = press(form, status=303).follow()
        assert "Mentve." in saved.text
        entry = last_entry(site)
        assert (entry.action, entry.subject_id, entry.user_name) == (
            f"{kind}.edit", row_id, "szerkesztő",
        )  # fmt: skip
        assert {each["field"]: each["after"] for each in entry.changes} == texts
        asked = editor.get(f"/manager/audit/{entry.id}/undo")
        form = next(each for each in asked.forms.values() if each.action.endswith("/undo"))
        form.submit("do", status=303)
        assert {name: value(site, model, row_id, name) for name in texts} == before, kind
        assert last_entry(site).action == f"{kind}.undo"


REFUSED: tuple[tuple[NamedKind, str, str, str], ...] = (
    (NamedKind.PERSON, "name", "", "Ezt ki kell tölteni."),
    (NamedKind.PERSON, "imdb_id", "tt0133093", "nm0000206"),
    (NamedKind.PERSON, "tmdb_id", "x", "Egész szám"),
    (NamedKind.GENRE, "name_en", "", "Ezt ki kell tölteni."),
    (NamedKind.GENRE, "slug", "Nagy Betű", "kisbetű"),
    (NamedKind.SERVICE, "slug", "foglalt", "“Másik”"),
    (NamedKind.DISTRIBUTOR, "website", "javascript:alert(1)", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://[a.example/", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://a b.example/", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://user@a.example/", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://kezdolap/", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://a.example:x/", "https://"),
    (NamedKind.DISTRIBUTOR, "website", "https://a.example:22/", "port"),
    (NamedKind.SERVICE, "website", "https://[a.example/", "https://"),
    (NamedKind.SERVICE, "website", "https://a.example:6667/", "port"),
    (NamedKind.DISTRIBUTOR, "name", "Másik", "“Másik”"),
)
"""A kind, one of its fields, a text, and a part of the error."""


def test_wrong_and_taken_values_are_refused_at_their_field(site: TestApp, editor: TestApp) -> None:
    add_rows(site, StreamingService(name="Másik", slug="foglalt"), Distributor(name="Másik"))
    rows = {kind: add_row(site, kind) for kind in NamedKind}
    for kind, field, text, error in REFUSED:
        form = name_form(editor.get(name_path(kind, rows[kind])))
        form[field] = text
        refused = press(form, status=400)
        shown = refused.html.select_one(f"#{field}-errors").text
        assert error.strip("“”") in shown, text
        assert refused.html.select_one("#error-summary a")["href"] == f"#{field}"
        assert name_form(refused)[field].value == text
        if error == "“Másik”":
            assert "/merge/" in refused.html.select_one("#error-summary li:last-child a")["href"]
    assert last_entry(site).action == "user.sign_in"


def test_website_is_kept_as_it_was_typed(site: TestApp, editor: TestApp) -> None:
    row_id = add_row(site, NamedKind.DISTRIBUTOR)
    for website in (
        "https://mozgóképmúzeum.example/", "http://a.example:80/x?y=1#z", "HTTPS://A.example",
    ):  # fmt: skip
        form = name_form(editor.get(name_path(NamedKind.DISTRIBUTOR, row_id)))
        form["website"] = website
        press(form, status=303)
        assert value(site, Distributor, row_id, "website") == website


def test_two_editors_lose_nothing(site: TestApp, editor: TestApp, admin: TestApp) -> None:
    row_id = add_row(site, NamedKind.GENRE)
    path = name_path(NamedKind.GENRE, row_id)
    first, second = name_form(editor.get(path)), name_form(admin.get(path))
    first["name"], first["name_en"] = "Első", "First"
    press(first, status=303)
    second["name"], second["slug"] = "Második", "masodik"
    conflict = press(second, status=409)
    assert value(site, NAME_MODELS[NamedKind.GENRE], row_id, "name") == "Első"
    text = conflict.html.select_one(".problem").get_text(" ", strip=True)
    assert all(each in text for each in ("Első", "Második", "szerkesztő"))
    form = name_form(conflict)
    # What only the other one has changed is taken over, what both have changed is what I typed.
    assert [form[name].value for name in ("name", "name_en", "slug")] == [
        "Második", "First", "masodik",
    ]  # fmt: skip
    press(form, status=303)
    entry = last_entry(site)
    assert {each["field"] for each in entry.changes} == {"name", "slug"}
    assert value(site, NAME_MODELS[NamedKind.GENRE], row_id, "name_en") == "First"


@BOTH
def test_a_form_that_is_sent_twice_is_saved_once(site: TestApp, editor: TestApp) -> None:
    row_id = add_row(site, NamedKind.PERSON)
    form = name_form(editor.get(name_path(NamedKind.PERSON, row_id)))
    form["name"] = "Egyszer"
    first, second = press(form, status=303), press(form, status=303)
    assert first.location == second.location
    with services_of(site.app.registry).database.read() as session:
        edits = select(func.count()).where(AuditEntry.action == "person.edit")
        assert session.scalar(edits) == 1
    # Without a change nothing is written.
    press(name_form(editor.get(name_path(NamedKind.PERSON, row_id))), status=303)
    assert last_entry(site).action == "person.edit"


def test_renaming_refreshes_exactly_the_pages_that_were_shown(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    genre = one_id(cached, NAME_MODELS[NamedKind.GENRE], slug="vigjatek")
    for kind, row_id, expected in (
        (NamedKind.PERSON, movies.person, {"movie", "api_movie"}),
        (NamedKind.DISTRIBUTOR, movies.distributor, {"movie", "api_movie"}),
        (NamedKind.GENRE, genre, {"index", "english", "week", "ahead", "month", "movie", "other"}),
    ):
        warm_every_page(cached, movies)
        form = name_form(editor.get(name_path(kind, row_id)))
        form["name"] = f"Új {kind}"
        preview = press(form, "preview", status=200)
        promised = shown_pages(preview, movies)
        assert promised >= expected, kind
        assert cache_misses(cached, movies) == set()
        stale = promised_paths(preview)
        done = press(name_form(preview), status=303).follow()
        assert promised_paths(done) == stale
        # The inventory of the site's addresses has no empty weeks.
        assert cache_misses(cached, movies) - {"empty"} == promised, kind
        every = set(every_page(movies).values())
        assert {f"/{kind}/"} <= {path[: len(kind) + 2] for path in stale & every}, kind


def warm_every_page(cached: TestApp, movies: Movies) -> None:
    for _ in range(2):
        for path in every_page(movies).values():
            cached.get(path, status="*")


@BOTH
def test_merging_moves_the_roles_and_redirects_the_former_address(
    site: TestApp, editor: TestApp
) -> None:
    first, second = make_movie(site), make_movie(site, "Második")
    (twin,) = add_rows(site, Person(name="nagy pál"))
    with services_of(site.app.registry).database.write() as session:
        role = {"role": CreditRole.CAST, "position": 9, "character": "Szomszéd"}
        session.add(Credit(movie_id=second, person_id=twin, **role))
    kept = one_id(site, Person, name="Nagy Pál")
    chosen = editor.get(f"{name_path(NamedKind.PERSON, twin)}/merge")
    asked = chosen.click("Nagy Pál", href=f"/merge/{kept}$")
    assert "Második" in asked.text
    done = name_form(asked).submit("do", status=303).follow()
    assert "nagy pál" in done.html.select_one(".notice").text
    assert value(site, Person, kept, "name") == "Nagy Pál"
    assert movie_cast(site, second) == [("Nagy Pál", "Pincér / Szomszéd"), ("Tóth Anna", "Vendég")]
    assert movie_cast(site, first)[0] == ("Nagy Pál", "Pincér")
    for prefix in ("", "/en"):
        for former in (f"/person/{twin}-nagy-pal", f"/person/{twin}"):
            moved = editor.get(f"{prefix}{former}", status=301)
            assert moved.location.endswith(f"{prefix}/person/{kept}-nagy-pal")
    calendar = editor.get(f"/person/{twin}-nagy-pal.ics", status=301)
    assert calendar.location.endswith(f"/person/{kept}-nagy-pal.ics")


def movie_cast(site: TestApp, movie_id: int) -> list[tuple[str, str]]:
    with services_of(site.app.registry).database.read() as session:
        cast = Credit.movie_id == movie_id, Credit.role == CreditRole.CAST
        query = select(Person.name, Credit.character).join(Person, Person.id == Credit.person_id)
        rows = session.execute(query.where(*cast).order_by(Credit.position))
        return [(row.name, row.character) for row in rows]


def test_an_address_that_was_never_public_leads_nowhere(site: TestApp, editor: TestApp) -> None:
    """Neither of the two has a published movie."""
    merged, kept = add_rows(site, Person(name="Egy"), Person(name="Kettő"))
    do(editor, merging_path(NamedKind.PERSON, merged, kept), digests=digests(editor, merged, kept))
    assert value(site, Person, kept, "name") == "Kettő"
    editor.get(f"/person/{merged}-egy", status=404)


def digests(editor: TestApp, merged: int, kept: int, kind: NamedKind = NamedKind.PERSON) -> str:
    found: str = name_form(editor.get(merging_path(kind, merged, kept)))["digests"].value
    return found


def test_former_slugs_redirect_pages_and_calendars(site: TestApp, editor: TestApp) -> None:
    make_movie(site)
    genre = one_id(site, NAME_MODELS[NamedKind.GENRE], slug="vigjatek")
    form = name_form(editor.get(name_path(NamedKind.GENRE, genre)))
    form["slug"] = "komedia"
    press(form, status=303)
    assert editor.get("/genre/vigjatek", status=301).location.endswith("/genre/komedia")
    for path in ("/premieres.ics", "/premieres.atom", "/calendar", "/"):
        moved = editor.get(path, {"genre": "vigjatek"}, status=301)
        assert moved.location.endswith(f"{path}?genre=komedia"), path
        editor.get(path, {"genre": "komedia"}, status=200)
    # A genre that has the slug now comes first.
    add_rows(site, NAME_MODELS[NamedKind.GENRE](slug="vigjatek", name="Új", name_en="New"))
    assert "<h1>Új</h1>" in editor.get("/genre/vigjatek", status=200).text


@BOTH
def test_a_merge_that_is_sent_twice_is_done_once(site: TestApp, editor: TestApp) -> None:
    merged, kept = add_rows(site, Distributor(name="Egy Kft."), Distributor(name="Kettő Kft."))
    path = merging_path(NamedKind.DISTRIBUTOR, merged, kept)
    form = name_form(editor.get(path))
    first, second = form.submit("do", status=303), form.submit("do", status=303)
    assert first.location == second.location
    # Another form of the same page leads to the kept row, too.
    late = do(editor, path, do="merge", digests=form["digests"].value)
    assert (late.status_int, late.location) == (303, name_path(NamedKind.DISTRIBUTOR, kept))
    with services_of(site.app.registry).database.read() as session:
        merges = select(func.count()).where(AuditEntry.action == "distributor.merge")
        assert session.scalar(merges) == 1


def test_a_row_that_was_changed_is_not_merged_unseen(
    site: TestApp, editor: TestApp, admin: TestApp
) -> None:
    merged, kept = add_rows(site, Person(name="Egy"), Person(name="Kettő"))
    form = name_form(editor.get(merging_path(NamedKind.PERSON, merged, kept)))
    other = name_form(admin.get(name_path(NamedKind.PERSON, merged)))
    other["name"] = "Mégis más"
    press(other, status=303)
    shown = form.submit("do", status=409)
    assert "Mégis más" in shown.text
    assert count(site, Person) == 2
    name_form(shown).submit("do", status=303)
    assert count(site, Person) == 1


@BOTH
def test_films_that_were_added_since_are_not_merged_unseen(site: TestApp, editor: TestApp) -> None:
    """The names are as they were; what the merge does is not."""
    movie = make_movie(site)
    merged, kept = add_rows(site, Person(name="Egy"), Person(name="Kettő"))
    form = name_form(editor.get(merging_path(NamedKind.PERSON, merged, kept)))
    with services_of(site.app.registry).database.write() as session:
        role = {"role": CreditRole.CAST, "position": 9}
        session.add(Credit(movie_id=movie, person_id=merged, **role))
    shown = form.submit("do", status=409)
    assert count(site, Person) == 5
    (row,) = [each for each in shown.html.select("th") if "Filmek" in each.text]
    assert "megváltozott" in row.text
    assert "Az ígéret földje" in shown.text
    names = shown.html.find("th", string="Név")
    assert names is not None  # unmarked
    name_form(shown).submit("do", status=303)
    assert count(site, Person) == 4
    assert movie_cast(site, movie)[-1] == ("Kettő", "")


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_what_changes_while_a_merge_waits_is_not_merged_unseen(
    site: TestApp, editor: TestApp
) -> None:
    merged, kept = add_rows(site, Person(name="Egy"), Person(name="Kettő"))
    form = name_form(editor.get(merging_path(NamedKind.PERSON, merged, kept)))
    with held(services_of(site.app.registry).database) as (session, start):
        session.get_one(Person, merged).name = "Mégis más"
        session.flush()
        merging = start(lambda: form.submit("do", status="*"))
    shown = merging.result()
    assert shown.status_int == 409
    assert "Mégis más" in shown.text
    assert count(site, Person) == 2


def test_merging_refreshes_exactly_the_pages_that_were_shown(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    with services_of(cached.app.registry).database.write() as session:
        factories.add_genres(session, session.get_one(Movie, movies.undated), "Komédia/Comedies")
    genres = [one_id(cached, NAME_MODELS[NamedKind.GENRE], slug=s) for s in ("komedia", "vigjatek")]
    other_person = one_id(cached, Person, name="Színész Majd jön")
    pairs: list[tuple[NamedKind, int, int, set[str]]] = [
        (NamedKind.PERSON, movies.person, other_person, {"movie", "api_movie"}),
        (NamedKind.GENRE, genres[0], genres[1], {"genre", "undated"}),
    ]
    for kind, merged, kept, expected in pairs:
        warm_every_page(cached, movies)
        asked = editor.get(merging_path(kind, merged, kept))
        stale, promised = promised_paths(asked), shown_pages(asked, movies)
        assert promised >= expected
        assert cache_misses(cached, movies) == set()
        number = f"{len(stale)} oldalt"
        assert number in asked.html.select_one("#affected").text
        done = name_form(asked).submit("do", status=303).follow()
        assert promised_paths(done) == stale
        assert cache_misses(cached, movies) - {"empty"} == promised, kind
    assert pages(movies)["movie"] in {*last_entry_pages(cached, "person.merge")}
    person_page = every_page(movies)["person"]
    assert person_page in {*last_entry_pages(cached, "person.merge")}
    cached.get(person_page, status=301)


def last_entry_pages(site: TestApp, action: str) -> list[str]:
    with services_of(site.app.registry).database.read() as session:
        query = select(AuditEntry.pages).where(AuditEntry.action == action)
        found: list[str] = session.scalars(query.order_by(AuditEntry.id.desc()).limit(1)).one()
        return found


def test_pages_of_a_rename_that_is_taken_back_do_not_depend_on_a_scan(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    rows = {
        NamedKind.PERSON: movies.person,
        NamedKind.DISTRIBUTOR: movies.distributor,
        NamedKind.GENRE: one_id(cached, NAME_MODELS[NamedKind.GENRE], slug="vigjatek"),
        NamedKind.SERVICE: one_id(cached, StreamingService, name="Netflix"),
    }
    for kind, row_id in rows.items():
        form = name_form(editor.get(name_path(kind, row_id)))
        form["name"] = "Más név"
        press(form, status=303)
        warm_every_page(cached, movies)
        renamed = facet_path(cached, kind, row_id)
        for _ in range(2):
            cached.get(renamed, status=200)
        path = f"/manager/audit/{last_entry(cached).id}/undo"
        shown = promised_paths(editor.get(path))
        assert {renamed, pages(movies)["movie"]} <= shown | (
            {pages(movies)["movie"]} if kind is NamedKind.SERVICE else set()
        )
        with monkeypatch.context() as patch:
            leave_archive_out(patch)
            asked = editor.get(path)
            assert promised_paths(asked) == shown
            form = next(each for each in asked.forms.values() if each.action.endswith("/undo"))
            form.submit("do", status=303)
        assert set(last_entry(cached).pages) == shown


def facet_path(site: TestApp, kind: NamedKind, row_id: int) -> str:
    """The Hungarian page of a row."""
    slug = value(site, NAME_MODELS[kind], row_id, "slug") if kind in SLUGGED else ""
    return f"/{kind}/{slug or f'{row_id}-mas-nev'}"


@BOTH
def test_a_merge_is_taken_back_in_the_list_of_changes(site: TestApp, editor: TestApp) -> None:
    make_movie(site)
    kept = one_id(site, Distributor, name="Forgalmazó Kft.")
    (merged,) = add_rows(site, Distributor(name="Forgalmazó"))
    name_form(editor.get(merging_path(NamedKind.DISTRIBUTOR, kept, merged))).submit(
        "do", status=303
    )
    assert count(site, Distributor) == 1
    entry = editor.get(name_path(NamedKind.DISTRIBUTOR, merged)).click("Visszavonás…", index=0)
    form = next(each for each in entry.forms.values() if each.action.endswith("/undo"))
    form.submit("do", status=303)
    assert value(site, Distributor, kept, "name") == "Forgalmazó Kft."
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.distributor_id)).all() == [kept]


def test_suggestions_name_their_movies(site: TestApp, editor: TestApp) -> None:
    make_movie(site)
    (other,) = add_rows(site, Person(name="Nagy Pál"))
    asked = {"kind": "person", "q": "nagy p"}
    found = editor.get("/manager/names/suggestions", asked).json
    notes = {each["id"]: (each["text"], each["note"]) for each in found["items"]}
    kept = one_id(site, Credit, character="Pincér")
    person = value(site, Credit, kept, "person_id")
    assert notes[person] == ("Nagy Pál", "1 film · Az ígéret földje")
    assert notes[other] == ("Nagy Pál", "0 film")
    assert found["status"] == "2 javaslat"
    links = editor.get("/manager/names/suggestions", {**asked, "without": str(other)}).json["items"]
    assert [each["href"] for each in links] == [merging_path(NamedKind.PERSON, other, person)]
    nothing = editor.get("/manager/names/suggestions", {"kind": "genre", "q": "?"}).json
    assert nothing["items"] == []
    for kind, text in (("distributor", "forgalmazo"), ("genre", "vig")):
        answer = editor.get("/manager/names/suggestions", {"kind": kind, "q": text}).json
        assert len(answer["items"]) == 1
    editor.get("/manager/names/suggestions", {"kind": "film", "q": "a"}, status=404)


@BOTH
def test_a_chosen_person_of_two_with_one_name_is_credited(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    (other,) = add_rows(site, Person(name="Nagy Pál"))
    form = movie_form(editor, movie_id)
    form["cast-0-person_id"] = str(other)  # as the script does for a chosen suggestion
    press(form, status=303)
    credit = one_id(site, Credit, character="Pincér")
    assert value(site, Credit, credit, "person_id") == other
    # An id whose name is another one is ignored, as is one of no person.
    for number in (str(other), "99999"):
        form = movie_form(editor, movie_id)
        form["cast-1-person_id"] = number
        press(form, status=303)
        anna = value(site, Credit, one_id(site, Credit, character="Vendég"), "person_id")
        assert value(site, Person, anna, "name") == "Tóth Anna"


def test_a_renamed_service_stays_the_one_of_its_premieres(site: TestApp, editor: TestApp) -> None:
    """The form of a movie names services; their slugs do not follow the name."""
    movie_id = make_movie(site)
    (service,) = add_rows(site, StreamingService(name="HBO Max", slug="hbo-max"))
    form = movie_form(editor, movie_id)
    form["premieres-1-date"], form["premieres-1-kind"] = "2026-10-01", "streaming"
    form["premieres-1-service"] = "HBO Max"
    press(form, status=303)
    form = name_form(editor.get(name_path(NamedKind.SERVICE, service)))
    form["name"] = "Max"
    press(form, status=303)
    form = movie_form(editor, movie_id)
    form["premieres-1-note"] = "csak este"
    press(form, status=303)
    assert count(site, StreamingService) == 1


def test_unknown_kinds_and_rows_are_not_found(site: TestApp, editor: TestApp) -> None:
    (person,) = add_rows(site, Person(name="Egy"))
    for path in (
        "/manager/names/film/1",
        "/manager/names/person/x",
        "/manager/names/person/99999",
        "/manager/names/person/99999/merge",
        f"/manager/names/person/{person}/merge/99999",
        f"/manager/names/person/{person}/merge/{person}",
        f"/manager/names/person/{person}/merge/x",
    ):
        editor.get(path, status=404)
    token = {"csrf_token": csrf_of(editor)}
    editor.post(f"/manager/names/person/{person}", {**token, "do": "other"}, status=400)
    editor.post(f"/manager/names/person/99999/merge/{person}", token, status=404)
