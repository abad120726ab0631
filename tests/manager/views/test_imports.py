"""Imports in the manager: start, preview, choice, application, errors."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import func, select, update
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import Role
from moziweb.manager.imports.jobs import IMPORT_HEARTBEAT_TIMEOUT, effects_of
from moziweb.manager.imports.models import ImportItem, ImportJob, ImportUpload, JobState
from moziweb.manager.movies.changes import states
from moziweb.manager.views.imports import MAX_UPLOAD
from moziweb.movies.importers.file_readers import MAX_LIST_ROWS
from moziweb.movies.importers.planning import Effect
from moziweb.movies.models import (
    CreditRole,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
)
from moziweb.services import services_of
from tests.conftest import NOW
from tests.factories import add_people, make_movie
from tests.hostile_ids import MALFORMED_IDS
from tests.manager.conftest import BOTH, NAMES, Clock, csrf_of, signed_in
from tests.manager.movie_forms import movie_form, press
from tests.manager.views.test_bin import one_id
from tests.measured import cpu_limit
from tests.movies.importers.dirt import DATE_FORMAT, dirty_list
from tests.movies.importers.test_row_accounting import LISTS
from tests.movies.importers.tmdb_world import a_movie, catalogue
from tests.services.tmdb import TOKEN, Answer, TmdbServer, rate_limited, unavailable
from tests.services.tmdb_movies import release
from tests.site.cached import Movies, week_here
from tests.threads import join_threads, wait_until

LIST = """\
external_id;title;release_date;runtime;overview
1;Dűne;2026.12.17.;165;<script>alert(1)</script>
2;;2026.12.17.;90;
3;Az ötödik elem;2026.13.45.;126;
"""

ODD_IDS = [text for text in MALFORMED_IDS if text.strip() == text != "1.0"]


@pytest.fixture(scope="module")
def tmdb_server() -> Iterator[TmdbServer]:
    with TmdbServer() as server:
        yield server


@pytest.fixture
def tmdb(tmdb_server: TmdbServer) -> TmdbServer:
    tmdb_server.movies.clear()
    return tmdb_server


@pytest.fixture
def local(local: dict[str, str], tmdb: TmdbServer) -> dict[str, str]:
    return {
        **local, "tmdb.base_url": tmdb.base_url, "tmdb.token": TOKEN, "tmdb.tries": "1",
    }  # fmt: skip


def begin(browser: TestApp, **fields: Any) -> Any:
    """Submits one of the forms."""
    sent = {"csrf_token": csrf_of(browser), **fields}
    data = sent.pop("file", None)
    content = data.encode() if isinstance(data, str) else data
    files = None if data is None else [("file", sent.pop("filename", "lista.csv"), content)]
    return browser.post("/manager/imports", sent, upload_files=files, status="*")


def previewed(browser: TestApp, **fields: Any) -> Any:
    """Starts an import, waits for its preview and returns the page.

    If a list has unknown headings, the proposals for them are confirmed.
    """
    answer = begin(browser, **fields)
    assert answer.status_int == 303, answer.text
    if "/imports/lists/" in answer.location:
        answer = list_form(answer.follow()).submit("do", value="preview", status=303)
    join_threads("import-")
    return browser.get(answer.location)


def list_form(page: Any) -> Any:
    """The form in which the columns of a list are chosen."""
    return next(form for form in page.forms.values() if "column-0" in form.fields)


def applied(page: Any, button: str = "chosen", **fields: Any) -> Any:
    """Presses a button of a preview, waits and returns the page with the results."""
    form = next(each for each in page.forms.values() if each.action.endswith(page.request.path))
    for name, value in fields.items():
        form[name] = value
    answer = form.submit("do", value=button)
    join_threads("import-")
    return answer.follow()


def rows(site: TestApp, model: Any) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_list_is_previewed_and_then_imported(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    assert rows(site, Movie) == 0
    text = page.html.find("table").get_text(" ", strip=True)
    assert "Dűne" in text
    assert "3. sor" in text
    assert "hiányzik" in text
    assert "Dátum: nincs ilyen nap: '2026.13.45.'" in text
    assert "<script>alert(1)</script>" not in page.text
    done = applied(page)
    assert rows(site, Movie) == 2
    assert "elkészült" in done.text
    with services_of(site.app.registry).database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "film.import"))
        assert {each.subject_name for each in entries} == {"Dűne", "Az ötödik elem"}
    again = previewed(editor, do="file", file=LIST)
    assert again.html.find(attrs={"name": "movie"}) is None
    assert rows(site, Movie) == 2


def test_only_ticked_items_are_imported(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    boxes = page.forms[1].fields["movie"]
    assert [box._value for box in boxes] == ["1", "3"]
    boxes[0].checked = False
    applied(page)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.title)).all() == ["Az ötödik elem"]


def test_choice_belongs_to_the_job_across_pages(site: TestApp, editor: TestApp) -> None:
    """Of 150 rows one of each page is unticked; the rest is imported, and these two still wait."""
    lines = "".join(f"{n};Film {n};2026-12-17;90;\n" for n in range(1, 151))
    page = previewed(editor, do="file", file=LIST.partition("\n")[0] + "\n" + lines)
    form = page.forms[1]
    form.fields["movie"][6].checked = False
    second = form.submit("do", value="turn").follow()
    assert "149 / 150" in second.text
    assert len(second.forms[1].fields["movie"]) == 50
    second.forms[1].fields["movie"][49].checked = False
    done = applied(second)
    assert rows(site, Movie) == 148
    assert "elkészült" not in done.text
    left = applied(done, "all")
    assert rows(site, Movie) == 150
    assert "elkészült" in left.text
    with services_of(site.app.registry).database.read() as session:
        last = session.scalars(select(Movie.title).order_by(Movie.id.desc()).limit(2)).all()
    assert set(last) == {"Film 7", "Film 150"}


@pytest.mark.parametrize("is_published", [False, True])
def test_tick_to_publish_new_films_stays_when_the_page_is_turned(
    site: TestApp, editor: TestApp, is_published: bool
) -> None:
    lines = "".join(f"{n};Film {n};2026-12-17;90;\n" for n in range(1, 102))
    page = previewed(editor, do="file", file=LIST.partition("\n")[0] + "\n" + lines)
    form = page.forms[1]
    form["publish"].checked = is_published
    second = form.submit("do", value="turn").follow()
    assert second.forms[1]["publish"].checked is is_published
    applied(second)
    with services_of(site.app.registry).database.read() as session:
        assert set(session.scalars(select(Movie.published))) == {is_published}


def test_page_without_a_choice_changes_no_tick(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    refused = editor.get(page.request.path, {"show": "refused"})
    assert "movie" not in refused.forms[1].fields
    sent = {"csrf_token": csrf_of(editor), "do": "turn", "show": "refused"}
    editor.post(page.request.path, sent, status=303)
    again = editor.get(page.request.path)
    assert "2 / 2" in again.text


def test_nothing_ticked_imports_nothing(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    for box in page.forms[1].fields["movie"]:
        box.checked = False
    again = applied(page)
    assert rows(site, Movie) == 0
    assert "választásra vár" in again.text
    assert [box.checked for box in again.forms[1].fields["movie"]] == [False, False]


def test_a_week_of_tmdb_with_its_attribution(
    site: TestApp, editor: TestApp, tmdb: TmdbServer
) -> None:
    tmdb.add(a_movie(1, title="Hamupipőke"))
    tmdb.add(a_movie(2, release("2026-09-09", 2)))
    page = previewed(editor, do="premieres", first="2026-09-03", last="2026-09-09")
    assert "Hamupipőke" in page.text
    assert "not endorsed or certified by TMDB" in page.text
    applied(page, "all")
    with services_of(site.app.registry).database.read() as session:
        assert set(session.scalars(select(Movie.tmdb_id))) == {1001, 1002}
        assert set(session.scalars(select(FieldProvenance.fetched_at))) == {NOW}


def test_search_results_are_imported_by_id(editor: TestApp, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1, title="Hamupipőke"))
    page = editor.get("/manager/imports", {"title": "hamu"})
    form = next(each for each in page.forms.values() if "id" in each.fields)
    form["id"].checked = True
    shown = form.submit("do", value="movies")
    join_threads("import-")
    assert "Hamupipőke" in shown.follow().html.find("table").text
    imdb = previewed(editor, do="movies", ids=f"https://www.imdb.com/title/{catalogue(1).imdb_id}/")
    assert "Hamupipőke" in imdb.html.find("table").text


def test_search_has_a_time_limit(editor: TestApp, tmdb: TmdbServer) -> None:
    tmdb.answer_next("/3/search/movie", rate_limited(50))
    began = time.monotonic()
    for text in ("A TMDB nem válaszol", "A TMDB várakozást kért"):
        page = editor.get("/manager/imports", {"title": "hamu"})
        assert text in page.html.find(role="alert").text
    assert time.monotonic() - began < 10


def test_manual_edits_are_shown_as_kept(site: TestApp, editor: TestApp, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1, title="Hamupipőke"))
    applied(previewed(editor, do="movies", ids="1001"), "all")
    with services_of(site.app.registry).database.write() as session:
        movie = session.scalars(select(Movie)).one()
        movie.title = "Saját cím"
        session.get_one(FieldProvenance, (movie.id, "title")).source = "hand"
    tmdb.add(a_movie(1, release("2026-10-08"), title="Hamupipőke"))
    page = previewed(editor, do="movies", ids="1001")
    kept = page.html.find(class_="kept").get_text(" ", strip=True)
    assert "Saját cím" in kept
    assert "marad: kézzel írták be" in kept
    applied(page)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.title)).one() == "Saját cím"
        assert str(session.scalars(select(Premiere.date)).one()) == "2026-10-08"
    assert rows(site, PremiereChange) == 1


def test_movie_changed_since_the_preview_is_refused(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    other = previewed(signed_in(site, next(iter(NAMES))), do="file", file=LIST)
    applied(other)
    done = applied(page)
    assert "megváltozott" in done.text
    assert rows(site, Movie) == 2


def test_an_outage_keeps_the_finished_part(editor: TestApp, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1))
    tmdb.add(a_movie(2))
    tmdb.answer_next("/3/movie/1002", unavailable())
    page = previewed(editor, do="movies", ids="1001 1002")
    assert "A TMDB nem válaszol (/movie/1002: 503/9" in page.text
    assert "TMDB does not respond" in editor.get(f"/en{page.request.path}").text
    assert len(page.html.find("tbody").find_all("tr")) == 1


INVALID: tuple[tuple[dict[str, str], str], ...] = (
    ({"do": "movies", "ids": "nm1"}, "nem IMDb-azonosító"),
    ({"do": "movies", "ids": " "}, "azonosító"),
    *(({"do": "movies", "ids": id_}, "azonosító") for id_ in ODD_IDS),
    ({"do": "premieres", "first": "soon", "last": "2026-09-09"}, "két dátum"),
    ({"do": "premieres", "first": "2026-09-09", "last": "2026-09-03"}, "nap"),
    ({"do": "file"}, "válasszon"),
)
"""Fields of the forms, and a part of the answer."""


def test_invalid_parameters_are_explained(editor: TestApp) -> None:
    for fields, text in INVALID:
        answer = begin(editor, **fields)
        assert answer.status_int == 422, fields
        assert text in answer.html.find(class_="problem").text, fields


ADVICE = "mentse a listát UTF-8 kódolású CSV-ként"


NO_LISTS: tuple[tuple[bytes | Callable[[], bytes], str], ...] = (
    (b"PK\x03\x04\x14\x00", "a munkafüzet nem olvasható"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "2007 előtti (xls) munkafüzet"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00", ADVICE),
    ("title;release_date\n".encode("utf-32-le"), ADVICE),
    (b"\xff\xfet", ADVICE),
    (b"", "nincsenek oszlopnevek"),
    (b"\0", ADVICE),
    (b"title\n" + b"a\n" * (MAX_LIST_ROWS + 1), "több mint 10000 sor"),
    (lambda: b"title\n" + b"a\n" * 300_000, "több mint 100000 sor"),
    (lambda: b"title\n" + b"a" * MAX_UPLOAD, "nagyobb, mint 10 MB"),
    (b'title;"x\na;b\n', "idézőjel nincs lezárva"),
)
"""The bytes of a file, and a part of the answer."""


def test_file_that_is_no_list_is_answered_with_advice_at_once(
    site: TestApp, editor: TestApp
) -> None:
    for data, text in NO_LISTS:
        sent = data() if callable(data) else data
        with cpu_limit(2):
            answer = begin(editor, do="file", file=sent)
        assert answer.status_int == 422, text
        assert text in answer.html.find(class_="problem").text
    assert (rows(site, ImportJob), rows(site, ImportUpload)) == (0, 0)


ODD_LISTS: tuple[Path | bytes, ...] = (
    LISTS / "cp1250.csv",
    LISTS / "cp1250_headings.csv",
    LISTS / "vertigo-cp1250.csv",
    LISTS / "real.xlsx",
    LISTS / "utf16le_bom.csv",
    LISTS / "unclosed_quote_last.csv",
    b'[{"title": "\\ud800", "\\udce9\\u0000": 1}, {"title": "A\\u0000"}]',
    b'[{"title": "A", "runtime": %b, "tmdb_id": 1e400}]' % (b"9" * 5000),
    b"title;a\0b;imdb_id\nA\0;\0;tt0000001\0\n",
)


@BOTH
def test_page_of_an_odd_list_is_shown(site: TestApp, editor: TestApp) -> None:
    """Each row is counted once, also after the import."""
    for number, given in enumerate(ODD_LISTS, start=1):
        data = given if isinstance(given, bytes) else given.read_bytes()
        page = previewed(editor, do="file", file=data, filename="a\0b\x1b.csv", list=f"x\0{number}")
        choices = page.html.find(attrs={"name": "movie"})
        for shown in (page, applied(page, "all") if choices else page):
            assert editor.get(f"/en{shown.request.path}").status_int == 200
            with services_of(site.app.registry).database.read() as session:
                job = session.scalars(select(ImportJob).order_by(ImportJob.id.desc())).first()
                assert job is not None
                effects = effects_of(session, job.id)
            assert job.error == "", given
            assert job.id == number
            assert sum(effects.values()) == job.terms["rows"] > 0, given
            assert f"Beolvasott sorok: {job.terms['rows']}" in shown.text


def test_page_of_a_job_from_an_earlier_version_is_shown(site: TestApp, editor: TestApp) -> None:
    """It may have stored headings that no page can show."""
    path = previewed(editor, do="file", file=LIST).request.path
    with services_of(site.app.registry).database.write() as session:
        job = session.scalars(select(ImportJob)).one()
        job.terms = {"ignored": ["megjegyz\udce9s", "\0", "Műfaj"]}
    for shown in (editor.get(path), editor.get(f"/en{path}")):
        assert "megjegyzs, Műfaj" in shown.text


def test_rows_that_merge_are_counted_and_named(site: TestApp, editor: TestApp) -> None:
    text = 'external_id;title;release_date;release_type;overview\n1;A B;2026-12-10;cinema;"x\ny"\n'
    page = previewed(editor, do="file", file=text + "1;A B;2027-01-10;streaming;\n")
    assert "Beolvasott sorok: 2" in page.text
    assert "2. sor és még 1" in page.html.find("tbody").get_text(" ", strip=True)
    tile = page.html.find(class_="import-tiles").find("strong")
    assert tile.text == "2"


def test_invalid_requests_are_refused(site: TestApp, editor: TestApp) -> None:
    assert begin(editor, do="everything").status_int == 400
    page = previewed(editor, do="file", file=LIST)
    path = page.request.path
    token = csrf_of(editor)
    assert editor.post(path, {"csrf_token": token, "do": "x"}, status="*").status_int == 400
    assert editor.get("/manager/imports/999", status="*").status_int == 404
    for query in ({"show": "x", "after": "y"}, {"show": "refused", "after": "-1"}):
        assert editor.get(path, query).status_int == 200
    shown = [("shown", "1"), ("shown", "3"), ("movie", "99999999999")]
    editor.post(path, [("csrf_token", token), ("do", "chosen"), *shown], status=303)
    join_threads("import-")
    assert rows(site, Movie) == 0


def test_interrupted_import_continues(site: TestApp, editor: TestApp, clock: Clock) -> None:
    """A process ended while it worked: the lease is there, the worker is not."""
    page = previewed(editor, do="file", file=LIST)
    path = page.request.path
    with services_of(site.app.registry).database.write() as session:
        job = session.scalars(select(ImportJob)).one()
        job.state, job.beat_at = JobState.LOOKING, clock.now
        for item in session.scalars(select(ImportItem).where(ImportItem.position > 1)):
            item.effect = None
    fields = {"csrf_token": csrf_of(editor), "do": "continue"}
    assert editor.post(path, fields, status="*").status_int == 400
    piece = editor.get(path, headers={"HX-Request": "true"})
    assert piece.html.select_one("#live[hx-trigger]")
    assert "HX-Refresh" not in piece.headers
    clock.now += IMPORT_HEARTBEAT_TIMEOUT + timedelta(seconds=1)
    assert "continue" in editor.get(path).text
    assert editor.get(path, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    editor.post(path, fields, status=303)
    join_threads("import-")
    shown = editor.get(path)
    assert len(shown.html.find("tbody").find_all("tr")) == 3
    applied(shown)
    assert rows(site, Movie) == 2


def test_only_one_worker_runs_an_import(
    site: TestApp, editor: TestApp, tmdb: TmdbServer, clock: Clock
) -> None:
    """A worker without heartbeats for too long loses its lease and stops."""
    for number in (1, 2):
        tmdb.add(a_movie(number))
    tmdb.requests.clear()
    tmdb.answer_next("/3/movie/1001", Answer(200, b"{}", let_go=(let_go := threading.Event())))
    path = begin(editor, do="movies", ids="1001 1002").location
    wait_until(lambda: "/3/movie/1001" in tmdb.paths())
    first = claim_of(site)
    clock.now += IMPORT_HEARTBEAT_TIMEOUT + timedelta(seconds=1)
    editor.post(path, {"csrf_token": csrf_of(editor), "do": "continue"}, status=303)
    wait_until(lambda: claim_of(site) != first)
    let_go.set()
    join_threads("import-")
    with services_of(site.app.registry).database.read() as session:
        (job,) = session.scalars(select(ImportJob))
        effects = session.scalars(select(ImportItem.effect).order_by(ImportItem.position)).all()
    assert (job.state, job.done, job.error, job.claim) == (JobState.LOOKED, 2, "", None)
    assert effects == [Effect.NEW, Effect.NEW]


def claim_of(site: TestApp) -> str | None:
    """The token of the worker that runs the only import."""
    with services_of(site.app.registry).database.read() as session:
        return session.scalars(select(ImportJob.claim)).one()


def test_old_imports_are_deleted(site: TestApp, editor: TestApp, clock: Clock) -> None:
    applied(previewed(editor, do="file", file=LIST))
    clock.pass_(days=91)
    previewed(signed_in(site, Role.EDITOR), do="file", file="title;runtime\nMás film;90\n")
    assert (rows(site, ImportJob), rows(site, ImportItem)) == (1, 1)
    assert rows(site, Movie) == 2


FORGET_IDS = "DELETE FROM sqlite_sequence WHERE name = 'import_job'"


def test_import_with_the_id_of_a_deleted_one_is_taken_back_alone(
    site: TestApp, editor: TestApp, clock: Clock
) -> None:
    """Before migration 0048, SQLite gave the id again; the audit keeps those entries."""

    def only_job() -> ImportJob:
        with services_of(site.app.registry).database.read() as session:
            return session.scalars(select(ImportJob)).one()

    first = previewed(editor, do="file", file="title;runtime\nRégi film;90\n")
    with services_of(site.app.registry).database.write() as session:
        session.execute(update(ImportJob).values(batch_token=None))  # of the release before
    old = only_job()
    first = applied(first)
    assert first.html.find("input", attrs={"name": "batch"})["value"] == f"import:{old.id}"
    clock.pass_(days=91)
    with services_of(site.app.registry).database.write() as session:
        session.execute(sqlalchemy.text(FORGET_IDS))
    editor = signed_in(site, Role.EDITOR)
    done = applied(previewed(editor, do="file", file="title;runtime\nÚj film;90\n"))
    assert only_job().id == old.id
    assert "1 filmből 1" in taken_back(editor, done.request.path).text
    assert set(snapshot(site)["movies"]) == {"Régi film"}


def test_report_names_every_bad_row_of_a_list(site: TestApp, editor: TestApp) -> None:
    """As with the command: the other rows are imported, and a second import changes nothing."""
    dirt = dirty_list()
    fields = {"do": "file", "file": dirt.data.decode(), "list": "Vega"}
    form = list_form(begin(editor, **fields).follow())
    form["date_format"] = DATE_FORMAT
    page = form.submit("do", value="preview", status=303)
    join_threads("import-")
    page = page.follow()
    job = int(page.request.path.rpartition("/")[2])
    assert named(site, job) == dirt.bad
    refused = editor.get(page.request.path, {"show": "refused"})
    text = [each.get_text(" ", strip=True) for each in refused.html.find("tbody").find_all("th")]
    assert text == ["cím nélkül 40. elem", "cím nélkül 90. elem"]
    applied(page, "all")
    assert rows(site, Movie) == dirt.movies - 2
    assert rows(site, Premiere) == dirt.movies - 5
    again = begin(editor, **fields)
    assert "/imports/lists/" not in again.location
    join_threads("import-")
    assert again.follow().html.find(attrs={"name": "movie"}) is None
    with services_of(site.app.registry).database.read() as session:
        effects = effects_of(session, job + 1)
    assert effects == {Effect.SAME: dirt.movies - 2, Effect.REFUSED: 2}


def named(site: TestApp, job: int) -> set[tuple[str, str]]:
    """The places and columns in an import's report."""
    with services_of(site.app.registry).database.read() as session:
        found = session.scalars(select(ImportItem.problems).where(ImportItem.job_id == job))
        return {(each["place"], each["column"]) for problems in found for each in problems}


