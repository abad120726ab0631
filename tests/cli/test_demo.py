"""``moziweb demo``."""

from sqlalchemy import func, select

from moziweb.caching import OUTBOX
from moziweb.manager.audit.models import AuditEntry
from moziweb.movies.models import Movie

from .conftest import Run, Site, events


def test_demo_is_loaded_once(site: Site, run: Run) -> None:
    first = run("demo", "load", "--today", "2026-08-20")
    assert first.returncode == 0, first.stderr
    (loaded,) = events(first.stdout)
    assert (loaded["today"], loaded["added"]) == ("2026-08-20", loaded["catalogue"])
    (again,) = events(run("demo", "load", "--today", "2026-08-20").stdout)
    assert again["added"] == 0
    with site.database.read() as session:
        (entry,) = session.scalars(select(AuditEntry))
        assert (entry.action, entry.changes[0]["after"]) == ("demo.load", str(loaded["added"]))
        assert session.scalar(select(func.count(Movie.id))) == loaded["catalogue"]


def test_invalid_day_is_refused(site: Site, run: Run) -> None:
    ended = run("demo", "load", "--today", "2026-02-30")
    assert ended.returncode == 2
    assert "2026-02-30" in ended.stderr


def test_loading_invalidates_pages(site: Site, run: Run) -> None:
    site.ini.write_text(
        site.ini.read_text().replace(
            "[server:main]",
            "cache.regions = pages\ncache.stamps.url = sqlite:///%(here)s/var/stamps.sqlite\n\n"
            "[server:main]",
        )
    )
    assert run("demo", "load", "--today", "2026-08-20").returncode == 0
    with site.database.read() as session:
        (row,) = session.execute(select(OUTBOX.table)).all()
    assert "model:Premiere" in row.tags
    assert row.published is not None


def test_wrong_cache_key_is_one_line(site: Site, run: Run) -> None:
    text = site.ini.read_text().replace("[server:main]", "cache.pages.backnd = x\n\n[server:main]")
    site.ini.write_text(text)
    ended = run("demo", "load")
    assert ended.returncode == 2
    line = "moziweb: cache.pages.backnd: no such setting; docs/settings.md lists them all"
    assert ended.stderr.strip().splitlines() == [line]
