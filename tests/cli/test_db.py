"""``moziweb db``, and a wrong ini file with any command."""

from pathlib import Path

import pytest

from moziweb.cli.context import CommandContext, SetupError
from moziweb.db import create_engine
from moziweb.db.schema_state import head_revision

from .conftest import INI, Run

LOGGING = """
[loggers]
keys = root

[handlers]
keys =

[formatters]
keys =

[logger_root]
level = INFO
handlers =
"""


def test_schema_is_upgraded_and_downgraded(tmp_path: Path, run: Run) -> None:
    """The folder of the database does not exist at first."""
    (tmp_path / "site.ini").write_text(INI)
    head = head_revision()
    assert run("db", "upgrade").stdout == f"The schema went from base to {head}.\n"
    assert run("db", "upgrade").stdout == f"The schema is at {head} already.\n"
    assert run("db", "current").stdout == f"at {head}, newest {head}\n"
    assert run("db", "downgrade", "base").stdout == f"The schema went from {head} to base.\n"
    assert run("db", "current").stdout == f"at base, newest {head}\n"


def test_release_on_a_newer_schema_says_so_and_succeeds(tmp_path: Path, run: Run) -> None:
    """The release step of a rollback must not stop it."""
    (tmp_path / "site.ini").write_text(INI)
    head = head_revision()
    run("db", "upgrade")
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/var/site.sqlite"})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    ended = run("db", "upgrade")
    assert ended.returncode == 0
    first, advice = ended.stdout.splitlines()
    assert first == "The schema is at 9999 already."
    assert f'"moziweb db downgrade {head}"' in advice
    assert run("db", "current").stdout == f"at 9999 (of a newer release), newest {head}\n"


def test_unknown_revision_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "site.ini").write_text(INI)
    ended = run("db", "upgrade", "9999")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("moziweb: ")
    assert ended.stderr.count("\n") == 1


def test_missing_or_wrong_ini_file_is_one_line_and_status_2(
    tmp_path: Path, run: Run, run_process: Run
) -> None:
    wrong = {
        "absent.ini": None,
        "unknown.ini": INI.replace("storage.backend", "storage.backened"),
        "bad.ini": INI.replace("= disk", "= floppy"),
        "empty.ini": "",
        "nonsense.ini": "no section\n",
        "unset.ini": INI.replace("http://127.0.0.1:6543", "${NOT_SET_ANYWHERE}"),
        "url.ini": INI.replace("sqlite:///%(here)s/var/site.sqlite", "postgresql://host:port/x"),
        "logging.ini": INI + LOGGING.replace("level = INFO", "level = LOUD"),
    }
    for name, content in wrong.items():
        if content is not None:
            (tmp_path / name).write_text(content)
        run_one = run_process if name == "logging.ini" else run
        ended = run_one("db", "current", ini=name)
        assert (ended.returncode, ended.stdout) == (2, ""), name
        assert ended.stderr.startswith("moziweb: "), name
        assert ended.stderr.count("\n") == 1, name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[app:main]", "[app:main", "no section headers"),
        ("egg:moziweb\n", "egg:moziwebb\n", "moziwebb"),
        ("http://127.0.0.1:6543", "%(nowhere)s", "site.base_url: write each % of a value as %%"),
        ("storage.backend = disk", "storage.backend = disk\nstorage.backend = disk", "already"),
        ("[server:main]", "[app:main]", "already exists"),
    ],
)
def test_broken_syntax_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    ini = tmp_path / "broken.ini"
    ini.write_text(INI.replace(old, new, 1))
    assert message in setup_error(ini)


def test_binary_ini_file_is_one_line(tmp_path: Path) -> None:
    ini = tmp_path / "broken.ini"
    ini.write_bytes(b"\xff\xfe\x00")
    assert setup_error(ini).startswith(f"{ini}: ")


def setup_error(ini: Path) -> str:
    """The error message of an ini file."""
    with pytest.raises(SetupError) as caught:
        _ = CommandContext(str(ini)).settings
    assert "\n" not in caught.value.message
    return caught.value.message


def test_database_without_schema_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "site.ini").write_text(INI)
    for command in (
        ["posters", "generate"],
        ["posters", "generate", "--dry-run"],
        ["demo", "load"],
    ):
        ended = run(*command)
        assert ended.returncode == 1
        (line,) = (each for each in ended.stderr.splitlines() if '"progress"' not in each)
        assert line.startswith("moziweb: the database: ")
