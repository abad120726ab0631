"""``moziweb import``: bad rows are reported, all others imported, and none twice."""

import contextlib
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from moziweb.manager.audit.log import COMMAND as MANAGER
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bulk.jobs import begin_running, changes_of_batch, new_bulk_job
from moziweb.manager.bulk.models import BulkAction, BulkJob
from moziweb.manager.undo.outcome import UndoRefused
from moziweb.manager.undo.reversal import Undoer
from moziweb.movies.importers.list_formats import ListReading, remember_reading
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.importers.report import plan_event
from moziweb.movies.models import Distributor, Movie, Premiere
from moziweb.services import services_of
from tests.movies.importers import vega
from tests.movies.importers.conftest import NOW
from tests.movies.importers.test_row_accounting import LISTS
from tests.movies.importers.tmdb_world import a_movie, catalogue
from tests.services.tmdb import TOKEN, TmdbServer, unavailable
from tests.services.tmdb_movies import release

from .conftest import COMMAND, Run, Site, events
from .test_cache import running
from .test_posters import on_a_terminal

LIST = """\
\ufeffexternal_id;title;release_date;runtime
1;Dűne;2026.12.17.;165
2;;2026.12.17.;90
3;Az ötödik elem;2026.13.45.;126
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def movies(site: Site) -> int:
    with site.database.read() as session:
        return session.scalar(select(func.count()).select_from(Movie)) or 0


def test_import_stops_after_the_film_at_a_signal(
    site: Site, run: Run, listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.write_text(LIST.replace("2;;", "2;Második;"), encoding="utf-8")

    def interrupted(*arguments: Any) -> dict[str, Any]:
        signal.raise_signal(signal.SIGINT)
        return plan_event(*arguments)

    monkeypatch.setattr("moziweb.cli.imports.plan_event", interrupted)
    stopped = run("import", "csv", str(listed))
    assert stopped.returncode == 128 + signal.SIGINT
    assert (events(stopped.stdout)[-1]["stopped"], movies(site)) == (True, 1)


def test_dry_run_shows_differences_and_writes_nothing(site: Site, run: Run, listed: Path) -> None:
    ended = run("import", "csv", str(listed), "--dry-run")
    assert ended.returncode == 1
    first, second, _third, summary = events(ended.stdout)
    assert (first["effect"], first["title"]) == ("new", "Dűne")
    dates = [change for change in first["changes"] if change["field"] == "premieres"]
    assert dates == [
        {"field": "premieres", "before": "", "after": "2026-12-17 cinema", "kept_for": None}
    ]
    assert second["problems"] == [
        {"place": "row 3", "column": "title", "text": "missing", "fatal": True}
    ]
    assert (summary["new"], summary["refused"], summary["dry_run"]) == (2, 1, True)
    assert movies(site) == 0


def test_good_rows_are_imported_and_none_twice(site: Site, run: Run, listed: Path) -> None:
    assert events(run("import", "csv", str(listed)).stdout)[-1]["new"] == 2
    assert movies(site) == 2
    with site.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        titles = session.scalars(select(Movie.title).order_by(Movie.id)).all()
    assert [each.subject_name for each in entries] == titles
    assert {(each.action, each.user_name) for each in entries} == {("film.import", "moziweb")}
    summary = events(run("import", "csv", str(listed)).stdout)[-1]
    assert (summary["new"], summary["changed"], summary["same"]) == (0, 0, 2)
    assert movies(site) == 2


def test_whole_import_of_a_command_is_taken_back(site: Site, run: Run, listed: Path) -> None:
    """By the worker of the manager's bulk actions; each run is an import of its own."""
    run("import", "csv", str(listed))
    listed.write_text("external_id;title;runtime;distributor\n1;Dűne;166;Új Kft.\n4;Rózsa;90;\n")
    run("import", "csv", str(listed))
    with site.database.read() as session:
        batches = session.scalars(select(AuditEntry.batch).order_by(AuditEntry.id)).all()
        imported = select(AuditEntry.batch).where(AuditEntry.action == "film.import")
        first, second = list(dict.fromkeys(session.scalars(imported.order_by(AuditEntry.id))))
    assert (batches.count(first), batches.count(second)) == (2, 2)
    with running(site) as app:
        services = services_of(app.app.registry)
        with services.database.write() as session:
            changes = changes_of_batch(second or "")
            job = new_bulk_job(session, MANAGER, BulkAction.UNDO, changes, NOW)
        services.bulk_runner.work(job.id)
        with services.database.write() as session:
            begin_running(session, session.get_one(BulkJob, job.id))
        services.bulk_runner.work(job.id)
    with site.database.read() as session:
        runtimes = {each.title: each.runtime for each in session.scalars(select(Movie))}
        assert runtimes == {"Dűne": 165, "Az ötödik elem": 126}
        assert session.scalars(select(Distributor.name)).all() == []


