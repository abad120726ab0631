"""``moziweb merge``."""

from typing import Any

import pytest
from sqlalchemy import select

from moziweb.manager.audit.models import AuditEntry
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    StreamingService,
)
from tests import factories
from tests.db.faults import conflicts_at

from .conftest import Run, Site, events
from .test_deleting import actions


def people(site: Site) -> list[str]:
    with site.database.read() as session:
        return list(session.scalars(select(Person.name).order_by(Person.id)))


def add_twins(site: Site) -> None:
    site.add_movie(7)
    with site.database.write() as session:
        session.add_all(
            [Person(id=1, name="lloyd owen", tmdb_id=5), Person(id=2, name="Lloyd Owen")]
        )
        session.flush()
        session.add(Credit(movie_id=7, person_id=1, role=CreditRole.CAST, position=0))


def test_people_are_merged(site: Site, run: Run) -> None:
    add_twins(site)
    shown = run("merge", "person", "1", "2", "--dry-run")
    (effects,) = events(shown.stdout)
    assert (shown.returncode, effects["event"]) == (0, "would merge")
    assert (effects["name"], effects["into"], effects["moved"]) == ("lloyd owen", "Lloyd Owen", 1)
    assert people(site) == ["lloyd owen", "Lloyd Owen"]
    merged = events(run("merge", "person", "1", "2", "--yes").stdout)[-1]
    assert merged == {"event": "merged", "kind": "person", "id": 1, "into": 2, "entry": 1}
    with site.database.read() as session:
        assert session.scalars(select(Credit.person_id)).all() == [2]
        assert session.scalars(select(Person.tmdb_id)).all() == [5]
    assert actions(site) == [
        ("person.merge", "moziweb"), ("person.merged", "moziweb"), ("film.edit", "moziweb"),
    ]  # fmt: skip


def test_other_kinds_are_merged(site: Site, run: Run) -> None:
    site.add_movie(7)
    with site.database.write() as session:
        movie = session.get_one(Movie, 7)
        factories.add_genres(session, movie, "Dráma/Drama")
        factories.set_distributor(session, movie, "Vertigo")
        premiere = factories.make_premiere(session, movie, service="Netflix").id
        kept: dict[str, Any] = {
            "genre": Genre(slug="drama-2", name="Drámák", name_en="Dramas"),
            "distributor": Distributor(name="Vertigo Média"),
            "service": StreamingService(slug="netflix-2", name="Netflix Magyarország"),
        }
        session.add_all(kept.values())
        session.flush()
        ids = {kind: row.id for kind, row in kept.items()}
    for kind, row_id in ids.items():
        merged = events(run("merge", kind, str(row_id - 1), str(row_id), "--yes").stdout)[-1]
        entry = merged.pop("entry")
        assert merged == {"event": "merged", "kind": kind, "id": row_id - 1, "into": row_id}
        with site.database.read() as session:
            assert session.get_one(AuditEntry, entry).action == f"{kind}.merge"
    with site.database.read() as session:
        movie = session.get_one(Movie, 7)
        assert session.scalars(select(MovieGenre.genre_id)).all() == [ids["genre"]]
        assert movie.distributor_id == ids["distributor"]
        assert session.get_one(Premiere, premiere).service_id == ids["service"]


def test_nothing_is_merged_without_confirmation(site: Site, run: Run) -> None:
    add_twins(site)
    assert run("merge", "person", "1", "2", stdin="n\n").returncode == 0
    assert people(site) == ["lloyd owen", "Lloyd Owen"]
    assert run("merge", "person", "1", "2", stdin="y\n").returncode == 0
    assert people(site) == ["Lloyd Owen"]


def test_failure_of_a_merge_is_one_line(site: Site, run: Run) -> None:
    add_twins(site)
    lines = {"9": "there is no person 9", "1": "person 1 cannot be merged into itself"}
    for kept, line in lines.items():
        ended = run("merge", "person", "1", kept, "--yes")
        assert (ended.returncode, ended.stderr) == (1, f"moziweb: {line}\n")
    ended = run("merge", "genre", "8", "9", "--yes")
    assert (ended.returncode, ended.stderr) == (1, "moziweb: there is no genre 8\n")


@pytest.mark.parametrize("nth", [1, 2])
def test_a_merge_is_run_again_after_a_deadlock(postgres_site: Site, run: Run, nth: int) -> None:
    """The first entry is that of the preview, which is rolled back."""
    add_twins(postgres_site)
    with conflicts_at("INSERT INTO manager_audit", nth=nth) as failed:
        ended = run("merge", "person", "1", "2", "--yes")
    assert (ended.returncode, len(failed)) == (0, 1)
    assert people(postgres_site) == ["Lloyd Owen"]
