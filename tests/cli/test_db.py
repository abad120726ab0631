"""``moziweb db`` and what every command does with a wrong ini file."""

from pathlib import Path

import pytest

from moziweb.cli.context import CommandContext, SetupError
from moziweb.db.migrations import head_revision

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


def test_the_schema_goes_up_and_down_again(tmp_path: Path, run: Run, run_process: Run) -> None:
    """The folder of the database need not be there."""
    (tmp_path / "site.ini").write_text(INI)
    head = head_revision()
    assert run_process("db", "upgrade").stdout == f"The schema went from base to {head}.\n"
    assert run("db", "upgrade").stdout == f"The schema is at {head} already.\n"
    assert run("db", "current").stdout == f"at {head}, newest {head}\n"
    assert run("db", "downgrade", "base").stdout == f"The schema went from {head} to base.\n"
    assert run("db", "current").stdout == f"at base, newest {head}\n"


def test_a_revision_that_does_not_exist_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "site.ini").write_text(INI)
    ended = run("db", "upgrade", "9999")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("moziweb: ")
    assert ended.stderr.count("\n") == 1


def test_an_ini_file_that_is_missing_or_wrong_is_one_line_and_status_2(
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
    ("old", "new", "told"),
    [
        ("[app:main]", "[app:main", "no section headers"),
        ("egg:moziweb\n", "egg:moziwebb\n", "moziwebb"),
        ("http://127.0.0.1:6543", "%(nowhere)s", "'nowhere' which is not a valid option name"),
        ("storage.backend = disk", "storage.backend = disk\nstorage.backend = disk", "already"),
        ("[server:main]", "[app:main]", "already exists"),
    ],
)
def test_broken_syntax_is_one_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    ini = tmp_path / "broken.ini"
    ini.write_text(INI.replace(old, new, 1))
    assert told in refusal(ini)


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    ini = tmp_path / "broken.ini"
    ini.write_bytes(b"\xff\xfe\x00")
    assert refusal(ini).startswith(f"{ini}: ")


def refusal(ini: Path) -> str:
    """What is said of a file that cannot be used."""
    with pytest.raises(SetupError) as caught:
        _ = CommandContext(str(ini)).settings
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_database_that_was_never_set_up_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "site.ini").write_text(INI)
    for command in (
        ["posters", "generate"],
        ["posters", "generate", "--dry-run"],
        ["demo", "load"],
    ):
        ended = run(*command)
        assert ended.returncode == 1
        assert ended.stderr.startswith("moziweb: the database: ")
        assert ended.stderr.count("\n") == 1