@pytest.mark.parametrize("publish", [False, True])
def test_new_films_are_drafts_unless_they_are_to_be_published(
    site: Site, run: Run, listed: Path, publish: bool
) -> None:
    run("import", "csv", str(listed), *(["--publish"] if publish else []))
    with site.database.read() as session:
        assert set(session.scalars(select(Movie.published))) == {publish}


def test_guessed_encoding_is_shown_and_confirmed_before_anything_is_written(
    site: Site, run: Run
) -> None:
    path = str(LISTS / "cp1250.csv")
    shown = run("import", "csv", path, "--dry-run")
    assert shown.stderr == "moziweb: cp1250.csv: read as Windows-1250, which is a guess\n"
    assert events(shown.stdout)[0]["title"] == "Árvíztűrő tükörfúrógép"
    refused = run("import", "csv", path)
    assert (refused.returncode, refused.stdout, movies(site)) == (2, "", 0)
    assert "check the letters with --dry-run, then give --encoding cp1250" in refused.stderr
    done = run("import", "csv", path, "--encoding", "cp1250")
    assert (done.returncode, done.stderr, movies(site)) == (0, "", 3)
    assert run("import", "csv", path, "--encoding", "latin9").returncode == 2


def test_workbook_is_imported(site: Site, run: Run) -> None:
    ended = run("import", "csv", str(LISTS / "real.xlsx"))
    assert (ended.returncode, ended.stderr, movies(site)) == (0, "", 1)


def test_list_is_read_as_the_manager_remembers_it(site: Site, run: Run) -> None:
    reading = ListReading(
        "Vertigo", columns={"title": "Magyar cím", "runtime": "Nyelv"}, usual_encoding="cp1250"
    )
    with site.database.write() as session:
        remember_reading(session, reading, NOW)
    path = str(LISTS / "vertigo-cp1250.csv")
    assert run("import", "csv", path).returncode == 2
    ended = run("import", "csv", path, "--list", "Vertigo", "--column", "runtime=Hossz (perc)")
    assert ended.stderr.startswith("moziweb: ignored columns: Forgalmazó, Eredeti cím")
    with site.database.read() as session:
        assert session.scalar(select(Movie.runtime).where(Movie.title == "Faust")) == 134


def test_new_companies_and_genres_are_named_in_a_dry_run(
    site: Site, run: Run, listed: Path
) -> None:
    listed.write_text("title;distributor;genres\nDűne;Vertigo Média;Űropera\n", encoding="utf-8")
    movie, _summary = events(run("import", "csv", str(listed), "--dry-run").stdout)
    assert movie["flags"] == ["a new genre: Űropera", "a new distributor: Vertigo Média"]
    assert run("import", "csv", str(listed)).returncode == 0
    movie, _summary = events(run("import", "csv", str(listed), "--dry-run").stdout)
    assert movie["flags"] == []


def test_film_of_an_ambiguous_row_is_chosen(site: Site, run: Run, listed: Path) -> None:
    site.add_movie(1)
    site.add_movie(2)
    with site.database.write() as session:
        for movie in session.scalars(select(Movie)):
            movie.title, movie.slug = "Hamupipőke", "hamupipoke"
    listed.write_text("title;runtime\nHamupipőke;90\n", encoding="utf-8")
    row, _summary = events(run("import", "csv", str(listed)).stdout)
    assert [each["id"] for each in row["possible"]] == [1, 2]
    for wrong in ("row 2", "row 2=x", "=1", "row 9=1"):
        assert run("import", "csv", str(listed), "--choose", wrong).returncode == 2
    ended = run("import", "csv", str(listed), "--choose", "row 2=2")
    assert (ended.returncode, events(ended.stdout)[0]["movie"]) == (0, 2)
    with site.database.read() as session:
        assert session.get_one(Movie, 2).runtime == 90


