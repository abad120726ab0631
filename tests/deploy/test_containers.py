"""The image and the compose file, as far as they can be checked without containers."""

import re
from pathlib import Path
from typing import Any

import yaml

from moziweb.posters.recipes import RECIPES, object_key
from moziweb.posters.sharing import PUBLIC_FOLDER
from moziweb.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", IMAGE, re.MULTILINE)


def test_image_has_two_stages_and_runs_without_root() -> None:
    assert len(instructions("FROM")) == 2
    final = IMAGE.rpartition("\nFROM ")[2]
    assert "gcc" not in final
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final


def test_every_copied_file_exists_and_is_not_ignored() -> None:
    sources = [
        name
        for copied in instructions("COPY")
        if not copied.startswith("--from")
        for name in copied.split()[:-1]
    ]
    assert [name for name in sources if not (ROOT / name).exists()] == []
    allowed = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    assert [name for name in sources if f"!{name}" not in allowed] == []


def test_image_has_the_variables_that_its_health_check_reads() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert "__lbheartbeat__" in check
    assert set(re.findall(r'environ\[\\"(\w+)\\"\]', check)) <= set(
        re.findall(r"(\w+)=", " ".join(instructions("ENV")))
    )


def test_processes_have_every_variable_but_those_of_other_servers() -> None:
    """Compose passes only the variables that its file names."""
    known = set(re.findall(r"\$\{(\w+)", (ROOT / "production.ini").read_text()))
    of_other_servers = {
        "AWS_REGION", "AWS_REQUEST_CHECKSUM_CALCULATION", "S3_ACL", "BIND_HOST", "PORT",
        "CDN_PURGE_HEADER", "CDN_PURGE_METHOD", "CDN_PURGE_SECRET",
        "MEMCACHED_PASSWORD", "MEMCACHED_USERNAME",
    }  # fmt: skip
    for name in ("web", "worker", "release"):
        assert set(SERVICES[name]["environment"]) == known - of_other_servers


def test_processes_have_the_time_to_finish_their_requests() -> None:
    seconds = {one.name: one.default for one in SETTINGS}
    needed = seconds["server.drain_seconds"] + seconds["server.shutdown_timeout"]
    assert int(SERVICES["web"]["stop_grace_period"].removesuffix("s")) > needed


def test_services_of_the_compose_file_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            is_there = (DEPLOY / source).exists() if "/" in source else source in COMPOSE["volumes"]
            assert is_there, volume
    values = " ".join(map(str, SERVICES["web"]["environment"].values()))
    hosts = re.findall(r"[@/](\w+)[:/]", values)
    assert set(hosts) & set(SERVICES) == {"postgres", "minio", "varnish"}


def test_release_runs_as_on_a_platform() -> None:
    (line,) = (
        line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("release")
    )
    assert SERVICES["release"]["command"] == ["sh", "-c", line.removeprefix("release: ")]


def test_images_have_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()} - {"moziweb"}
    assert [image for image in images if not re.search(r":[\w.-]+$", image)] == []
    assert not [image for image in images if image.endswith(":latest")]


def test_only_the_proxy_reaches_a_port() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_visitors_may_read_every_public_object() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    commands = "".join(SERVICES["bucket"]["command"])
    for folder in (object_key(1, "a", "0" * 64, RECIPES[0]).partition("/")[0], PUBLIC_FOLDER):
        assert f"arn:aws:s3:::BUCKET/{folder}/*" in guide
        assert f"set download site/moziweb/{folder}" in commands


def test_guide_sets_the_variables_of_the_compose_file() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = guide.split("\n## Containers\n", 1)[1].split("\n## ")[0]
    given = set(re.findall(r"^(\w+)=", section, re.MULTILINE))
    file = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", file))
    assert set(re.findall(r"\$\{(\w+):\?", file)) <= given <= used
    table = guide.split("\n## The environment\n", 1)[1].split("\n## ")[0]
    assert used - given <= set(re.findall(r"`(\w+)`", table))
