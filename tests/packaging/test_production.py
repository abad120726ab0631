"""The shipped production.ini and Procfile, and the commands of the guide, on real servers."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pyramid.paster import get_appsettings
from sqlalchemy import text, update

from moziweb.clock import utc_now
from moziweb.db import Database, create_engine
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.settings import SettingsError, load
from moziweb.storage import from_settings
from tests.factories import add_upload, make_movie, make_premiere
from tests.posters.conftest import picture
from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST, free_port
from tests.services.postgres import PostgresServer
from tests.services.process import is_group_running, read_until, run
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
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PORT": str(free_port()),
        "BIND_HOST": HOST,
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
    """A folder with production.ini."""
    shutil.copy(ROOT_FOLDER / "production.ini", tmp_path)
    return tmp_path


def procfile(process: str) -> list[str]:
    """The command of a process of the Procfile, in a shell as on a platform."""
    lines = (ROOT_FOLDER / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    command = commands[process]
    return ["bash", "-c", command if "&&" in command else f"exec {command}"]


@pytest.fixture
def site(folder: Path, environ: Environ) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The URL and the process of a released and started site."""
    with started(procfile("release"), folder, environ) as release:
        read_until(release, "The schema went from base to")
        read_until(release, '"event": "summary"')
        assert release.wait(PATIENCE) == 0
    with started(procfile("web"), folder, environ) as process:
        read_until(process, "moziweb is at")
        yield f"http://{HOST}:{environ['PORT']}", process


@pytest.fixture
def movie(
    site: tuple[str, subprocess.Popen[str]],
    folder: Path,
    environ: Environ,
    memcached_server: MemcachedServer,
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
    memcached_server.flush()  # the release has stored pages without this movie
    return f"/movie/{movie.id}-itt-van"


def test_site_serves_and_the_commands_of_the_guide_fill_back_up_and_restore_it(
    site: tuple[str, subprocess.Popen[str]],
    movie: str,
    folder: Path,
    environ: Environ,
    memcached_server: MemcachedServer,
    postgres_server: PostgresServer,
    s3_bucket: S3Bucket,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """One test: a release and a start take ten seconds of processor time."""
    url, process = site
    assert_serves_from_memcached_and_s3(url, movie, memcached_server)
    uploads = tmp_path_factory.mktemp("uploads")
    (uploads / f"{movie.split('/')[-1]}.jpg").write_bytes(picture("#00aaaa", size=(800, 1200)))
    filled = {**environ, "OLD_UPLOAD_FOLDER": str(uploads)}
    assert '"moved": 1' in run_guide("data", folder, filled, postgres_server)
    assert "Itt van" in ask(f"{url}{movie}")[2].decode()

    run_guide("backup", folder, environ, postgres_server)
    database = Database(create_engine(load(get_appsettings(str(folder / "production.ini")))))
    with database.write() as session:
        session.execute(update(Movie).values(title="Elveszett"))
        # As a table of a release that was deployed after the backup.
        session.execute(text("CREATE TABLE later (movie_id integer REFERENCES movie)"))
    database.engine.dispose()
    listed = s3_bucket.client.list_objects_v2(Bucket=s3_bucket.name, Prefix="poster/")
    s3_bucket.client.delete_object(Bucket=s3_bucket.name, Key=listed["Contents"][0]["Key"])
    assert health_of_the_image(environ) == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert not is_group_running(process.pid)
    assert health_of_the_image(environ) == 1

    assert '"mended": 1' in run_guide("restore", folder, environ, postgres_server)
    with started(procfile("web"), folder, environ) as again:
        read_until(again, "moziweb is at")
        assert "Itt van" in ask(f"{url}{movie}")[2].decode()


def assert_serves_from_memcached_and_s3(
    url: str, movie: str, memcached_server: MemcachedServer
) -> None:
    """Requests pages until they are hits, and a poster until it is made."""
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

    address = re.search(r'src="[^"]*(/poster/[^"]+\.jpg)"', page.decode())
    assert address
    # Made in idle processor time, of which a busy machine has little.
    wait_until(lambda: ask(url + address[1])[0] == 302, seconds=120)
    _, headers, _ = ask(url + address[1])
    status, headers, data = ask(headers["Location"])
    assert (status, headers["Content-Type"], data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    _, headers, page = ask(f"{url}/")
    assert headers["X-Cache"] == "miss", "the page shows a poster that is ready now"
    assert address[1] not in page.decode()


def health_of_the_image(environ: Environ) -> int:
    """The status of the health check of deploy/Containerfile."""
    image = (ROOT_FOLDER / "deploy" / "Containerfile").read_text()
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\])$", image, re.MULTILINE | re.DOTALL)
    assert found
    _, *arguments = json.loads(found[1])
    return run([sys.executable, *arguments], env=environ).returncode


def guide(name: str) -> str:
    """The commands of docs/deployment.md below ``<!-- run: NAME -->``."""
    text = (ROOT_FOLDER / "docs" / "deployment.md").read_text(encoding="utf-8")
    marked = re.findall(r"<!-- run: (\w+) -->\n```sh\n(.*?)```", text, re.DOTALL)
    blocks: dict[str, str] = dict(marked)
    return blocks[name]


def run_guide(name: str, folder: Path, environ: Environ, server: PostgresServer) -> str:
    """Run the commands as they are; return their output."""
    programs = ":".join(map(str, server.binaries))
    env = {**os.environ, **environ, "PATH": f"{programs}:{environ['PATH']}"}
    done = run(["bash", "-euc", guide(name)], cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_memory_and_posters_are_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, given in {
        "SITE_BASE_URL": "https://moziweb.example", "S3_BUCKET": "posters",
        "DATABASE_URL": "postgresql://127.0.0.1/moziweb", "STAMPS_SERVER": "127.0.0.1:11212",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, given)
    variables: dict[str, tuple[str, object, object]] = {
        "POSTERS_BACKGROUND": ("posters.background", "procrastinate", "pool"),
        "POSTERS_IMAGE_MB": ("posters.decoder.image_mb", 320, 160),
        "POSTERS_ALONE_MB": ("posters.decoder.alone_mb", 100, 0),
        "CACHE_LOCAL_BYTES": ("cache.default.l1_bytes", "16000000", "4000000"),
    }
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    ini = str(ROOT_FOLDER / "production.ini")
    settings = load(get_appsettings(ini))
    assert all(settings[key] == default for key, default, _ in variables.values())
    for name, (_, _, value) in variables.items():
        monkeypatch.setenv(name, str(value))
    settings = load(get_appsettings(ini))
    assert all(settings[key] == value for key, _, value in variables.values())


def test_unset_variable_is_one_line(
    folder: Path, environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = ("SITE_BASE_URL", "DATABASE_URL", "STAMPS_SERVER", "S3_BUCKET")
    for name in needed:
        monkeypatch.setenv(name, environ[name])
    for name in needed:
        with monkeypatch.context() as patch:
            patch.delenv(name)
            with pytest.raises(SettingsError) as refused:
                load(get_appsettings(str(folder / "production.ini")))
        unset = rf"\S+: the environment variable {name} is not set"
        assert re.fullmatch(unset, str(refused.value))
    # One of them in the real process.
    del environ[name]
    monkeypatch.delenv(name)
    with started(procfile("web"), folder, environ) as process:
        assert process.stdout
        output = process.stdout.read()
    assert process.returncode == 1
    assert re.fullmatch(rf"moziweb: {unset}\n", output)