def test_new_reference_without_another_change_is_audited_and_taken_back(
    site: Site, run: Run, listed: Path
) -> None:
    """Its movie may have been a wrong choice, which later imports would follow."""
    site.add_movie(1)
    with site.database.write() as session:
        movie = session.scalars(select(Movie)).one()
        movie.title, movie.slug, movie.runtime = "Hamupipőke", "hamupipoke", 90
    text = "external_id;title;runtime\n7;Hamupipőke;90\n"
    listed.write_text(text, encoding="utf-8")
    for _once in range(2):
        summary = events(run("import", "csv", str(listed)).stdout)[-1]
        assert (summary["new"], summary["changed"], summary["same"]) == (0, 0, 1)
    references = select(MovieReference.ref)
    with running(site) as app, services_of(app.app.registry).database.write() as session:
        editor = services_of(app.app.registry).poster_editor
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.pages) == ("film.import", [])
        assert [change["after"] for change in entry.changes] == ["csv 7"]
        for found in ([], ["7"]):
            entry = Undoer(session, editor, MANAGER, NOW).undo(entry).entry
            assert session.scalars(references).all() == found
        assert [change["after"] for change in entry.changes] == ["csv 7"]
        session.execute(delete(MovieReference))
        with pytest.raises(UndoRefused, match="nothing"):
            Undoer(session, editor, MANAGER, NOW).undo(entry)


DIRTY = [
    *(option for column in vega.COLUMNS for option in ("--column", column)),
    *("--date-format", vega.DATE_FORMAT),
]


def test_report_of_a_dirty_list_names_every_bad_row(site: Site, run: Run) -> None:
    """vega-datasets' 3,201 films: one row is refused."""
    *previewed, summary = events(
        run("import", "csv", str(vega.movies()), *DIRTY, "--dry-run").stdout
    )
    problems = [problem for event in previewed for problem in event["problems"]]
    assert sorted((each["place"], each["column"]) for each in problems) == sorted(vega.BAD)
    refused = [event["place"] for event in previewed if event["effect"] == "refused"]
    assert refused == [vega.TITLELESS]
    assert summary["new"] == vega.MOVIES - 1
    dates = [change for event in previewed for change in event["changes"]]
    dated = vega.MOVIES - 1 - len(vega.OF_ANOTHER_CENTURY)
    assert sum(change["field"] == "premieres" for change in dates) == dated
    assert movies(site) == 0


def test_second_import_of_a_dirty_list_changes_nothing(
    site: Site, run: Run, tmp_path: Path
) -> None:
    """A part of the same films, with all invalid ones: a transaction for each takes 10 ms."""
    data, places = vega.part_of_movies()
    path = tmp_path / "movies.json"
    path.write_bytes(data)
    *imported, summary = events(run("import", "csv", str(path), *DIRTY).stdout)
    problems = [problem for event in imported for problem in event["problems"]]
    expected = sorted((places[place], column) for place, column in vega.BAD)
    assert sorted((each["place"], each["column"]) for each in problems) == expected
    refused = [event["place"] for event in imported if event["effect"] == "refused"]
    assert refused == [places[vega.TITLELESS]]
    assert movies(site) == summary["new"] == len(places) - 1
    dated = len(places) - 1 - len(vega.OF_ANOTHER_CENTURY)
    with site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Premiere)) == dated
        assert session.scalar(select(Movie.id).where(Movie.title == "1776"))
        crashes = select(Premiere.date).join(Movie).where(Movie.title == "Crash")
        assert {each.year for each in session.scalars(crashes)} == {1996, 2005}
    before = everything(site)
    again = events(run("import", "csv", str(path), *DIRTY).stdout)
    assert again[-1] == summary | {"new": 0, "same": len(places) - 1}
    assert everything(site) == before


