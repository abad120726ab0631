"""A week's grid: rows become movies, changed cells are saved, errors and conflicts lose nothing."""

from datetime import date
from typing import Any, Final

import pytest
from sqlalchemy import func, select
from webtest import Form, TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.audit.name_entries import names_batch
from moziweb.manager.auth.models import Role
from moziweb.manager.grid.rows import BLANK_GRID_ROWS, MAX_GRID_ROWS
from moziweb.manager.movies.changes import ORIGINS
from moziweb.movies.models import Audio, DatePrecision, Distributor, Movie, Premiere, PremiereKind
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from tests import factories
from tests.manager.conftest import BOTH, PASSWORD, csrf_of, signed_in
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press
from tests.manager.movies.test_affected_pages import shown_pages
from tests.manager.undo.test_reversal import names, undo
from tests.site.cached import Movies, cache_misses, pages, week_here
from tests.threads import join_threads

WEEK: Final = "/manager/week/2026-W35/grid"
THURSDAY: Final = date(2026, 8, 27)


@pytest.fixture
def movie_id(site: TestApp) -> int:
    """A movie with one premiere, in the week."""
    return make_movie(site)


def grid_in(page: Any) -> Form:
    """The grid of a page."""
    return next(form for form in page.forms.values() if "rows-0-title" in form.fields)


def grid_of(browser: TestApp, path: str = WEEK) -> Form:
    return grid_in(browser.get(path))


def fill(form: Form, row: int, **cells: str) -> None:
    """Types into the cells of a row."""
    for name, text in cells.items():
        form[f"rows-{row}-{name}"] = text


def cell(form: Form, row: int, name: str) -> str:
    text: str = form[f"rows-{row}-{name}"].value
    return text


def errors(page: Any) -> dict[str, str]:
    """The errors of cells, by the id of the cell; each is in the summary, too."""
    found = {
        each["id"].removesuffix("-errors"): each.get_text(" ", strip=True)
        for each in page.html.select(".sheet .errors")
    }
    links = {each["href"] for each in page.html.select("#error-summary a")}
    assert links == {f"#{name}" for name in found}
    return found


def movies_of(app: TestApp) -> list[str]:
    with services_of(app.app.registry).database.read() as session:
        return list(session.scalars(select(Movie.title).order_by(Movie.id)))


def entries(app: TestApp) -> list[AuditEntry]:
    with services_of(app.app.registry).database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


@BOTH
def test_rows_become_movies_in_one_transaction(site: TestApp, editor: TestApp) -> None:
    before = len(entries(site))
    form = grid_of(editor)
    fill(form, 0, title="Dűne", original_title="Dune", date="2026. 08. 28.", kind="Mozi")
    fill(form, 0, distributor="Fórum", rating="12", runtime="155", formats="2D, IMAX")
    fill(form, 2, title="Otthon", kind="streaming", service="Netflix", audio="feliratos")
    page = press(form, status=303).follow()
    assert "Mentve." in page.text
    dune, home, *names = entries(site)[before:]
    assert [(each.action, each.subject_name) for each in names] == [
        ("distributor.create", "Fórum"), ("service.create", "Netflix"),
    ]  # fmt: skip
    assert [dune.action, home.action] == ["film.create", "film.create"]
    assert dune.batch == home.batch
    movie = movie_of(site, dune.subject_id or 0)
    assert (movie.title, movie.original_title, movie.runtime, movie.rating) == (
        "Dűne", "Dune", 155, "12",
    )  # fmt: skip
    assert (movie.published, movie.slug) == (False, "dune")
    assert movie.distributor is not None
    assert movie.distributor.name == "Fórum"
    (premiere,) = movie.premieres
    assert (premiere.date, premiere.kind, premiere.formats) == (
        date(2026, 8, 28), PremiereKind.CINEMA, ("2D", "IMAX"),
    )  # fmt: skip
    movie = movie_of(site, home.subject_id or 0)
    (premiere,) = movie.premieres
    assert (premiere.date, premiere.kind, premiere.audio) == (
        THURSDAY, PremiereKind.STREAMING, Audio.SUBTITLED,
    )  # fmt: skip
    assert premiere.service is not None
    assert movie.original_title == "Otthon"
    assert {row.source for row in movie.provenance} == {"hand"}
    # The grid shows them, in the order of dates, and new empty rows.
    shown = grid_in(page)
    assert [cell(shown, row, "title") for row in range(3)] == ["Otthon", "Dűne", ""]
    assert f"rows-{BLANK_GRID_ROWS + 1}-title" in shown.fields
    editor.get(f"/movie/{movie.id}-otthon", status=404)