def test_without_a_token_tmdb_is_not_requested(
    site: TestApp, editor: TestApp, tmdb: TmdbServer
) -> None:
    site.app.registry.settings["tmdb.token"] = None
    tmdb.requests.clear()
    assert "tmdb.token" in editor.get("/manager/imports", {"title": "a"}).text
    assert begin(editor, do="movies", ids="1").status_int == 422
    assert tmdb.requests == []


def test_a_page_costs_the_same_queries_with_more_movies(
    site: TestApp, editor: TestApp, query_counter: Any
) -> None:
    few = previewed(editor, do="file", file=LIST).request.path
    many_rows = "".join(f"{n};Film {n};2026-12-17;90;\n" for n in range(10, 200))
    many = previewed(editor, do="file", file=LIST + many_rows).request.path
    engine = services_of(site.app.registry).database.engine
    counts = []
    for path in (few, many):
        with query_counter(engine) as statements:
            page = editor.get(path)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 5
    assert page.html.find("button", value="turn")


def test_entries_of_an_import_name_the_pages_that_it_refreshes(
    cached: TestApp, movies: Movies
) -> None:
    editor, week = signed_in(cached, Role.EDITOR), week_here()
    lines = f"external_id;title;release_date\n1;Dűne;{week.thursday}\n2;Solaris;2031-01-02\n"
    applied(previewed(editor, do="file", file=lines), publish=True)
    with services_of(cached.app.registry).database.read() as session:
        imported = select(AuditEntry).where(AuditEntry.action == "film.import")
        pages = {each.subject_name: set(each.pages) for each in session.scalars(imported)}
    assert {"/", f"/week/{week.name}"} <= pages["Dűne"]
    assert f"/week/{week.name}" not in pages["Solaris"]
    shown = editor.get("/manager/audit").html.find_all("details")
    assert f"/week/{week.name}" in " ".join(each.get_text() for each in shown)


