"""The commands of docs/deployment.md for the three kinds of host, their upgrades and rollbacks.

They run in a shell as they are. Programs that change the machine or need a network are replaced:
each logs its arguments and checks them against the files of the repository.
"""

import json
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import yaml

from tests.services.postgres import PostgresServer
from tests.services.process import run

from .test_debian import LOGGED, NAMES, program

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
UPGRADES: Final = "Upgrades and rollbacks"
RUN_HERE: Final = ("A platform like Heroku", "One Debian machine", "Containers", UPGRADES)
COMPOSE: Final = ["compose", "--file", "deploy/compose.yaml", "--env-file", "site.env"]


def commands(section: str) -> list[str]:
    """The blocks of commands of a section."""
    (text,) = re.findall(rf"^## {section}\n(.*?)^## ", GUIDE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class Machine:
    """A folder in place of the root folder, and programs that log what they are called with."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.log = folder / "root", folder / "bin", folder / "log"
        self.env = {
            "PATH": f"{self.root}/usr/local/sbin:{self.bin}:{os.environ['PATH']}",
            "LOG": str(self.log), "HOME": str(folder),
            "MOZIWEB_ENVIRONMENT": str(self.root / "etc/moziweb/environment"),
            # The repository of the guide is the one of this test.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://git.example/moziweb.git",
            "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*",
        }  # fmt: skip
        for path in ("etc/systemd/system", "etc/nginx/sites-available", "etc/nginx/sites-enabled",
                     "usr/local/sbin", "srv/moziweb"):  # fmt: skip
            (self.root / path).mkdir(parents=True)

    def replace(self, name: str, script: str = "") -> None:
        """Replaces a program by one that logs its arguments and runs ``script``."""
        program(self.bin / name, f'echo "{name} $*" >> "$LOG"\n{script}')

    def run(self, block: str, folder: Path | None = None) -> None:
        """Runs a block with its paths below the root folder."""
        below = re.sub(r"(?<=[\s=])/(?=srv|etc|usr/local)", f"{self.root}/", block)
        done = run(["bash", "-euc", below], cwd=folder or self.root, env=self.env)
        assert done.returncode == 0, done.stderr

    def logged(self, name: str) -> list[list[str]]:
        """The arguments of each call of a program."""
        lines = self.log.read_text().splitlines()
        return [shlex.split(line)[1:] for line in lines if line.split()[0] == name]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def database_of_moziweb(postgres_server: PostgresServer) -> Iterator[None]:
    """Removes the database and the user that the guide makes."""
    yield
    with psycopg.connect(postgres_server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS moziweb")
        connection.execute("DROP ROLE IF EXISTS moziweb")


def test_every_command_of_the_guide_is_run() -> None:
    """Here, or below ``<!-- run: NAME -->`` by tests/packaging/test_production.py."""
    for section in GUIDE.split("\n## ")[1:]:
        blocks, elsewhere = section.count("```sh\n"), section.count("<!-- run: ")
        assert blocks == elsewhere or section.partition("\n")[0] in RUN_HERE


@pytest.mark.usefixtures("database_of_moziweb")
def test_commands_set_up_a_debian_machine(
    machine: Machine, postgres_server: PostgresServer
) -> None:
    for name in ("apt-get", "useradd", "systemctl", "curl"):
        machine.replace(name)
    # There is no user or group of this name here.
    program(machine.bin / "install", 'for each; do shift; test "$each" = --group=moziweb ||'
            ' set -- "$@" "$each"; done; exec /usr/bin/install "$@"')  # fmt: skip
    machine.replace("runuser", 'while test "$1" != --; do shift; done; shift; exec "$@"')
    connected = psycopg.conninfo.conninfo_to_dict(postgres_server.conninfo("postgres"))
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    machine.env |= {names[key]: str(connected[key]) for key in names if key in connected}
    machine.env["PATH"] += f":{':'.join(map(str, postgres_server.binaries))}"
    prepare, release, user = commands("One Debian machine")

    machine.run(prepare)
    code = machine.root / "srv/moziweb/1.0"
    environment = machine.root / "etc/moziweb/environment"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o640
    assert {path.name for path in (machine.root / "etc/systemd/system").iterdir()} == set(NAMES)
    (packages,) = machine.logged("apt-get")
    assert {"postgresql", "memcached", "nginx-light", "python3-venv", "git"} <= set(packages)
    with psycopg.connect(postgres_server.conninfo("moziweb")) as connection:
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'moziweb'"
        assert connection.execute(owner).fetchone() == ("moziweb",)

    program(code / ".venv/bin/moziweb", LOGGED)  # installing takes a minute
    (code / ".venv/installed").touch()
    machine.run(release)
    assert (machine.root / "srv/moziweb/current").resolve() == code
    assert (machine.root / "etc/nginx/sites-enabled/moziweb.conf").is_file()
    enabled = [each[2:] for each in machine.logged("systemctl") if each[0] == "enable"]
    units = [re.sub(r"@\d+", "@", unit) for started in enabled for unit in started]
    assert {unit if "." in unit else f"{unit}.service" for unit in units} <= set(NAMES)

    machine.run(user, machine.root / "srv/moziweb/current")
    added = "https://moziweb.example -c production.ini user add NAME --role admin"
    assert machine.log.read_text().splitlines()[-1] == added


def test_commands_of_a_platform_name_what_exists(machine: Machine) -> None:
    machine.replace("heroku")
    machine.replace("git")
    (block,) = commands("A platform like Heroku")
    machine.run(block)
    called = machine.logged("heroku")
    set_ = {
        word.partition("=")[0] for each in called if each[0] == "config:set" for word in each[1:]
    }
    app = json.loads((ROOT / "app.json").read_text())
    assert set_ <= app["env"].keys()
    needed = {
        name
        for name, each in app["env"].items()
        if each.get("required", True) and not each.keys() & {"value", "generator"}
    }
    assert needed <= set_
    (scaled,) = [each[1:] for each in called if each[0] == "ps:scale"]
    assert dict(each.split("=") for each in scaled).keys() == app["formation"].keys()
    assert machine.logged("git") == [["push", "heroku", "main"]]


def test_commands_of_containers_name_what_exists(machine: Machine) -> None:
    machine.replace("docker")
    (machine.root / "deploy").symlink_to(ROOT / "deploy")
    (block,) = commands("Containers")
    machine.run(block)
    services: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    verbs = []
    for words in machine.logged("docker"):
        assert words[:5] == COMPOSE
        verbs.append(words[5])
        if words[5] == "run":
            assert words[6:9] == ["--rm", "web", "moziweb"]
            assert words[7] in services["services"]
    assert verbs == ["build", "up", "run"]


def test_commands_upgrade_and_roll_back(machine: Machine, tmp_path: Path) -> None:
    heroku, heroku_back, debian, debian_back, containers, containers_back = commands(UPGRADES)

    current, origin = machine.root / "srv/moziweb/current", tmp_path / "origin"
    program(origin / ".venv/bin/moziweb", LOGGED)  # installing takes a minute
    (origin / ".venv/installed").touch()
    identity = ("-c", "user.name=Editor", "-c", "user.email=editor@moziweb.example")
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "-qm", "Release"],
                    ["tag", "1.0"], ["tag", "1.1"]):  # fmt: skip
        assert run(["git", "-C", str(origin), *command]).returncode == 0
    machine.env["GIT_CONFIG_KEY_0"] = f"url.{origin}.insteadOf"
    (machine.root / "etc/moziweb").mkdir()
    (machine.root / "etc/moziweb/environment").write_text("SITE_BASE_URL=https://moziweb.example\n")
    (machine.root / "usr/local/sbin/moziweb-deploy").symlink_to(
        ROOT / "deploy/systemd/moziweb-deploy"
    )
    for name in ("systemctl", "curl"):
        machine.replace(name)
    machine.replace("runuser", 'while test "$1" != --; do shift; done; shift; exec "$@"')
    machine.run(debian.replace("1.1", "1.0"))
    machine.run(debian)
    assert current.resolve().name == "1.1"
    machine.run(debian_back)
    assert current.resolve().name == "1.0"

    for name in ("git", "heroku", "docker"):
        machine.replace(name)
    for block in (heroku, heroku_back, containers, containers_back):
        machine.run(block)
    releases = [["checkout", each] for each in ("1.1", "1.0")]
    assert machine.logged("git") == [["push", "heroku", "main"], *releases]
    assert machine.logged("heroku") == [["rollback"]]
    assert machine.logged("docker") == 2 * [[*COMPOSE, "build"], [*COMPOSE, "up", "--detach"]]