@BOTH
def test_untouched_grid_changes_nothing(site: TestApp, editor: TestApp, movie_id: int) -> None:
    before, entry = movie_of(site, movie_id), last_entry(site)
    done = press(grid_of(editor), status=303)
    assert done.location.endswith(WEEK)
    after = movie_of(site, movie_id)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    assert last_entry(site).id == entry.id


@BOTH
def test_changed_cells_of_a_premiere_are_saved_and_audited(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = grid_of(editor)
    fill(form, 0, title="A másik cím", rating="16", kind="Fesztivál", date="2026-09-03")
    fill(form, 0, reason="torlódás")
    press(form, status=303)
    movie = movie_of(site, movie_id)
    # Its original title was the title, and follows it; credits, genres and texts stay.
    assert (movie.title, movie.original_title) == ("A másik cím", "A másik cím")
    assert (movie.rating, movie.synopsis) == ("16", "Valaki elindul.")
    (premiere,) = movie.premieres
    assert (premiere.date, premiere.kind) == (date(2026, 9, 3), PremiereKind.FESTIVAL)
    assert [(each.old_date, each.reason) for each in premiere.changes] == [(THURSDAY, "torlódás")]
    entry = last_entry(site)
    assert entry.action == "film.edit"
    assert {each["field"] for each in entry.changes} == {
        "title", "original_title", "rating", "premieres",
    }  # fmt: skip
    changed = {"title", "original_title", "rating", "premieres"}
    assert set(entry.fields or {}) == {*changed, ORIGINS}


def test_moved_date_needs_a_reason_or_was_mistyped(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = grid_of(editor)
    fill(form, 0, date="2026-08-28")
    refused = press(form, status=400)
    assert set(errors(refused)) == {"rows-0-reason"}
    form = grid_in(refused)
    form["rows-0-typo"] = True
    press(form, status=303)
    (premiere,) = movie_of(site, movie_id).premieres
    assert (premiere.date, premiere.changes) == (date(2026, 8, 28), [])


def test_reason_without_a_move_is_refused(editor: TestApp, movie_id: int) -> None:
    form = grid_of(editor)
    fill(form, 0, reason="torlódás")
    assert set(errors(press(form, status=400))) == {"rows-0-reason"}


@BOTH
def test_one_wrong_cell_saves_nothing_and_loses_nothing(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    before, entry = movies_of(site), last_entry(site).id
    form = grid_of(editor)
    fill(form, 0, title="Új cím", runtime="sok")
    fill(form, 1, title="Jó sor")
    fill(form, 2, distributor="Cím nélkül", date="holnap", kind="vetítés", rating="13")
    fill(form, 3, title="Szolgáltató nélkül", kind="streaming")
    fill(form, 4, title="Moziban", service="Netflix")
    fill(form, 5, title="Rossz plakát", poster="ftp://example.com/p.jpg")
    fill(form, 6, title="Tiltott port", poster="https://example.com:22/p.jpg")
    refused = press(form, status=400)
    assert set(errors(refused)) == {
        "rows-0-runtime", "rows-2-title", "rows-2-date", "rows-2-kind", "rows-2-rating",
        "rows-3-service", "rows-4-service", "rows-5-poster", "rows-6-poster",
    }  # fmt: skip
    summary = refused.html.find(id="error-summary")
    assert (summary["role"], summary["tabindex"]) == ("alert", "-1")
    assert summary.has_attr("autofocus")
    wrong = refused.html.find(id="rows-0-runtime")
    assert wrong["aria-invalid"] == "true"
    assert refused.html.find(id=wrong["aria-describedby"]) is not None
    again = grid_in(refused)
    sent = {name: value for name, value in form.submit_fields() if name.startswith("rows-")}
    kept = {name: value for name, value in again.submit_fields() if name.startswith("rows-")}
    assert kept == sent
    assert movies_of(site) == before
    assert last_entry(site).id == entry


@pytest.mark.parametrize(
    ("language", "text"), [("", "Az üres sor nem számít."), ("/en", "An empty row is none.")]
)
def test_empty_rows_are_none_as_the_hint_says(
    site: TestApp, editor: TestApp, language: str, text: str
) -> None:
    before = movies_of(site)
    page = editor.get(language + WEEK)
    assert text in page.html.select_one("form[data-sheet] .hint").text
    form = grid_in(page)
    fill(form, 1, title="Az üres sor után")
    press(form)
    assert movies_of(site) == [*before, "Az üres sor után"]
    form = grid_in(editor.get(language + WEEK))
    fill(form, 2, distributor="Cím nélkül")
    assert set(errors(press(form, status=400))) == {"rows-2-title"}


def test_emptied_cells_that_are_needed_are_refused(editor: TestApp, movie_id: int) -> None:
    form = grid_of(editor)
    fill(form, 0, title="", date="", kind="")
    assert set(errors(press(form, status=400))) == {
        "rows-0-title", "rows-0-date", "rows-0-kind",
    }  # fmt: skip


@BOTH
def test_cell_that_both_changed_is_refused_once(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    mine = grid_of(editor)
    theirs = movie_form(editor, movie_id)
    theirs["title"], theirs["runtime"] = "Az övék", "99"
    press(theirs, status=303)
    fill(mine, 0, title="Az enyém", rating="12")
    fill(mine, 1, title="Új sor")
    refused = press(mine, status=409)
    (message,) = errors(refused).values()
    assert "Az övék" in message
    assert movie_of(site, movie_id).title == "Az övék"
    assert "Új sor" not in movies_of(site)
    again = grid_in(refused)
    assert cell(again, 0, "title") == "Az enyém"
    # What only the other editor has changed is taken over.
    assert cell(again, 0, "runtime") == "99"
    press(again, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.runtime, movie.rating) == ("Az enyém", 99, "12")
    assert "Új sor" in movies_of(site)


@BOTH
def test_other_cells_and_rows_cause_no_conflict(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    mine = grid_of(editor)
    theirs = movie_form(editor, movie_id)
    theirs["title"], theirs["synopsis"] = "Az övék", "Másképp."
    press(theirs, status=303)
    fill(mine, 0, rating="18")
    press(mine, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.synopsis, movie.rating) == ("Az övék", "Másképp.", "18")


def test_same_change_of_both_is_no_conflict(site: TestApp, editor: TestApp, movie_id: int) -> None:
    mine, theirs = grid_of(editor), grid_of(editor)
    fill(theirs, 0, rating="18")
    press(theirs, status=303)
    fill(mine, 0, rating="18", runtime="100")
    press(mine, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.rating, movie.runtime) == ("18", 100)


def test_deleted_movie_is_made_again_only_on_demand(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = grid_of(editor)
    with services_of(site.app.registry).database.write() as session:
        session.delete(session.get_one(Movie, movie_id))
    assert press(form, status=303)  # nothing was typed into the row
    fill(form, 0, rating="18")
    refused = press(form, status=400)
    assert set(errors(refused)) == {"rows-0-title"}
    press(grid_in(refused), status=303)
    (title,) = movies_of(site)
    assert title == "Az ígéret földje"


def test_deleted_premiere_is_added_again_only_on_demand(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = grid_of(editor)
    with services_of(site.app.registry).database.write() as session:
        session.delete(session.scalars(select(Premiere)).one())
    fill(form, 0, kind="Fesztivál")
    refused = press(form, status=400)
    assert set(errors(refused)) == {"rows-0-date"}
    press(grid_in(refused), status=303)
    (premiere,) = movie_of(site, movie_id).premieres
    assert (premiere.date, premiere.kind) == (THURSDAY, PremiereKind.FESTIVAL)
    assert movies_of(site) == ["Az ígéret földje"]


def test_rows_of_one_movie_are_saved_together(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    with services_of(site.app.registry).database.write() as session:
        movie = session.get_one(Movie, movie_id)
        factories.make_premiere(session, movie, THURSDAY, service="Netflix")
        factories.make_premiere(session, movie, date(2027, 1, 1), precision=DatePrecision.YEAR)
    form = grid_of(editor)
    assert cell(form, 2, "title") == ""  # a premiere of which only the year is known is in no week
    fill(form, 0, title="Egyik")
    fill(form, 1, title="Másik")
    assert set(errors(press(form, status=400))) == {"rows-1-title"}
    fill(form, 1, title="Egyik", audio="feliratos")
    fill(form, 0, formats="IMAX")
    press(form, status=303)
    movie = movie_of(site, movie_id)
    assert movie.title == "Egyik"
    assert [(each.formats, each.audio) for each in movie.premieres][:2] == [
        (("IMAX",), None), ((), Audio.SUBTITLED),
    ]  # fmt: skip
    assert len(movie.premieres) == 3


def test_poster_of_an_address_is_chosen(site: TestApp, editor: TestApp, movie_id: int) -> None:
    form = grid_of(editor)
    fill(form, 0, poster="https://example.com/regi.jpg")
    fill(form, 1, title="Új film", poster="https://example.com/uj.jpg")
    press(form, status=303)
    with services_of(site.app.registry).database.read() as session:
        rows = session.scalars(select(PosterSource).order_by(PosterSource.movie_id)).all()
    assert [(each.url, each.chosen) for each in rows] == [
        ("https://example.com/regi.jpg", True), ("https://example.com/uj.jpg", True),
    ]  # fmt: skip
    assert rows[0].movie_id == movie_id


def test_more_rows_keep_what_was_typed(editor: TestApp) -> None:
    form = grid_of(editor)
    fill(form, 0, title="Félkész", date="holnap")
    page = press(form, "more", status=200)
    more = grid_in(page)
    assert (cell(more, 0, "title"), cell(more, 0, "date")) == ("Félkész", "holnap")
    assert f"rows-{2 * BLANK_GRID_ROWS - 1}-title" in more.fields
    assert page.html.select(".sheet-form[data-unsaved]")


@pytest.mark.parametrize("week", ["2026-W54", "2026-35", "0001-W01", "x"])
def test_week_that_does_not_exist_is_not_found(editor: TestApp, week: str) -> None:
    editor.get(f"/manager/week/{week}/grid", status=404)


def test_too_many_rows_and_unknown_buttons_are_refused(editor: TestApp) -> None:
    token = {"csrf_token": csrf_of(editor)}
    rows = {f"rows-{number}-title": "" for number in range(MAX_GRID_ROWS + 1)}
    editor.post(WEEK, token | rows | {"do": "save"}, status=400)
    editor.post(WEEK, token | {"do": "nothing"}, status=400)


@pytest.mark.parametrize("base", ["", "null", "[]", "{", '{"title": 5}', "[" * 5_000])
def test_damaged_base_is_a_conflict_and_not_an_error(
    site: TestApp, editor: TestApp, movie_id: int, base: str
) -> None:
    form = grid_of(editor)
    form["rows-0-base"] = base
    fill(form, 0, title="Felülírva")
    press(form, status=409)
    assert movie_of(site, movie_id).title == "Az ígéret földje"


def test_premiere_of_another_movie_is_not_changed(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    other = make_movie(site, "Másik film")
    (premiere,) = movie_of(site, other).premieres
    form = grid_of(editor)
    form["rows-0-premiere"] = str(premiere.id)
    fill(form, 0, kind="Fesztivál")
    press(form, status=400)
    assert movie_of(site, other).premieres[0].kind is PremiereKind.CINEMA


def test_effects_are_exactly_the_pages_that_saving_refreshes(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    path = f"/manager/week/{week_here().name}/grid"
    form = grid_of(editor, path)
    titles = [cell(form, row, "title") for row in range(2)]
    assert titles == ["Itt van", "Itt van"]
    for row in range(2):
        fill(form, row, title="Egészen más")
    fill(form, 3, title="Vázlat", distributor="Soha nem látott")
    preview = press(form, "preview", status=200)
    promised = shown_pages(preview, movies)
    assert {"index", "english", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert "Soha nem látott" in preview.html.find(id="affected").text  # a new distributor
    # A preview changes nothing, and shows what was typed.
    assert "Vázlat" not in movies_of(cached)
    assert cell(grid_in(preview), 3, "title") == "Vázlat"
    assert cache_misses(cached, movies) == set()
    done = press(form, status=303).follow()
    assert "ezredmásodperccel" in done.text
    assert cache_misses(cached, movies) == promised
    assert set(last_entry(cached).pages) >= {pages(movies)[name] for name in promised}


def test_effects_are_a_fragment_while_typing(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    path = f"/manager/week/{week_here().name}/grid"
    form = grid_of(editor, path)
    fill(form, 0, rating="18")
    fields = dict(form.submit_fields())
    found = editor.post(f"{path}/effects", fields)
    assert "<html" not in found.text
    assert shown_pages(found, movies) >= {"week", "movie"}
    fields["rows-0-rating"] = "13"
    assert "javítani" in editor.post(f"{path}/effects", fields).text
    assert movie_of(cached, movies.here).rating == "12"


def test_warnings_do_not_prevent_saving(site: TestApp, editor: TestApp, movie_id: int) -> None:
    form = grid_of(editor)
    fill(form, 1, title="Az ígéret földje", date="2026-10-01")
    fill(form, 2, title="Ikrek")
    fill(form, 3, title="Ikrek")
    fill(form, 4, title="Más", kind="streaming", service="Új szolgáltató")
    preview = press(form, "preview", status=200)
    warnings = preview.html.select_one("#affected .warnings").get_text(" ", strip=True)
    for text in ("Van már film ezzel a címmel", "másik hétre esik: 2026-10-01", "Két sorból",
                 "Új szolgáltató"):  # fmt: skip
        assert text in warnings, text
    saved = press(form, status=303).follow()
    assert "Van már film ezzel a címmel" in saved.html.select_one(".notice .warnings").text
    assert len(movies_of(site)) == 5  # equal rows are two movies


def test_saved_grid_that_is_changed_and_sent_again_makes_no_second_movies(
    site: TestApp, editor: TestApp
) -> None:
    form = grid_of(editor)
    fill(form, 0, title="Egyszer")
    first = press(form, status=303)
    assert press(form, status=303).location == first.location
    fill(form, 0, runtime="100")
    refused = press(form, status=409)
    assert first.location.endswith(refused.html.select_one(".problem a")["href"])
    assert movies_of(site) == ["Egyszer"]
    again = grid_in(refused)
    assert cell(again, 0, "runtime") == "100"
    press(again, status=303)
    assert movies_of(site) == ["Egyszer", "Egyszer"]


def test_grid_is_kept_over_a_sign_in(site: TestApp, editor: TestApp) -> None:
    form = grid_of(editor)
    fill(form, 4, title="Hosszan gépelt", date="2026-08-28")
    editor.cookiejar.clear()
    ours = {"Origin": "http://localhost"}  # as browsers send it
    sign_in_page = press(form, status=403, headers=ours)
    again = next(each for each in sign_in_page.forms.values() if "password" in each.fields)
    again["name"], again["password"] = "szerkesztő", PASSWORD
    page = again.submit(status=303, headers=ours).follow()
    kept = grid_in(page)
    assert (cell(kept, 4, "title"), cell(kept, 4, "date")) == ("Hosszan gépelt", "2026-08-28")
    assert page.html.select(".sheet-form[data-unsaved]")
    press(kept, status=303)
    assert movies_of(site) == ["Hosszan gépelt"]


def test_whole_save_is_taken_back(site: TestApp, editor: TestApp, movie_id: int) -> None:
    form = grid_of(editor)
    fill(form, 0, title="Átnevezve")
    fill(form, 1, title="Új film", distributor="Elírt Kft.")
    fill(form, 2, title="Másik új film", distributor="Elírt Kft.")
    page = press(form, status=303).follow()
    undo_form = next(each for each in page.forms.values() if "batch" in each.fields)
    job = undo_form.submit("do", status=303)
    join_threads("bulk-")
    page = job.follow()
    run = next(each for each in page.forms.values() if "do" in each.fields and "run" in each.text)
    index = [each.value_if_submitted() for each in run.fields["do"]].index("run")
    run.submit("do", index=index, status=303)
    join_threads("bulk-")
    assert movies_of(site) == ["Az ígéret földje"]
    assert "Elírt Kft." not in names(site)
    press(form, status=303)  # as after going back
    assert sorted(movies_of(site)) == ["Másik új film", "Átnevezve", "Új film"]


def test_names_of_one_row_are_taken_back_with_it(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = grid_of(editor)
    fill(form, 0, title="Átnevezve")
    fill(form, 1, title="Egy", distributor="Egyik Kft.")
    fill(form, 2, title="Kettő", distributor="Másik Kft.")
    fill(form, 2, kind="streaming", service="Új szolgáltató", date="2026-08-28")
    press(form, status=303)
    made = {each.subject_name: each for each in entries(site)}
    films = [made[name].id for name in ("Egy", "Kettő", "Kettő")]
    batches = [made[name].batch for name in ("Egyik Kft.", "Másik Kft.", "Új szolgáltató")]
    assert batches == [names_batch(number) for number in films]
    undo(site, made["Kettő"])
    assert movies_of(site) == ["Átnevezve", "Egy"]
    assert "Egyik Kft." in names(site)
    assert "Másik Kft." not in names(site)


def test_new_distributor_is_made_once(site: TestApp, editor: TestApp) -> None:
    form = grid_of(editor)
    for row in range(3):
        fill(form, row, title=f"Film {row}", distributor="Új Forgalmazó")
    press(form, status=303)
    with services_of(site.app.registry).database.read() as session:
        wanted = select(func.count()).where(Distributor.name == "Új Forgalmazó")
        assert session.scalar(wanted) == 1


def test_drafts_of_the_week_are_published_in_bulk(site: TestApp, editor: TestApp) -> None:
    form = grid_of(editor)
    fill(form, 0, title="Egy")
    fill(form, 1, title="Kettő")
    page = press(form, status=303).follow()
    publish = next(each for each in page.forms.values() if "movie" in each.fields)
    job = publish.submit("do", status=303)
    join_threads("bulk-")
    assert "2" in job.follow().text
    assert "/manager/bulk/" in job.location


def test_overview_links_to_this_and_the_next_week(editor: TestApp) -> None:
    page = editor.get("/manager")
    for week in ("2026-W34", "2026-W35"):
        assert page.html.select(f'a[href="/manager/week/{week}/grid"]')


def test_save_that_refreshes_no_page_says_nothing_of_their_freshness(
    cached: TestApp, movies: Movies
) -> None:
    editor, path = signed_in(cached, Role.EDITOR), f"/manager/week/{week_here().name}/grid"
    form = grid_of(editor, path)
    row = next(n for n in range(9) if not cell(form, n, "title"))
    fill(form, row, title="Oldal nélkül")
    page = press(form, status=303).follow()
    notice = page.html.select_one("div[role=status]").text
    assert "Mentve." in notice
    assert "friss" not in notice
    form = grid_in(page)
    titles = [cell(form, n, "title") for n in range(row)]
    fill(form, titles.index("Itt van"), title="Átnevezve")
    notice = press(form, status=303).follow().html.select_one("div[role=status]").text
    assert "friss volt" in notice
