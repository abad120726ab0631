"""The database is restored from a dump: pages show its state after ``cache purge --all``."""

import subprocess
import sys
from pathlib import Path

from tests.services.process import find_program, run

from .report import Fault
from .site import Site, wait_for

MOVIE = "/movie/5-soak"


def postgres_tool(site: Site, name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of PostgreSQL on the site's database."""
    program = find_program(name, *site.postgres.binaries)
    return run([program, *options, f"--dbname={site.postgres.conninfo(site.database)}"])


def restore(site: Site, dump: Path) -> None:
    """Restore under load. A deadlock with readers of several tables undoes it: then once more."""
    options = ["--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={dump}"]
    for _ in range(5):
        done = postgres_tool(site, "psql", *options)
        if "deadlock detected" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr


def test_database_is_restored(site: Site, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    before = site.get(MOVIE)[2]
    with site.visited(Fault.DATABASE_RESTORED) as visitors:
        done = postgres_tool(site, "pg_dump", "--clean", "--if-exists", f"--file={dump}")
        assert done.returncode == 0, done.stderr
        assert site.ask(site.webs[0], "/soak/5", "POST")[0] == 200
        wait_for(lambda: all(site.get(MOVIE, turn)[2] != before for turn in range(2)))
        restore(site, dump)
        ini = str(site.webs[0].home / "site.ini")
        purge = [sys.executable, "-W", "ignore", "-m", "moziweb.cli", "-c", ini, "cache", "purge"]
        done = run([*purge, "--all"])
        assert done.returncode == 0, done.stderr
        wait_for(lambda: all(site.get(MOVIE, turn)[2] == before for turn in range(2)))
    assert visitors.errors == 0
    assert set(visitors.failures) <= {"503 for an uncached page"}