def test_import_is_taken_back_as_a_whole(site: TestApp, editor: TestApp) -> None:
    page = applied(previewed(editor, do="file", file=LIST), publish=True)
    with services_of(site.app.registry).database.read() as session:
        titles = session.scalars(select(Movie.title)).all()
    assert len(titles) == 2
    for button in ("undo", "run"):
        (form,) = [
            form
            for form in page.forms.values()
            if button in [each.value_if_submitted() for each in form.fields.get("do", ())]
        ]
        page = form.submit("do", value=button, status=303)
        join_threads("bulk-")
        page = page.follow()
    assert rows(site, Movie) == 0
    assert "2 filmből 2" in page.text
    page = editor.get("/manager/bin")
    assert [title for title in titles if title not in page.html.text] == []


LANDMARKS = (
    "section[aria-label], section[aria-labelledby], [role=region], [role=search], nav, aside, main"
)


def name_of(page: Any, landmark: Any) -> tuple[str, str]:
    """The role and the accessible name of a landmark."""
    label = page.find(id=landmark.get("aria-labelledby") or "none")
    name = label.get_text(" ", strip=True) if label else landmark.get("aria-label", "")
    role = "region" if landmark.name == "section" else landmark.name
    return landmark.get("role", role), name


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize("path", ["", "/lists/1", "/1", "/1?show=new"])
def test_landmarks_have_names_of_their_own(editor: TestApp, prefix: str, path: str) -> None:
    """On all pages of imports: one with several pages, and a list whose columns are confirmed."""
    lines = "".join(f"{n};Film {n};2026-12-10\n" for n in range(1, 120))
    list_ = f"external_id;title;release_date\n{lines}"
    previewed(editor, do="file", file=list_)
    page = editor.get(f"{prefix}/manager/imports{path}").html
    names = [name_of(page, each) for each in page.select(LANDMARKS)]
    assert len(names) > 2
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("publish", [False, True])
def test_new_films_are_drafts_unless_they_are_ticked_to_be_published(
    site: TestApp, editor: TestApp, publish: bool
) -> None:
    page = previewed(editor, do="file", file=LIST)
    assert page.forms[1]["publish"].checked is False
    applied(page, publish=publish)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Movie.published)).all() == [publish] * 2


