"""``moziweb uploads migrate``: files of a folder are stored and recorded."""

from pathlib import Path

import pytest
from sqlalchemy import select

from moziweb.manager.audit.models import AuditEntry
from moziweb.posters.models import PosterSource
from tests.posters.conftest import picture

from .conftest import Run, Site, events


@pytest.fixture
def folder(site: Site, tmp_path: Path) -> Path:
    """Two posters of movie 1, one of movie 2, and files that match no movie or are no picture."""
    folder = tmp_path / "uploads"
    (folder / "old").mkdir(parents=True)
    site.add_movie(1)
    site.add_movie(2)
    (folder / "1-dune.jpg").write_bytes(picture("#aa0000"))
    (folder / "1.jpeg").write_bytes(picture("#00aa00"))
    (folder / "old" / "2-alien-1979.JPG").write_bytes(picture("#0000aa"))
    (folder / "dune.jpg").write_bytes(picture("#aaaa00"))
    (folder / "99-lost.jpg").write_bytes(picture("#00aaaa"))
    (folder / "1-notes.txt").write_text("not a picture")
    (folder / "link.jpg").symlink_to(folder / "1.jpeg")
    return folder


def sources(site: Site) -> list[tuple[int, str | None, bool]]:
    with site.database.read() as session:
        rows = session.scalars(select(PosterSource).order_by(PosterSource.id))
        return [(row.movie_id, row.key, row.chosen) for row in rows]


def test_files_are_stored_recorded_and_reported(site: Site, run_process: Run, folder: Path) -> None:
    ended = run_process("uploads", "migrate", str(folder))
    assert ended.returncode == 1, ended.stderr
    *files, summary = events(ended.stdout)
    assert [(event["name"], event["status"], event["code"]) for event in files] == [
        ("1-dune.jpg", "moved", None),
        ("1-notes.txt", "rejected", "unidentified"),
        ("1.jpeg", "moved", None),
        ("99-lost.jpg", "no_movie", None),
        ("dune.jpg", "unmatched", None),
        ("old/2-alien-1979.JPG", "moved", None),
    ]
    assert summary["files"] == 6
    assert summary["moved"] == 3
    assert [(movie_id, chosen) for movie_id, _, chosen in sources(site)] == [
        (1, True),
        (1, False),
        (2, True),
    ]
    for event in files:
        if event["status"] == "moved":
            assert site.storage.get(event["key"]) == (folder / event["name"]).read_bytes()
            assert event["deleted"] is False
    assert len(list(site.storage.list())) == 3
    with site.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        names = session.scalars(select(PosterSource.file_name).order_by(PosterSource.id)).all()
    assert [(each.action, each.subject_id) for each in entries] == [
        ("poster.add", 1), ("poster.add", 1), ("poster.add", 2)
    ]  # fmt: skip
    assert names == ["1-dune.jpg", "1.jpeg", "2-alien-1979.JPG"]


def test_second_run_adds_no_source(site: Site, run: Run, folder: Path) -> None:
    run("uploads", "migrate", str(folder))
    before = sources(site)
    assert events(run("uploads", "migrate", str(folder)).stdout)[-1]["moved"] == 3
    assert sources(site) == before


def test_damaged_object_is_stored_again(site: Site, run: Run, folder: Path) -> None:
    key = events(run("uploads", "migrate", str(folder)).stdout)[0]["key"]
    site.storage.put(key, b"damaged", content_type="image/jpeg", cache_control="no-cache")
    run("uploads", "migrate", str(folder))
    assert site.storage.get(key) == (folder / "1-dune.jpg").read_bytes()


def test_only_moved_files_are_deleted_and_only_with_delete(
    site: Site, run: Run, folder: Path
) -> None:
    run("uploads", "migrate", str(folder))
    assert len(list(folder.rglob("*.*"))) == 7
    ended = run("uploads", "migrate", str(folder), "--delete")
    assert [event["name"] for event in events(ended.stdout)[:-1] if event["deleted"]] == [
        "1-dune.jpg",
        "1.jpeg",
        "old/2-alien-1979.JPG",
    ]
    left = sorted(path.name for path in folder.rglob("*.*"))
    assert left == ["1-notes.txt", "99-lost.jpg", "dune.jpg", "link.jpg"]
    assert len(list(site.storage.list())) == 3


def test_chosen_poster_stays_chosen(site: Site, run: Run, tmp_path: Path) -> None:
    site.add_movie(1, colour="#0a0a0a")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "1.jpg").write_bytes(picture("#aa0000"))
    assert run("uploads", "migrate", str(tmp_path / "uploads")).returncode == 0
    assert [chosen for _, _, chosen in sources(site)] == [True, False]


def test_missing_folder_is_refused(site: Site, run: Run) -> None:
    assert run("uploads", "migrate", "/nowhere/at/all").returncode == 2
