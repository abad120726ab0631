"""``moziweb demo``."""

from sqlalchemy import func, select

from moziweb.movies.models import Movie

from .conftest import Run, Site, events


def test_the_demo_is_loaded_once(site: Site, run: Run) -> None:
    first = run("demo", "load", "--today", "2026-08-20")
    assert first.returncode == 0, first.stderr
    (loaded,) = events(first.stdout)
    assert (loaded["today"], loaded["added"]) == ("2026-08-20", loaded["catalogue"])
    (again,) = events(run("demo", "load", "--today", "2026-08-20").stdout)
    assert again["added"] == 0
    with site.database.read() as session:
        assert session.scalar(select(func.count(Movie.id))) == loaded["catalogue"]


def test_a_day_that_does_not_exist_is_refused(site: Site, run: Run) -> None:
    ended = run("demo", "load", "--today", "2026-02-30")
    assert ended.returncode == 2
    assert "2026-02-30" in ended.stderr
