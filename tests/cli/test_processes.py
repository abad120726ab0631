"""Every command runs in a real process, with the logging and the signals of one.

Those that no other test starts run here one after another, in one process.
"""

import json
import sys
from collections.abc import Iterator

import click

from moziweb.cli import main
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from tests.conftest import NOW
from tests.movies.importers.tmdb_world import a_movie, catalogue
from tests.services import process
from tests.services.tmdb import TOKEN, TmdbServer

from .conftest import Site

ELSEWHERE = {
    "cache purge", "cache relay", "db upgrade", "demo load", "import csv", "posters generate",
    "posters reconcile", "posters status", "uploads migrate", "user add", "worker",
}  # fmt: skip
"""Commands that tests of their groups start, or the Procfile and ``make run`` in
tests/packaging."""

DRIVER = """
import json, sys
from moziweb.cli import main
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from tests.audit_law import audit_law
with audit_law():
    for line in sys.stdin:
        try:
            main(json.loads(line), prog_name="moziweb")
        except SystemExit as ended:
            print(json.dumps({"ended": ended.code}), flush=True)
"""

CACHE = """\
cache.regions = pages
cache.stamps.url = sqlite:///%(here)s/var/stamps.db
cache.default.backend = moziweb.memory
cache.default.expiration_time = 600
"""

DAY = ("--from", "2031-01-02", "--to", "2031-01-02")

PASSWD = ("user", "passwd", "anna", "--password-stdin")
INSPECT = ("cache", "inspect", "/", "--json")
"""Its status is 1: the page is not cached."""
WARM = ("cache", "warm")
"""Its status is 2: another process cannot reach entries in memory."""
ADVISE = ("cache", "advise")
"""Its status is 1: no process has recorded reads."""

COMMANDS = (
    ("db", "current"),
    ("completion", "bash"),
    INSPECT,
    ("cache", "stats", "--json"),
    WARM,
    ADVISE,
    ("import", "tmdb", "id", "1001"),
    ("import", "tmdb", "imdb", catalogue(1).imdb_id),
    ("import", "tmdb", "premieres", *DAY),
    ("import", "tmdb", "search", "hamu"),
    ("import", "refresh"),
    ("import", "stale"),
    ("posters", "retry"),
    ("posters", "verify"),
    ("posters", "gc"),
    ("merge", "person", "2", "1", "--yes"),
    ("bin", "delete", "movie", "1", "--yes"),
    ("bin", "list"),
    ("bin", "restore", "1"),
    ("bin", "empty"),
    ("user", "disable", "anna"),
    ("user", "enable", "anna"),
    ("user", "role", "anna", "editor"),
    ("user", "reset-link", "anna"),
    ("user", "reset-second-factor", "anna"),
    ("user", "list"),
    PASSWD,
    ("user", "unlock"),
    ("db", "downgrade", "base"),
)


def leaves(command: click.Command, context: click.Context, path: str = "") -> Iterator[str]:
    """The names of all commands of a group."""
    if not isinstance(command, click.Group):
        yield path
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, context, f"{path} {name}".strip())


def test_every_command_is_started() -> None:
    every = set(leaves(main, click.Context(main)))
    here = {
        name for name in every for argv in COMMANDS if f"{' '.join(argv)} ".startswith(name + " ")
    }
    assert every == here | ELSEWHERE


def test_commands_run_in_a_process(site: Site) -> None:
    site.add_movie(1, colour="red")
    with site.database.write() as session:
        add_user(session, "anna", "a long enough password", Role.EDITOR, by=COMMAND, now=NOW)
    with TmdbServer() as tmdb:
        tmdb.add(a_movie(1, title="Hamupipőke"))
        keys = f"{CACHE}tmdb.base_url = {tmdb.base_url}\ntmdb.token = {TOKEN}\n"
        site.ini.write_text(site.ini.read_text().replace("\n[server", f"{keys}\n[server", 1))
        # Standard input also has the password, after its command.
        lines = [json.dumps(["-c", str(site.ini), *argv]) for argv in COMMANDS]
        lines.insert(COMMANDS.index(PASSWD) + 1, "another long password")
        ended = process.run([sys.executable, "-W", "ignore", "-c", DRIVER], input="\n".join(lines))
    codes = [
        json.loads(line)["ended"]
        for line in ended.stdout.splitlines()
        if line.startswith('{"ended"')
    ]
    assert ended.returncode == 0, ended.stderr  # the audit law
    failed = {argv: code for argv, code in zip(COMMANDS, codes, strict=True) if code}
    assert failed == {INSPECT: 1, WARM: 2, ADVISE: 1}, ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == 2
    assert "its entries are in the memory of each web process" in ended.stderr
    for shown in ('"found"', '"checked": 1', '"name": "anna"', "The schema went from "):
        assert shown in ended.stdout


WITHOUT_ENTRIES = """
from moziweb.manager.auth import accounts
accounts.record = lambda *arguments, **options: None
"""
"""Before ``DRIVER``: changes of users have no entries."""


def test_commands_fail_if_their_writes_have_no_audit_entries(site: Site) -> None:
    with site.database.write() as session:
        add_user(session, "anna", "a long enough password", Role.EDITOR, by=COMMAND, now=NOW)
    line = json.dumps(["-c", str(site.ini), "user", "disable", "anna"])
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_ENTRIES + DRIVER]
    ended = process.run(command, input=line)
    assert json.loads(ended.stdout.splitlines()[-1]) == {"ended": 0}, ended.stderr
    assert ended.returncode == 1
    assert "without an audit entry" in ended.stderr
