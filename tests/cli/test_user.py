"""``moziweb user``."""

import sys

from moziweb.manager.auth.accounts import find_user
from moziweb.manager.auth.passwords import verify
from tests.services import process

from .conftest import COMMAND, Run, Site, events, invoke_in

PASSWORD = "a long enough password"


def run_with_password(site: Site, *arguments: str, password: str = PASSWORD) -> tuple[int, str]:
    """Run a command that reads the password from standard input."""
    command = ("user", *arguments, "--password-stdin")
    ended = invoke_in(site.folder, *command, stdin=password + "\n")
    return ended.returncode, ended.stdout + ended.stderr


def test_password_is_read_from_a_pipe(site: Site) -> None:
    ended = process.run(
        [*COMMAND, "-c", str(site.ini), "user", "add", "anna", "--password-stdin"],
        input=PASSWORD + "\n",
        env={"PYTHONWARNINGS": "ignore", "PATH": sys.path[0]},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "anna may sign in at /manager as editor.\n"


def test_user_is_added_changed_disabled_and_enabled(site: Site, run: Run) -> None:
    assert run_with_password(site, "add", " Anna", "--role", "admin") == (
        0,
        "anna may sign in at /manager as admin.\n",
    )
    (row,) = events(run("user", "list").stdout)
    assert row == {"name": "anna", "role": "admin", "disabled": False, "last_seen": None}
    assert run_with_password(site, "passwd", "ANNA", password="another long password")[0] == 0
    with site.database.read() as session:
        anna = find_user(session, "anna")
    assert anna is not None
    assert verify("another long password", anna.password_hash)
    assert not verify(PASSWORD, anna.password_hash)
    assert anna.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert run("user", "unlock", "Anna").stdout == "Failed attempts deleted: 0.\n"
    assert run("user", "disable", "anna").returncode == 0
    assert events(run("user", "list").stdout)[0]["disabled"]
    assert run("user", "enable", "anna").returncode == 0
    assert not events(run("user", "list").stdout)[0]["disabled"]


def test_failure_is_one_line(site: Site, run: Run) -> None:
    assert run_with_password(site, "add", "anna")[0] == 0
    assert run_with_password(site, "add", "Anna") == (
        1,
        "moziweb: there is a user 'anna' already\n",
    )
    code, line = run_with_password(site, "add", "bela", password="short")
    assert (code, line) == (1, "moziweb: a password has 12 to 200 characters\n")
    code, line = run_with_password(site, "add", "bela", password="jelszojelszo")
    assert (code, line.count("\n")) == (1, 1)
    assert "easy to guess" in line
    ended = run("user", "disable", "clara")
    assert (ended.returncode, ended.stderr) == (1, "moziweb: there is no user 'clara'\n")
