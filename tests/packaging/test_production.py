"""The shipped production.ini and Procfile, on real servers."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pyramid.paster import get_appsettings

from moziweb.clock import utc_now
from moziweb.db import Database, create_engine
from moziweb.movies.calendar import budapest_today
from moziweb.settings import load
from moziweb.storage import from_settings
from tests.factories import add_upload, make_movie, make_premiere
from tests.posters.conftest import picture
from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST, free_port
from tests.services.process import is_group_running, read_until
from tests.services.s3 import REGION, ROOT, S3Bucket
from tests.threads import wait_until

from .running import BIN, PATIENCE, ask, started

ROOT_FOLDER = Path(__file__).parents[2]
BASE_URL = "https://moziweb.test"

Environ = dict[str, str]


@pytest.fixture
def environ(
    postgres_database: str, memcached_server: MemcachedServer, s3_bucket: S3Bucket
) -> Environ:
    """The variables that a platform sets."""
    memcached_server.flush()
    return {
        "PORT": str(free_port()),
        "SITE_BASE_URL": BASE_URL,
        "DATABASE_URL": postgres_database.replace("+psycopg", ""),
        "STAMPS_SERVER": memcached_server.address,
        "MEMCACHED_SERVERS": memcached_server.address,
        "S3_BUCKET": s3_bucket.name,
        "S3_ENDPOINT_URL": s3_bucket.endpoint_url,
        "S3_ACL": "public-read",
        "S3_ADDRESSING_STYLE": "path",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ROOT.secret_access_key,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with production.ini, bound to loopback."""
    text = (ROOT_FOLDER / "production.ini").read_text()
    assert "host = 0.0.0.0\n" in text
    (tmp_path / "production.ini").write_text(text.replace("host = 0.0.0.0\n", f"host = {HOST}\n"))
    return tmp_path


def procfile(process: str) -> list[str]:
    """The command of a process of the Procfile, with a program of this environment."""
    lines = (ROOT_FOLDER / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    program, *arguments = shlex.split(commands[process])
    return [f"{BIN}/{program}", *arguments]


@pytest.fixture
def site(folder: Path, environ: Environ) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The URL and the process of a released and started site."""
    with started(procfile("release"), folder, environ) as release:
        read_until(release, "The schema went from base to")
        assert release.wait(PATIENCE) == 0
    with started(procfile("web"), folder, environ) as process:
        read_until(process, "moziweb is at")
        yield f"http://{HOST}:{environ['PORT']}", process


@pytest.fixture
def movie(
    site: tuple[str, subprocess.Popen[str]],
    folder: Path,
    environ: Environ,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The path of a movie of today with an uploaded poster; no page was requested yet."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = load(get_appsettings(str(folder / "production.ini")))
    database = Database(create_engine(settings))
    with database.write() as session:
        movie = make_movie(session, "Itt van")
        make_premiere(session, movie, budapest_today(utc_now()))
        add_upload(session, from_settings(settings), movie, picture(size=(800, 1200)))
    database.engine.dispose()
    return f"/movie/{movie.id}-itt-van"


def test_it_serves_pages_from_memcached_and_posters_from_s3(
    site: tuple[str, subprocess.Popen[str]], movie: str, memcached_server: MemcachedServer
) -> None:
    url, process = site
    status, _, body = ask(f"{url}/__heartbeat__")
    heartbeat = json.loads(body)
    assert (status, heartbeat.pop("reasons")) == (503, {"worker": "no worker runs: moziweb worker"})
    assert heartbeat["checks"].pop("worker") == "unavailable"
    assert set(heartbeat["checks"].values()) == {"ok"}
    states: list[str] = []
    headers: Mapping[str, str] = {}
    for _ in range(3):
        status, headers, page = ask(f"{url}/")
        assert status == 200
        states.append(headers["X-Cache"])
    assert states[0] == "miss"
    assert "miss" not in states[1:]
    assert headers["Strict-Transport-Security"]
    assert f'href="{movie}" class="movie"' in page.decode()
    assert int(memcached_server.statistics()["curr_items"]) > 0

    address = re.search(r'src="(/poster/[^"]+\.jpg)"', page.decode())
    assert address
    # A placeholder if the idle processor time of five seconds is not enough.
    wait_until(lambda: ask(url + address[1])[0] == 302)
    _, headers, _ = ask(url + address[1])
    status, headers, data = ask(headers["Location"])
    assert (status, headers["Content-Type"], data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    _, headers, page = ask(f"{url}/")
    assert headers["X-Cache"] == "miss", "the page shows a poster that is ready now"
    assert address[1] not in page.decode()

    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert not is_group_running(process.pid)


@pytest.mark.parametrize("name", ["SITE_BASE_URL", "DATABASE_URL", "STAMPS_SERVER", "S3_BUCKET"])
def test_unset_variable_is_one_line(
    folder: Path, environ: Environ, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    del environ[name]
    monkeypatch.delenv(name, raising=False)
    with started(procfile("web"), folder, environ) as process:
        assert process.stdout
        output = process.stdout.read()
    assert process.returncode == 1
    assert re.fullmatch(rf"moziweb: \S+: the environment variable {name} is not set\n", output)