def everything(site: Site) -> list[str]:
    """The whole database as text."""
    with contextlib.closing(sqlite3.connect(site.folder / "var" / "site.sqlite")) as database:
        return list(database.iterdump())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name;x\na;b\n", "no column is called title"),
        ("[", "not valid JSON"),
        ("title\n" + "a\n" * 10_001, "more than 10000 rows"),
    ],
)
def test_file_that_is_no_list_is_one_line(
    site: Site, run: Run, listed: Path, text: str, message: str
) -> None:
    listed.write_text(text)
    ended = run("import", "csv", str(listed))
    assert ended.returncode == 2
    assert ended.stderr.startswith("moziweb: list.csv: ")
    assert message in ended.stderr
    assert ended.stdout == ""


def test_every_row_of_a_list_is_counted_and_each_refused_one_named(
    site: Site, run: Run, listed: Path
) -> None:
    shutil.copyfile(LISTS / "broken-rows.csv", listed)
    ended = run("import", "csv", str(listed))
    *imported, summary = events(ended.stdout)
    assert ended.returncode == 1
    assert (summary["read"], summary["new"], summary["refused"]) == (7, 1, 6)
    refused = {event["place"] for event in imported if event["effect"] == "refused"}
    assert refused == {f"row {number}" for number in range(3, 9)}
    listed.write_text("external_id,title,release_date,release_type\n1,A,2026-12-10,cinema\n"
                      "1,A,2027-01-10,streaming\n")  # fmt: skip
    merged, summary = events(run("import", "csv", str(listed)).stdout)
    assert (merged["place"], merged["merged"], summary["new"]) == ("row 2", ["row 3"], 2)


@pytest.mark.parametrize("name", ["unclosed_quote_last.csv", "lost_row_bad_id.csv"])
def test_row_that_is_refused_is_in_the_exit_status(site: Site, run: Run, name: str) -> None:
    ended = run("import", "csv", str(LISTS / name), "--dry-run")
    *rows, summary = events(ended.stdout)
    assert ended.returncode == 1
    assert summary["read"] == len(rows) == summary["new"] + summary["refused"]
    assert summary["refused"] == 1


