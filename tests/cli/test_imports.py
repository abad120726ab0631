"""``moziweb import csv``: one report, everything else imported, and nothing twice."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from moziweb.movies.models import Movie, Premiere
from tests.movies.importers.dirt import COLUMNS, DATE_FORMAT, Dirt, dirty_list

from .conftest import COMMAND, Run, Site, events
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


def films(site: Site) -> int:
    with site.database.read() as session:
        return session.scalar(select(func.count()).select_from(Movie)) or 0


def test_a_dry_run_shows_the_differences_and_writes_nothing(
    site: Site, run: Run, listed: Path
) -> None:
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
    assert films(site) == 0


def test_all_but_the_bad_row_is_imported_and_nothing_twice(
    site: Site, run: Run, listed: Path
) -> None:
    assert events(run("import", "csv", str(listed)).stdout)[-1]["new"] == 2
    assert films(site) == 2
    summary = events(run("import", "csv", str(listed)).stdout)[-1]
    assert (summary["new"], summary["changed"], summary["same"]) == (0, 0, 2)
    assert films(site) == 2


def dirty(run: Run, path: Path) -> subprocess.CompletedProcess[str]:
    columns = [option for column in COLUMNS for option in ("--column", column)]
    return run("import", "csv", str(path), *columns, "--date-format", DATE_FORMAT)


@pytest.fixture(scope="module")
def dirt() -> Dirt:
    return dirty_list()


def test_a_dirty_list_is_one_report_that_names_every_bad_row(
    site: Site, run: Run, tmp_path: Path, dirt: Dirt
) -> None:
    path = tmp_path / "movies.json"
    path.write_bytes(dirt.data)
    told = events(dirty(run, path).stdout)
    problems = [problem for event in told[:-1] for problem in event["problems"]]
    named = {(problem["place"], problem["column"]) for problem in problems}
    assert named == dirt.bad
    refused = {event["place"] for event in told[:-1] if event["effect"] == "refused"}
    assert refused == {"item 40", "item 90"}
    assert films(site) == told[-1]["new"] == dirt.films - 2
    with site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Premiere)) == dirt.films - 5
        assert session.scalar(select(Movie.runtime).where(Movie.title == "300")) == 100
        before = session.execute(select(Movie.id, Movie.updated_at).order_by(Movie.id)).all()
    again = events(dirty(run, path).stdout)
    assert again[-1] == told[-1] | {"new": 0, "same": dirt.films - 2}
    with site.database.read() as session:
        after = session.execute(select(Movie.id, Movie.updated_at).order_by(Movie.id)).all()
    assert after == before


@pytest.mark.parametrize(
    ("text", "told"), [("name;x\na;b\n", "no column is called title"), ("[", "no readable JSON")]
)
def test_a_file_that_is_no_list_is_one_line(
    site: Site, run: Run, listed: Path, text: str, told: str
) -> None:
    listed.write_text(text)
    ended = run("import", "csv", str(listed))
    assert ended.returncode == 2
    assert ended.stderr.startswith("moziweb: list.csv: ")
    assert told in ended.stderr
    assert ended.stdout == ""


def test_a_wrong_mapping_is_told(site: Site, run: Run, listed: Path) -> None:
    assert run("import", "csv", str(listed), "--column", "runtime").returncode == 2
    ended = run("import", "csv", str(listed), "--column", "length=runtime")
    assert ended.returncode == 2
    assert "no such column: length" in ended.stderr


def test_on_a_terminal_there_is_a_bar_and_a_line_for_each_difference(
    site: Site, listed: Path
) -> None:
    command = [*COMMAND, "-c", str(site.ini), "import", "csv", str(listed)]
    shown, status = on_a_terminal(command)
    assert status == 1
    assert "Films" in shown
    assert "3/3" in shown
    assert "row 2: Dűne: new" in shown
    assert "row 3, title: missing (nothing of it is imported)" in shown
    assert "row 4, release_date: no such day: '2026.13.45.'" in shown
    assert "2 new, 0 changed, 0 as they were, 1 refused" in shown