def test_drafts_refresh_no_page(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    lines = f"external_id;title;release_date\n1;Dűne;{week_here().thursday}\n"
    applied(previewed(editor, do="file", file=lines))
    with services_of(cached.app.registry).database.read() as session:
        imported = select(AuditEntry).where(AuditEntry.action == "film.import")
        assert session.scalars(imported).one().pages == []


NEW_NAMES = "title;distributor;genres\nEgy;Vertigo Média;Űropera\nKettő;Vertigo Média;Dráma\n"


def test_new_names_are_flagged_before_they_are_made(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=NEW_NAMES)
    notice = page.html.find(class_="notice").get_text(" ", strip=True)
    assert notice.count("új forgalmazó: Vertigo Média") == 1
    assert "új műfaj: Űropera" in notice
    row = page.html.find("tbody").find("tr").get_text(" ", strip=True)
    assert "új forgalmazó: Vertigo Média" in row
    assert rows(site, Distributor) == 0
    applied(page)
    again = previewed(editor, do="file", file=NEW_NAMES.replace("Vertigo Média", "vertigo media"))
    notice = again.html.find(class_="notice").get_text(" ", strip=True)
    assert "új forgalmazó: vertigo media; van már ilyen: Vertigo Média" in notice
    assert "Űropera" not in notice


TWINS = "title;runtime\nIkrek;90\nMásik;80\n"


@pytest.fixture
def twins(site: TestApp) -> list[int]:
    with services_of(site.app.registry).database.write() as session:
        return [make_movie(session, "Ikrek", runtime=None).id for _ in range(2)]


@pytest.mark.parametrize("which", [0, 1, "new"])
def test_film_of_an_ambiguous_row_is_chosen_and_shown_before_it_is_written(
    site: TestApp, editor: TestApp, twins: list[int], which: Any
) -> None:
    page = previewed(editor, do="file", file=TWINS)
    form = page.forms[1]
    values = [value for value, _selected, _text in form["match-1"].options]
    assert values == ["", *map(str, twins), "new"]
    form["match-1"] = "new" if which == "new" else str(twins[which])
    form.fields["movie"][0].checked = False  # the other row
    shown = form.submit("do", value="chosen", status=303).follow()
    assert "választásra vár" in shown.text
    first, second = shown.html.find("tbody").find_all("tr")
    assert "90" in first.find(class_="differences").text
    assert [first.find(attrs={"name": "movie"}).has_attr("checked"),
            second.find(attrs={"name": "movie"}).has_attr("checked")] == [True, False]  # fmt: skip
    applied(shown)
    with services_of(site.app.registry).database.read() as session:
        runtimes = {each.id: each.runtime for each in session.scalars(select(Movie))}
    if which == "new":
        assert len(runtimes) == 3
        assert [runtimes.pop(each) for each in twins] == [None, None]
        assert list(runtimes.values()) == [90]
    else:
        assert runtimes == {twins[which]: 90, twins[1 - which]: None}


def test_choice_of_a_film_can_be_taken_back(
    site: TestApp, editor: TestApp, twins: list[int]
) -> None:
    page = previewed(editor, do="file", file=TWINS)
    page.forms[1]["match-1"] = str(twins[0])
    shown = page.forms[1].submit("do", value="match").follow()
    shown.forms[1]["match-1"] = ""
    again = shown.forms[1].submit("do", value="match").follow()
    assert "nem különböztethető meg" in again.html.find("tbody").text
    applied(again, "all")
    with services_of(site.app.registry).database.read() as session:
        assert set(session.scalars(select(Movie.runtime))) == {None, 80}


def test_film_that_was_not_offered_cannot_be_chosen(
    site: TestApp, editor: TestApp, twins: list[int]
) -> None:
    page = previewed(editor, do="file", file=TWINS)
    with services_of(site.app.registry).database.write() as session:
        other = make_movie(session, "Nem ez").id
    for value in (str(other), "x", "-1"):
        sent = {"csrf_token": csrf_of(editor), "do": "match", "match-1": value, "match-2": value}
        editor.post(page.request.path, sent, status=303)
    assert editor.get(page.request.path).forms[1]["match-1"].value == ""


def test_file_is_kept_until_the_import_begins(site: TestApp, editor: TestApp) -> None:
    page = previewed(editor, do="file", file=LIST)
    assert rows(site, ImportUpload) == 1
    assert "/manager/imports/lists/1" in page.text
    done = applied(page)
    assert rows(site, ImportUpload) == 0
    assert "/manager/imports/lists/1" not in done.text


def taken_back(editor: TestApp, path: str) -> Any:
    """Takes an import back as an editor does; returns the page of the finished job."""
    page = editor.get(path)
    form = next(each for each in page.forms.values() if each.action.endswith("/manager/bulk"))
    answer = form.submit("do", value="undo", status=303)
    join_threads("bulk-")
    counted = answer.follow()
    form = next(each for each in counted.forms.values() if "/manager/bulk/" in each.action)
    done = form.submit("do", value="run", status=303)
    join_threads("bulk-")
    return done.follow()


def snapshot(site: TestApp) -> dict[str, Any]:
    """All movies as they are, and all names."""
    with services_of(site.app.registry).database.read() as session:
        movies = {
            each.values.title: replace(each, premieres={})
            for each in states(session, session.scalars(select(Movie.id)).all()).values()
        }
        names = {
            model.__name__: sorted(session.scalars(select(model.name)))
            for model in (Distributor, Genre, Person, StreamingService)
        }
        people = session.execute(select(Person.name, Person.tmdb_id))
        tmdb_ids = {row.name: row.tmdb_id for row in people}
        return {"movies": movies, "names": names, "tmdb_ids": tmdb_ids}


MORE = """\
external_id;title;release_date;runtime;distributor;genres
1;Dűne;2026.12.17.;166;Új Kft.;Vígjáték
4;Csodaország;2026.12.24.;100;Új Kft.;Kalandfilm|Vígjáték
5;Rózsa;2026.12.24.;90;Másik Kft.;Kalandfilm
"""


@BOTH
def test_a_whole_import_of_a_list_is_taken_back(site: TestApp, editor: TestApp) -> None:
    """With the distributors and genres that it has made, and the values that it has changed."""
    applied(previewed(editor, do="file", file=LIST))
    before = snapshot(site)
    done = applied(previewed(editor, do="file", file=MORE), publish=True)
    after = snapshot(site)
    assert len(after["movies"]) == len(before["movies"]) + 2
    assert after["movies"]["Dűne"] != before["movies"]["Dűne"]
    assert after["names"]["Distributor"] == ["Másik Kft.", "Új Kft."]
    undone = taken_back(editor, done.request.path)
    assert "3 filmből 3" in undone.text
    assert snapshot(site) == before
    assert "importálás visszavonása" not in editor.get(done.request.path).text

    # That is a change as well: taken back, all of the import is there again.
    again = taken_back(editor, undone.request.path)
    assert "3 filmből 3" in again.text
    assert snapshot(site) == after
    assert "Az egész visszavonása" not in editor.get(undone.request.path).text


@BOTH
def test_a_list_that_was_taken_back_is_imported_again(site: TestApp, editor: TestApp) -> None:
    """With the same differences: no value counts as entered by hand."""
    applied(previewed(editor, do="file", file=LIST))
    first = previewed(editor, do="file", file=MORE)
    done = applied(first)
    after = snapshot(site)["movies"]["Dűne"]
    taken_back(editor, done.request.path)
    again = previewed(editor, do="file", file=MORE)
    assert again.html.find("tbody").get_text() == first.html.find("tbody").get_text()
    applied(again)
    same = snapshot(site)["movies"]["Dűne"]
    assert (same.values.runtime, same.origins) == (166, after.origins)


@BOTH
def test_wrong_choice_that_was_taken_back_is_asked_for_again(
    site: TestApp, editor: TestApp, twins: list[int]
) -> None:
    for which in (0, 1):
        page = previewed(editor, do="file", file=TWINS)
        page.forms[1]["match-1"] = str(twins[which])
        done = applied(page.forms[1].submit("do", value="match").follow(), "all")
        with services_of(site.app.registry).database.read() as session:
            runtimes = {each.id: each.runtime for each in session.scalars(select(Movie))}
        assert (runtimes[twins[which]], runtimes[twins[1 - which]]) == (90, None)
        undone = taken_back(editor, done.request.path)
    # The choice comes back with the import.
    taken_back(editor, undone.request.path)
    page = previewed(editor, do="file", file=TWINS)
    assert "match-1" not in page.forms[1].fields
    assert "változatlan" in page.html.find("tbody").text


@BOTH
def test_a_partly_applied_import_is_taken_back(site: TestApp, editor: TestApp) -> None:
    """The rest still waits for a choice, and can be imported after that."""
    page = previewed(editor, do="file", file=LIST)
    assert "importálás visszavonása" not in page.text
    page.forms[1].fields["movie"][0].checked = False
    part = applied(page)
    assert rows(site, Movie) == 1
    assert "választásra vár" in part.text
    assert "importálás visszavonása" in part.text
    taken_back(editor, part.request.path)
    assert rows(site, Movie) == 0
    assert "importálás visszavonása" not in editor.get(part.request.path).text
    applied(editor.get(part.request.path), "all")
    assert rows(site, Movie) == 1


STREAMED = """\
external_id;title;release_date;release_type;distributor
7;Otthon;2026.12.17.;streaming;Néző+
8;Megint otthon;2026.12.24.;streaming;Néző+
"""


@BOTH
def test_a_service_that_an_import_has_made_goes_and_comes_back_with_it(
    site: TestApp, editor: TestApp
) -> None:
    before = snapshot(site)
    done = applied(previewed(editor, do="file", file=STREAMED))
    after, service = snapshot(site), one_id(site, StreamingService, name="Néző+")
    undone = taken_back(editor, done.request.path)
    assert snapshot(site) == before
    again = taken_back(editor, undone.request.path)
    assert snapshot(site) == after
    assert one_id(site, StreamingService, name="Néző+") == service
    taken_back(editor, again.request.path)
    assert snapshot(site) == before
    with services_of(site.app.registry).database.read() as session:
        of_service = AuditEntry.subject == "service", AuditEntry.subject_id == service
        entries = session.scalars(select(AuditEntry).where(*of_service).order_by(AuditEntry.id))
        assert [(each.action, each.subject_name) for each in entries] == [
            (f"service.{action}", "Néző+") for action in ("create", "delete", "restore", "delete")
        ]
    assert "streamingszolgáltató törölve" in editor.get("/manager/audit").text


@BOTH
def test_a_whole_import_from_tmdb_is_taken_back(
    site: TestApp, editor: TestApp, tmdb: TmdbServer
) -> None:
    with services_of(site.app.registry).database.write() as session:
        movie = make_movie(session, "Hamupipőke", tmdb_id=1001)
        add_people(session, movie, CreditRole.CAST, *catalogue(1).cast[:1])
    before = snapshot(site)
    for number in (1, 2, 3):
        tmdb.add(a_movie(number))
    done = applied(previewed(editor, do="movies", ids="1001 1002 1003"))
    after = snapshot(site)
    assert len(after["movies"]) == 3
    assert after["names"]["Person"] != before["names"]["Person"]
    assert after["tmdb_ids"] != before["tmdb_ids"]
    undone = taken_back(editor, done.request.path)
    assert "3 filmből 3" in undone.text
    assert snapshot(site) == before


@BOTH
def test_an_import_is_taken_back_but_for_what_was_changed_since(
    site: TestApp, editor: TestApp
) -> None:
    applied(previewed(editor, do="file", file=LIST))
    done = applied(previewed(editor, do="file", file=MORE))
    with services_of(site.app.registry).database.read() as session:
        rose = session.scalars(select(Movie.id).where(Movie.title == "Rózsa")).one()
    form = movie_form(editor, rose)
    form["runtime"] = "91"
    press(form, status=303)
    undone = taken_back(editor, done.request.path)
    assert "3 filmből 2" in undone.text
    left = snapshot(site)
    assert "Csodaország" not in left["movies"]
    assert left["movies"]["Rózsa"].values.runtime == 91
    # What the film uses stays.
    assert left["names"]["Distributor"] == ["Másik Kft."]
    assert left["names"]["Genre"] == ["Kalandfilm"]


@BOTH
def test_each_new_name_of_an_import_has_an_entry(site: TestApp, editor: TestApp) -> None:
    applied(previewed(editor, do="file", file=MORE))
    with services_of(site.app.registry).database.read() as session:
        made = AuditEntry.action.endswith(".create")
        found = session.scalars(select(AuditEntry).where(made)).all()
        assert sorted((each.action, each.subject_name) for each in found) == [
            ("distributor.create", "Másik Kft."), ("distributor.create", "Új Kft."),
            ("genre.create", "Kalandfilm"), ("genre.create", "Vígjáték"),
        ]  # fmt: skip
        for each in found:
            model: Any = Distributor if each.subject == "distributor" else Genre
            assert session.get_one(model, each.subject_id).name == each.subject_name
    assert "új forgalmazó" in editor.get("/manager/audit").text
