"""Editing a movie: submitted values are saved, and nothing else changes."""

import re
import unicodedata
from datetime import date

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.bin.models import BinItem
from moziweb.movies.models import (
    DatePrecision,
    FieldProvenance,
    Genre,
    Movie,
    Person,
    Premiere,
)
from moziweb.services import services_of
from tests import factories
from tests.conftest import counted_queries
from tests.manager.conftest import BOTH, csrf_of, signed_in
from tests.manager.movie_forms import (
    last_entry,
    make_movie,
    movie_form,
    movie_form_in,
    movie_of,
    press,
)
from tests.site.cached import Movies


@pytest.fixture
def movie_id(site: TestApp) -> int:
    """A movie with a value for each field."""
    return make_movie(site)


@BOTH
def test_saving_without_a_change_changes_nothing(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    before, entry = movie_of(site, movie_id), last_entry(site)
    saved = press(movie_form(editor, movie_id), status=303)
    assert saved.location.endswith(f"/manager/movies/{movie_id}")
    after = movie_of(site, movie_id)
    assert (after.updated_at, after.version) == (before.updated_at, before.version)
    assert [each.id for each in after.credits] == [each.id for each in before.credits]
    assert [row.source for row in after.provenance] == ["tmdb"]
    assert last_entry(site).id == entry.id


def test_each_field_shows_where_its_value_comes_from(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    fields = {"runtime": "csv", "synopsis": "demo", "rating": "hand"}
    with services_of(site.app.registry).database.write() as session:
        for field, source in fields.items():
            row = FieldProvenance(movie_id=movie_id, field=field, source=source)
            session.add(row)
    page = editor.get(f"/en/manager/movies/{movie_id}").html
    shown = {
        field: page.select_one(f".field-head:has(label[for={field}]) .mark").get_text()
        for field in ("title", *fields)
    }
    assert shown == {"title": "TMDB", "runtime": "list", "synopsis": "demo", "rating": "by hand"}


def test_a_title_is_saved_signed_and_audited(site: TestApp, editor: TestApp, movie_id: int) -> None:
    form = movie_form(editor, movie_id)
    form["title"] = "  A  másik   cím "
    page = press(form, status=303).follow()
    assert "Mentve." in page.text
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.slug, movie.search_text) == (
        "A másik cím", "a-masik-cim", "a masik cim az igeret foldje",
    )  # fmt: skip
    assert {row.field: row.source for row in movie.provenance} == {"title": "hand"}
    entry = last_entry(site)
    assert (entry.action, entry.user_name) == ("film.edit", "szerkesztő")
    assert entry.changes == [
        {"field": "title", "before": "Az ígéret földje", "after": "A másik cím"}
    ]
    assert "A másik cím" in editor.get("/manager/audit").text


def test_decomposed_texts_are_saved_in_nfc(site: TestApp, editor: TestApp, movie_id: int) -> None:
    texts = {
        "title": "Új űrhajó",
        "original_title": "Élő",
        "synopsis": "Őszi.\n\nEső.",
        "distributor": "Fórum Hungary",
        "cast-0-name": "Törőcsik Mari",
        "cast-0-character": "Édua",
        "premieres-0-note": "díszelőadás",
        "trailers-0-name": "Előzetes 2",
    }
    form = movie_form(editor, movie_id)
    for name, text in texts.items():
        form[name] = unicodedata.normalize("NFD", text)
    press(form, status=303)
    saved = movie_form(editor, movie_id)
    assert {name: saved[name].value.replace("\r", "") for name in texts} == texts
    entry = last_entry(site)
    assert press(saved, status=303)
    assert last_entry(site).id == entry.id  # nothing has changed since


@BOTH
def test_every_field_is_saved(site: TestApp, editor: TestApp, movie_id: int) -> None:
    with services_of(site.app.registry).database.write() as session:
        horror = factories.named(session, Genre, "Horror", slug="horror", name_en="x").id
    form = movie_form(editor, movie_id)
    form["original_title"] = "The Promised Land"
    form["synopsis"] = "Egy.\r\n\r\nKettő."
    form["synopsis_en"] = "One."
    form["runtime"], form["rating"] = "95", "16"
    form["countries"], form["languages"] = "hu; us fr", "HU, en"
    form["distributor"] = "Új forgalmazó"
    form["imdb_id"], form["tmdb_id"] = "tt1234567", "77"
    for box in form.fields["genres"]:
        box.checked = box._value == str(horror)
    form["trailers-0-video"] = "https://youtu.be/abc-DEF_123?t=5"
    form["trailers-1-video"], form["trailers-1-site"] = "https://vimeo.com/76979871", "YouTube"
    press(form, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.original_title, movie.runtime, movie.rating) == ("The Promised Land", 95, "16")
    assert (movie.synopsis, movie.synopsis_en) == ("Egy.\n\nKettő.", "One.")
    assert (movie.countries, movie.languages) == (("HU", "US", "FR"), ("hu", "en"))
    assert movie.distributor is not None
    assert movie.distributor.name == "Új forgalmazó"
    assert (movie.imdb_id, movie.tmdb_id) == ("tt1234567", 77)
    assert [link.genre_id for link in movie.genre_links] == [horror]
    assert [(each.site, each.video_id) for each in movie.trailers] == [
        ("YouTube", "abc-DEF_123"),
        ("Vimeo", "76979871"),
    ]
    assert {each.published_at for each in movie.trailers} == {None}, "of other videos"
    assert {row.field for row in movie.provenance if row.source == "hand"} == {
        "original_title", "synopsis", "synopsis_en", "runtime", "rating", "countries", "languages",
        "distributor", "imdb_id", "tmdb_id", "genres", "trailers",
    }  # fmt: skip


@BOTH
def test_people_are_ordered_renamed_added_and_removed(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    before = {each.person.name: each.person_id for each in movie_of(site, movie_id).credits}
    form = movie_form(editor, movie_id)
    form["cast-0-place"], form["cast-1-place"] = "2", "1"
    form["cast-2-name"], form["cast-2-character"] = "Új Színész", "Szomszéd"
    form["directors-0-name"] = "Nagy Pál"
    press(form, status=303)
    movie = movie_of(site, movie_id)
    assert [(each.person.name, each.character) for each in movie.credits] == [
        ("Tóth Anna", "Vendég"),
        ("Nagy Pál", "Pincér"),
        ("Új Színész", "Szomszéd"),
        ("Nagy Pál", ""),
    ]
    assert movie.credits[0].person_id == before["Tóth Anna"]
    assert movie.credits[3].person_id == before["Nagy Pál"]  # the only person of this name
    form = movie_form(editor, movie_id)
    form["cast-0-name"] = form["cast-1-name"] = ""
    press(form, status=303)
    assert [each.person.name for each in movie_of(site, movie_id).credits] == [
        "Új Színész",
        "Nagy Pál",
    ]


def test_ambiguous_names_add_a_person(site: TestApp, editor: TestApp, movie_id: int) -> None:
    with services_of(site.app.registry).database.write() as session:
        session.add_all([Person(name="Kovács János"), Person(name="Kovács János")])
    form = movie_form(editor, movie_id)
    form["cast-2-name"] = "Kovács János"
    press(form, status=303)
    with services_of(site.app.registry).database.read() as session:
        same = select(func.count()).where(Person.name == "Kovács János")
        assert session.scalar(same) == 3


@BOTH
def test_changed_date_needs_a_reason(site: TestApp, editor: TestApp, movie_id: int) -> None:
    form = movie_form(editor, movie_id)
    form["premieres-0-date"] = "2026-09-03"
    refused = press(form, status=400)
    assert "Ezt ki kell tölteni." in refused.text
    assert movie_of(site, movie_id).premieres[0].date == date(2026, 8, 27)
    form = next(form for form in refused.forms.values() if "title" in form.fields)
    assert form["premieres-0-date"].value == "2026-09-03"
    form["premieres-0-reason"] = "technikai okok"
    press(form, status=303)
    (premiere,) = movie_of(site, movie_id).premieres
    assert premiere.date == date(2026, 9, 3)
    (change,) = premiere.changes
    assert (change.old_date, change.reason) == (date(2026, 8, 27), "technikai okok")
    assert "technikai okok" in editor.get(f"/movie/{movie_id}-az-igeret-foldje").text
    assert "2026. augusztus 27." in movie_form(editor, movie_id).text
    for start, word in (("", "mozibemutató"), ("/en", "cinema premiere")):
        assert f"<del>2026-08-27 {word}" in editor.get(f"{start}/manager/audit").text


@pytest.mark.parametrize(
    ("precision", "day", "is_move"),
    [
        (DatePrecision.MONTH, "2026-08-20", False),
        (DatePrecision.MONTH, "2026-09-03", True),
        (DatePrecision.YEAR, "2026-08-20", False),
        (DatePrecision.YEAR, "2027-08-19", True),
    ],
)
def test_day_within_its_month_or_year_is_no_move(
    site: TestApp, editor: TestApp, movie_id: int, precision: DatePrecision, day: str, is_move: bool
) -> None:
    with services_of(site.app.registry).database.write() as session:
        (premiere,) = session.scalars(select(Premiere).where(Premiere.movie_id == movie_id))
        premiere.date, premiere.precision = precision.first_day(date(2026, 8, 1)), precision
    form = movie_form(editor, movie_id)
    form["premieres-0-date"], form["premieres-0-precision"] = day, "day"
    answer = press(form)
    assert answer.status_int == (400 if is_move else 303)
    if not is_move:
        (premiere,) = movie_of(site, movie_id).premieres
        assert (premiere.date.isoformat(), list(premiere.changes)) == (day, [])


def test_corrected_typo_is_not_shown_as_moved(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = movie_form(editor, movie_id)
    form["premieres-0-date"], form["premieres-0-is_typo"] = "2026-09-03", True
    press(form, status=303)
    (premiere,) = movie_of(site, movie_id).premieres
    assert (premiere.date, list(premiere.changes)) == (date(2026, 9, 3), [])


@BOTH
def test_premieres_are_added_cancelled_and_deleted(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = movie_form(editor, movie_id)
    form["premieres-1-date"], form["premieres-1-kind"] = "2026-10-14", "streaming"
    assert "Melyik szolgáltatónál látható?" in press(form, status=400).text
    form["premieres-1-service"] = "Új Szolgáltató"
    form["premieres-1-precision"] = "month"
    form["premieres-0-cancelled"] = True
    press(form, status=303)
    cinema, streaming = movie_of(site, movie_id).premieres
    assert cinema.cancelled_at is not None
    assert streaming.service is not None
    assert (streaming.date, streaming.precision, streaming.service.name) == (
        date(2026, 10, 1), "month", "Új Szolgáltató",
    )  # fmt: skip
    form = movie_form(editor, movie_id)
    form["premieres-0-remove"] = True
    press(form, status=303)
    assert [each.id for each in movie_of(site, movie_id).premieres] == [streaming.id]


@pytest.mark.parametrize(
    ("field", "text", "wrong"),
    [
        ("premieres-1-note", "csak Budapesten", "premieres-1-date"),
        ("premieres-1-service", "MUBI", "premieres-1-date"),
        ("premieres-0-service", "MUBI", "premieres-0-service"),
        ("premieres-1-cancelled", True, "premieres-1-date"),
        ("premieres-0-date", "", "premieres-0-date"),
        ("trailers-1-name", "Előzetes", "trailers-1-video"),
        ("trailers-1-language", "hu", "trailers-1-video"),
        ("cast-2-character", "Pincér", "cast-2-name"),
    ],
)
def test_row_that_lacks_its_main_field_is_an_error_there(
    site: TestApp, editor: TestApp, movie_id: int, field: str, text: str | bool, wrong: str
) -> None:
    version = movie_of(site, movie_id).version
    form = movie_form(editor, movie_id)
    form[field] = text
    refused = press(form, status=400)
    assert f'id="{wrong}-errors"' in refused.text
    assert movie_form_in(refused)[field].value == ("y" if text is True else text)
    assert movie_of(site, movie_id).version == version


def test_streaming_premiere_becomes_one_of_cinemas_without_its_service(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """Another service is an error: it would be lost."""
    form = movie_form(editor, movie_id)
    form["premieres-0-kind"], form["premieres-0-service"] = "streaming", "MUBI"
    press(form, status=303)
    form = movie_form(editor, movie_id)
    form["premieres-0-kind"], form["premieres-0-service"] = "cinema", "MUBI+"
    assert 'id="premieres-0-service-errors"' in press(form, status=400).text
    form["premieres-0-service"] = "MUBI"
    press(form, status=303)
    (premiere,) = movie_of(site, movie_id).premieres
    assert (premiere.kind, premiere.service) == ("cinema", None)


def test_title_alone_makes_a_movie_with_an_audit_entry(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Csak cím"
    page = press(form, status=303).follow()
    assert "Mentve." in page.text
    entry = last_entry(site)
    assert entry.action == "film.create"
    assert "Csak cím" in str(entry.changes)


def test_form_that_is_sent_twice_makes_one_movie(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"], form["imdb_id"], form["tmdb_id"] = "Egyszer", "tt7654321", "7654321"
    first, second = press(form, status=303), press(form, status=303)
    assert first.location == second.location
    with services_of(site.app.registry).database.read() as session:
        assert len(session.scalars(select(Movie.id).where(Movie.title == "Egyszer")).all()) == 1


def test_changed_form_that_has_made_a_movie_is_refused_and_kept(
    site: TestApp, editor: TestApp
) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Első"
    made = press(form, status=303).location
    form["title"] = "Második"
    refused = press(form, status=409)
    assert made.rpartition("/manager")[2] in refused.text
    again = movie_form_in(refused)
    assert again["title"].value == "Második"
    assert press(again, status=303).location != made


@pytest.mark.parametrize("path", ["new", "movie"])
def test_save_and_add_another_leads_to_an_empty_form(
    site: TestApp, editor: TestApp, movie_id: int, path: str
) -> None:
    form = movie_form(editor, "new" if path == "new" else movie_id)
    form["title"] = "Az egyik"
    saved = press(form, "another", status=303)
    assert "/manager/movies/new?" in saved.location
    page = saved.follow()
    notice = page.html.find(class_="notice")
    assert "Mentve." in notice.text
    made = last_entry(site).subject_id
    assert notice.find("a")["href"] == f"/manager/movies/{made}"
    another = movie_form_in(page)
    assert another["title"].value == ""
    another["title"] = "A másik"
    press(another, "another", status=303)
    assert last_entry(site).subject_id != made
    # The first form again, by the button for back: one movie stays one.
    assert press(form, "another", status=303).location == saved.location


def test_warnings_are_shown_on_the_next_form(editor: TestApp, movie_id: int) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Az ígéret földje"
    page = press(form, "another", status=303).follow()
    assert "Van már film ezzel a címmel" in page.html.find(class_="notice").text


def test_notice_of_another_save_is_not_shown(site: TestApp, editor: TestApp, movie_id: int) -> None:
    other = make_movie(site, "Másik film")
    form = movie_form(editor, other)
    form["title"] = "Átnevezve"
    press(form, status=303)
    for number in (last_entry(site).id, 999_999, "x", ""):
        page = editor.get(f"/manager/movies/{movie_id}?saved={number}")
        assert "Mentve." not in page.text


def test_save_that_refreshes_no_page_says_nothing_of_their_freshness(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, "new")
    form["title"] = "Oldal nélkül"
    notice = press(form, status=303).follow().html.select_one("div[role=status]").text
    assert "Mentve." in notice
    assert re.findall(r"frissült|friss volt", notice) == []
    form = movie_form(editor, movies.here)
    form["title"] = "Átnevezve"
    notice = press(form, status=303).follow().html.select_one("div[role=status]").text
    assert re.findall(r"frissült|friss volt", notice) == ["frissült", "friss volt"]


@BOTH
def test_a_new_movie_is_saved_and_not_on_the_site_yet(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"], form["premieres-0-date"] = "Vadonatúj", "2026-08-20"
    page = press(form, status=303).follow()
    movie_id = last_entry(site).subject_id
    assert last_entry(site).action == "film.create"
    assert movie_id is not None
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.original_title, movie.published) == ("Vadonatúj", "Vadonatúj", False)
    editor.get(f"/movie/{movie_id}-vadonatuj", status=404)
    publish = next(each for each in page.forms.values() if each.action.endswith("/publish"))
    publish.submit("do", status=303)
    editor.get(f"/movie/{movie_id}-vadonatuj", status=200)
    assert last_entry(site).action == "film.publish"


def test_a_movie_is_taken_off_the_site(site: TestApp, editor: TestApp, movie_id: int) -> None:
    page = editor.get(f"/manager/movies/{movie_id}")
    form = next(each for each in page.forms.values() if each.action.endswith("/publish"))
    form.submit("do", status=303)
    editor.get(f"/movie/{movie_id}-az-igeret-foldje", status=404)
    assert "Nincs közzétéve" in editor.get("/manager/movies?show=unpublished").text
    assert last_entry(site).changes == [{"field": "published", "before": "✓", "after": "–"}]


@BOTH
def test_a_copy_has_rows_of_its_own(site: TestApp, editor: TestApp) -> None:
    original = make_movie(site, "Eredeti", imdb_id="tt7654321", tmdb_id=5)
    count = len(movies(site))
    form = movie_form(editor, "new", copy=str(original))
    assert len(movies(site)) == count
    assert form["imdb_id"].value == ""
    press(form, status=303)
    copied = max(movies(site))
    first, second = movie_of(site, original), movie_of(site, copied)
    assert first.title == second.title
    assert len(second.premieres) == len(first.premieres) == 1
    assert second.premieres[0].id != first.premieres[0].id
    assert [each.person_id for each in second.credits] == [each.person_id for each in first.credits]


ERRORS: tuple[tuple[str, str, str], ...] = (
    ("title", "   ", "Ezt ki kell tölteni."),
    ("title", "x" * 301, "Ez túl hosszú."),
    ("runtime", "sok", "Egész számot kérünk."),
    ("runtime", "0", "1 és 1500 perc között."),
    ("runtime", "9" * 30, "1 és 1500 perc között."),
    ("countries", "HU, Narnia", "Nincs ilyen országkód: NARNIA"),
    ("languages", "magyar", "Nincs ilyen nyelvkód: magyar"),
    ("imdb_id", "nm0000001", "Így néz ki: tt0133093."),
    ("tmdb_id", "99999999999", "Egész számot kérünk."),
    ("premieres-0-date", "2026-02-30", "Dátumot kérünk, így: 2026-08-20."),
    ("premieres-0-date", "0001-01-01", "A naptár nem ér el odáig."),
    ("trailers-0-video", "https://evil.example/x", "Ez se nem YouTube"),
    ("trailers-0-video", "javascript:alert(1)", "Ez se nem YouTube"),
    ("trailers-0-video", "https://youtu.be:22/abc-DEF_123", "Ez se nem YouTube"),
    ("trailers-0-video", "https://[youtu.be/abc-DEF_123", "Ez se nem YouTube"),
    ("premieres-0-formats", "x" * 30, "Ez túl hosszú."),
)
"""A field, a text, and the error."""


def test_errors_are_shown_at_their_fields(site: TestApp, editor: TestApp, movie_id: int) -> None:
    before = movie_of(site, movie_id).version
    for field, value, message in ERRORS:
        form = movie_form(editor, movie_id)
        form[field] = value
        page = press(form, status=400)
        assert message in page.text, value
        assert f'id="{field}-errors"' in page.text
        assert movie_of(site, movie_id).version == before


def test_summary_links_each_error_to_its_field(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = movie_form(editor, movie_id)
    form["imdb_id"], form["cast-2-character"], form["title"] = "nm1", "Pincér", ""
    page = press(form, status=400)
    summary = page.html.find(id="error-summary")
    assert summary.has_attr("autofocus")
    links = {link["href"]: link.get_text() for link in summary.find_all("a")}
    assert links == {
        "#title": "Cím",
        "#cast-2-name": "Név (3)",
        "#imdb_id": "IMDb-azonosító",
    }
    for target in links:
        assert page.html.find(id=target[1:]) is not None


@BOTH
def test_id_of_another_movie_is_refused(site: TestApp, editor: TestApp, movie_id: int) -> None:
    make_movie(site, "A másik", imdb_id="tt7654321", tmdb_id=5)
    form = movie_form(editor, movie_id)
    form["imdb_id"], form["tmdb_id"] = "tt7654321", "5"
    refused = press(form, status=400)
    # Each is at its field and in the summary.
    assert refused.text.count("Ez az azonosító már ezé: „A másik”.") == 4


def test_more_rows_keep_what_was_typed(editor: TestApp, movie_id: int) -> None:
    form = movie_form(editor, movie_id)
    form["title"], form["cast-2-name"] = "Félkész", "Valaki"
    page = press(form, "more", status=200)
    form = next(each for each in page.forms.values() if "title" in each.fields)
    assert (form["title"].value, form["cast-2-name"].value) == ("Félkész", "Valaki")
    assert "cast-8-name" in form.fields


def test_a_movies_page_needs_few_queries(site: TestApp, editor: TestApp, movie_id: int) -> None:
    engine = services_of(site.app.registry).database.engine
    with counted_queries(engine) as statements:
        editor.get(f"/manager/movies/{movie_id}")
    assert len(statements) <= 14


def movies(site: TestApp) -> list[int]:
    with services_of(site.app.registry).database.read() as session:
        return list(session.scalars(select(Movie.id)))


def test_form_of_a_movie_that_was_deleted_since_is_kept(site: TestApp, editor: TestApp) -> None:
    movie = make_movie(site)
    form = movie_form(editor, movie)
    delete = f"/manager/delete/film/{movie}"
    editor.post(delete, {"csrf_token": csrf_of(editor), "do": "delete"}, status=303)
    form["synopsis"] = "Hosszú szöveg."
    gone = press(form, headers={"Origin": "http://localhost"}, status=404)
    assert "Amit beírt, 7 napig megőrizzük" in gone.text
    links = [each["href"] for each in gone.html.select("main a")]
    with services_of(site.app.registry).database.read() as session:
        item = session.scalars(select(BinItem.id)).one()
    assert links[0] == "/manager/bin"
    data = {"csrf_token": csrf_of(editor), "item": str(item), "do": "restore"}
    editor.post("/manager/bin", data, status=303)
    again = movie_form_in(editor.get(links[1]))
    assert again["synopsis"].value == "Hosszú szöveg."
    press(again, status=303)
    assert movie_of(site, movie).synopsis == "Hosszú szöveg."
    # A form that others have sent is not kept.
    editor.post(delete, {"csrf_token": csrf_of(editor), "do": "delete"}, status=303)
    assert "7 napig" not in press(form, status=404).text
