"""``moziweb bin``."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.models import BinItem
from moziweb.manager.bin.restoring import BIN_RETENTION
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
)
from moziweb.posters.models import PosterSource
from tests import factories
from tests.db.faults import conflicts_at

from .conftest import Run, Site, events


def titles(site: Site) -> list[int]:
    with site.database.read() as session:
        return list(session.scalars(select(Movie.id)))


def actions(site: Site) -> list[tuple[str, str]]:
    with site.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(each.action, each.user_name) for each in entries]


def test_movie_is_deleted_listed_and_restored(site: Site, run: Run) -> None:
    site.add_movie(7, colour="red")
    shown = run("bin", "delete", "movie", "7", "--dry-run")
    (effects,) = events(shown.stdout)
    assert (shown.returncode, effects["event"], effects["name"]) == (0, "would delete", "a")
    assert effects["rows"] == {"movie": 1, "poster_source": 1}
    assert titles(site) == [7]
    deleted = events(run("bin", "delete", "movie", "7", "--yes").stdout)[-1]
    assert deleted == {"event": "deleted", "item": 1, "kind": "movie", "id": 7}
    assert titles(site) == []
    (listed,) = events(run("bin", "list").stdout)
    assert (listed["kind"], listed["id"], listed["by"]) == ("film", 7, "moziweb")
    assert events(run("bin", "restore", "1", "--dry-run").stdout)[0]["event"] == "would restore"
    assert titles(site) == []
    (restored,) = events(run("bin", "restore", "1").stdout)
    assert restored == {"event": "restored", "kind": "film", "id": 7}
    assert titles(site) == [7]
    with site.database.read() as session:
        assert session.scalars(select(PosterSource.movie_id)).all() == [7]
    assert actions(site) == [("film.delete", "moziweb"), ("film.restore", "moziweb")]


def test_other_kinds_are_deleted_listed_and_restored(site: Site, run: Run) -> None:
    site.add_movie(7, colour="red")
    with site.database.write() as session:
        movie = session.get_one(Movie, 7)
        factories.add_people(session, movie, CreditRole.CAST, "Kis Éva")
        factories.add_genres(session, movie, "Dráma/Drama")
        factories.set_distributor(session, movie, "Vertigo")
    kinds = {
        "poster": PosterSource, "person": Person, "genre": Genre, "distributor": Distributor,
    }  # fmt: skip
    for kind, model in kinds.items():

        def ids(model: Any = model) -> list[int]:
            with site.database.read() as session:
                return list(session.scalars(select(model.id)))

        (row,) = ids()
        deleted = events(run("bin", "delete", kind, str(row), "--yes").stdout)[-1]
        item = deleted["item"]
        assert deleted == {"event": "deleted", "item": item, "kind": kind, "id": row}
        (listed,) = events(run("bin", "list").stdout)
        assert (listed["item"], listed["kind"], ids()) == (item, kind, [])
        restored = events(run("bin", "restore", str(item)).stdout)
        assert restored == [{"event": "restored", "kind": kind, "id": row}]
        assert ids() == [row]
        made = {(f"{kind}.delete", "moziweb"), (f"{kind}.restore", "moziweb")}
        assert made <= set(actions(site))
    with site.database.read() as session:
        for column in (MovieGenre.movie_id, Credit.movie_id, PosterSource.movie_id):
            assert session.scalars(select(column)).all() == [7]
        assert session.get_one(Movie, 7).distributor_id is not None


def test_nothing_is_deleted_without_confirmation(site: Site, run: Run) -> None:
    site.add_movie(1)
    assert run("bin", "delete", "movie", "1", stdin="n\n").returncode == 0
    assert titles(site) == [1]
    assert run("bin", "delete", "movie", "1", stdin="y\n").returncode == 0
    assert titles(site) == []


def test_failure_is_one_line(site: Site, run: Run) -> None:
    ended = run("bin", "delete", "genre", "9", "--yes")
    assert (ended.returncode, ended.stderr) == (1, "moziweb: there is no genre 9\n")
    ended = run("bin", "restore", "9")
    assert (ended.returncode, ended.stderr) == (1, "moziweb: there is no item 9 in the bin\n")


def test_bin_is_emptied_after_thirty_days(site: Site, run: Run) -> None:
    site.add_movie(1, colour="blue")
    run("bin", "delete", "movie", "1", "--yes")
    assert events(run("bin", "empty").stdout) == [{"event": "summary", "removed": 0}]
    with site.database.write() as session:
        for item in session.scalars(select(BinItem)):
            item.deleted_at -= BIN_RETENTION + timedelta(minutes=1)
    assert run("bin", "restore", "1").returncode == 1
    removed, summary = events(run("bin", "empty").stdout)
    assert (removed["kind"], removed["id"], summary["removed"]) == ("film", 1, 1)
    assert actions(site)[-1] == ("bin.empty", "moziweb")
    assert run("bin", "list").stdout == ""


@pytest.mark.parametrize("nth", [1, 2])
def test_a_deletion_and_a_restoration_are_run_again_after_a_deadlock(
    postgres_site: Site, run: Run, nth: int
) -> None:
    """The first item of the bin is that of the preview, which is rolled back."""
    postgres_site.add_movie(7)
    with conflicts_at("INSERT INTO manager_bin", nth=nth) as failed:
        deleted = run("bin", "delete", "movie", "7", "--yes")
    assert (deleted.returncode, len(failed), titles(postgres_site)) == (0, 1, [])
    (item,) = events(run("bin", "list").stdout)
    arguments = ["bin", "restore", str(item["item"])] + ["--dry-run"] * (nth - 1)
    with conflicts_at("DELETE FROM manager_bin") as failed:
        restored = run(*arguments)
    assert (restored.returncode, len(failed)) == (0, 1)
    assert titles(postgres_site) == [7] * (nth == 1)
