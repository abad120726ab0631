"""``moziweb user``."""

import sys

from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.manager.auth.accounts import find_user
from moziweb.manager.auth.factors.recovery_codes import make_codes
from moziweb.manager.auth.factors.state import factors_of
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.password_links import use_link
from moziweb.manager.auth.passwords import verify
from tests.db.faults import conflicts_at
from tests.manager.auth.factors.test_state import add_passkey
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
    assert row == {
        "name": "anna", "role": "admin", "disabled": False, "invited": False,
        "password_blocked": False, "second_factor": False, "last_seen": None,
    }  # fmt: skip
    assert run_with_password(site, "add", "zoli", "--role", "admin")[0] == 0
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


def named(session: Session, name: str) -> User:
    found = find_user(session, name)
    assert found is not None
    return found


def test_links_are_printed_and_set_the_password(site: Site, run: Run) -> None:
    for command in (("add", "anna", "--invite", "--role", "admin"), ("reset-link", "Anna")):
        url, line = run("user", *command).stdout.splitlines()
        start, token = url.split("?link=")
        assert start == "http://127.0.0.1:6543/manager/set-password"
        hours = 168 if command[0] == "add" else 24
        with site.database.write() as session:
            anna = use_link(session, token, PASSWORD, now=utc_now())
            assert anna is not None
            assert (anna.name, anna.role) == ("anna", Role.ADMIN)
        assert line == f"It works once, for {hours} hours. Pass it on; the site sends no mail."
    (row,) = events(run("user", "list").stdout)
    assert (row["invited"], row["password_blocked"]) == (False, False)
    run("user", "reset-link", "anna", "--keep-password")
    assert not events(run("user", "list").stdout)[0]["password_blocked"]
    run("user", "reset-link", "anna")
    assert events(run("user", "list").stdout)[0]["password_blocked"]


def test_second_factors_are_reset(site: Site, run: Run) -> None:
    assert run_with_password(site, "add", "anna")[0] == 0
    with site.database.write() as session:
        add_passkey(session, named(session, "anna"))
        make_codes(session, named(session, "anna"), now=utc_now())
    assert events(run("user", "list").stdout)[0]["second_factor"]
    assert run("user", "reset-second-factor", "anna").returncode == 0
    with site.database.read() as session:
        state = factors_of(session, named(session, "anna").id)
    assert not state.is_required
    assert state.recovery_codes == 0


def test_last_administrator_stays(site: Site, run: Run) -> None:
    assert run_with_password(site, "add", "anna", "--role", "admin")[0] == 0
    for command in (("disable", "anna"), ("role", "anna", "editor")):
        ended = run("user", *command)
        assert ended.returncode == 1
        assert ended.stderr == (
            "moziweb: the last administrator cannot be disabled or made an editor\n"
        )
    assert run_with_password(site, "add", "bela")[0] == 0
    assert run("user", "role", "bela", "admin").stdout == "The role is admin.\n"
    assert run("user", "role", "anna", "editor").returncode == 0
    roles = {row["name"]: row["role"] for row in events(run("user", "list").stdout)}
    assert roles == {"anna": "editor", "bela": "admin"}
    ended = run("user", "reset-link", "clara")
    assert (ended.returncode, ended.stderr) == (1, "moziweb: there is no user 'clara'\n")


def test_a_change_of_a_user_is_run_again_after_a_deadlock(postgres_site: Site, run: Run) -> None:
    for statement, arguments in (
        ("INSERT INTO manager_user ", ("add", "anna", "--invite")),
        ("UPDATE manager_user ", ("disable", "anna")),
    ):
        with conflicts_at(statement) as failed:
            ended = run("user", *arguments)
        assert (ended.returncode, len(failed)) == (0, 1), ended.stderr
    with postgres_site.database.read() as session:
        anna = find_user(session, "anna")
        assert anna is not None
        assert anna.disabled_at is not None