def test_too_large_file_is_not_read_whole(site: Site, run: Run, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a sparse file
    ended = run("import", "csv", str(large))
    assert ended.returncode == 2
    assert ended.stderr == "moziweb: large.csv: the file is larger than 50 MB\n"


def test_malformed_options_are_one_line(site: Site, run: Run, listed: Path) -> None:
    for options, message in (
        (("--date-format", "%Y %Y"), "not a date format of strptime: '%Y %Y'"),
        (("--list", "x" * 40), "the name of the list is too long"),
    ):
        ended = run("import", "csv", str(listed), *options)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"moziweb: list.csv: {message}\n"


def test_column_without_a_heading_is_not_read(site: Site, run: Run, listed: Path) -> None:
    ended = run("import", "csv", str(listed), "--column", "runtime=")
    assert ended.stderr == "moziweb: ignored columns: runtime\n"
    with site.database.read() as session:
        assert set(session.scalars(select(Movie.runtime))) == {None}


def test_wrong_column_mapping_is_refused(site: Site, run: Run, listed: Path) -> None:
    assert run("import", "csv", str(listed), "--column", "runtime").returncode == 2
    ended = run("import", "csv", str(listed), "--column", "length=runtime")
    assert ended.returncode == 2
    assert "no such column: length" in ended.stderr


def test_terminal_shows_a_bar_and_a_line_for_each_difference(site: Site, listed: Path) -> None:
    command = [*COMMAND, "-c", str(site.ini), "import", "csv", str(listed)]
    shown, status = on_a_terminal(command)
    assert status == 1
    assert "Movies" in shown
    assert "3/3" in shown
    assert "row 2: Dűne: new" in shown
    assert "row 3, title: missing (nothing of it is imported)" in shown
    assert "row 4, release_date: no such day: '2026.13.45.'" in shown
    assert "2 new, 0 changed, 0 unchanged, 1 refused" in shown


@pytest.fixture
def tmdb(site: Site) -> Iterator[TmdbServer]:
    """A TMDB server that the site's ini file points to."""
    with TmdbServer() as server:
        keys = f"tmdb.base_url = {server.base_url}\ntmdb.token = {TOKEN}\ntmdb.tries = 2\n"
        site.ini.write_text(site.ini.read_text().replace("\n[server", f"{keys}\n[server", 1))
        yield server


def test_swapped_days_are_refused(run: Run, tmdb: TmdbServer) -> None:
    days = ("--from", "2026-09-01", "--to", "2026-08-01")
    ended = run("import", "tmdb", "premieres", *days)
    assert (ended.returncode, tmdb.requests) == (2, [])
    assert "--from 2026-09-01 is after --to 2026-08-01; swap them" in ended.stderr


def test_premieres_of_tmdb_are_previewed_imported_and_refreshed(
    site: Site, run: Run, tmdb: TmdbServer
) -> None:
    day = date.today() + timedelta(days=30)  # noqa: DTZ011, any future day
    for number in (1, 2):
        tmdb.add(a_movie(number, release(day.isoformat())))
    days = ("--from", day.isoformat(), "--to", day.isoformat())
    preview = events(run("import", "tmdb", "premieres", *days, "--dry-run").stdout)
    assert (preview[-1]["new"], movies(site)) == (2, 0)
    ended = run("import", "tmdb", "premieres", *days)
    assert (ended.returncode, events(ended.stdout)[-1]["new"], movies(site)) == (0, 2, 2)
    again = events(run("import", "tmdb", "premieres", *days).stdout)[-1]
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 2)
    tmdb.add(a_movie(1, release((day + timedelta(days=7)).isoformat())))
    refreshed = run("import", "refresh")
    assert refreshed.returncode == 0
    summary = events(refreshed.stdout)[-1]
    assert (summary["changed"], summary["same"], summary["moved"]) == (1, 1, 1)
    assert run("import", "stale").returncode == 0

    # A later refresh fetches only movies that TMDB has changed.
    tmdb.changed.clear()
    tmdb.add(a_movie(2, release((day + timedelta(days=7)).isoformat())))
    tmdb.requests.clear()
    assert events(run("import", "refresh").stdout)[-1]["moved"] == 1
    assert [path for path in tmdb.paths() if path.startswith("/3/movie/1")] == ["/3/movie/1002"]


def test_one_movie_by_search_by_id_and_by_imdb_id(site: Site, run: Run, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1, title="Hamupipőke"))
    (found,) = events(run("import", "tmdb", "search", "hamu").stdout)
    assert (found["tmdb_id"], found["title"]) == (1001, "Hamupipőke")
    assert run("import", "tmdb", "search", "nincs").returncode == 1
    assert events(run("import", "tmdb", "id", "1001").stdout)[-1]["new"] == 1
    same = run("import", "tmdb", "imdb", catalogue(1).imdb_id)
    assert events(same.stdout)[-1]["same"] == 1
    assert movies(site) == 1


def test_failure_of_tmdb_is_one_line(site: Site, run: Run, tmdb: TmdbServer) -> None:
    tmdb.add(a_movie(1))
    tmdb.answer_next("/3/movie/1001", *[unavailable()] * 2)
    down = run("import", "tmdb", "id", "1001")
    assert down.returncode == 1
    assert down.stderr == (
        "moziweb: TMDB does not respond (/movie/1001: 503/9 Service offline: This service is "
        "temporarily offline, try again later.)\n"
    )
    gone = run("import", "tmdb", "id", "404")
    assert gone.returncode == 1
    assert "404/34" in events(gone.stdout)[0]["problems"][0]["text"]
    assert run("import", "tmdb", "imdb", "junk").stderr.startswith("moziweb: not an IMDb id")
    site.ini.write_text(site.ini.read_text().replace(TOKEN, ""))
    tokenless = run("import", "refresh")
    assert tokenless.returncode == 2
    assert tokenless.stderr.startswith("moziweb: tmdb.token is empty")
