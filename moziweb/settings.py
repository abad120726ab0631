"""Every ini key of moziweb: its name, type, default and meaning.

One table, read once at start-up. A missing or wrong key stops the start with a line that names it,
so nothing further down ever asks whether a setting is there or what type it has.

A value may hold ``${NAME}`` or ``${NAME:-default}``, replaced from the environment: secrets and
what a platform decides (``PORT``, ``DATABASE_URL``) never stand in a file.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A setting is missing, misspelt or wrong. Its text is one line for the operator."""


@dataclass(frozen=True)
class Setting:
    """One ini key.

    ``parse`` takes the text from the ini file and returns the typed value or raises ``ValueError``
    with a phrase that completes "<key> = <text>: ...".
    """

    name: str
    parse: Callable[[str], Any]
    meaning: str
    default: Any = None
    required: bool = False


def text(value: str) -> str:
    """A text as it stands."""
    return value


def optional_text(value: str) -> str | None:
    """A text, where an empty one means "not set"."""
    return value or None


def boolean(value: str) -> bool:
    """``true``/``yes``/``on``/``1`` or ``false``/``no``/``off``/``0``."""
    lowered = value.lower()
    if lowered in {"true", "yes", "on", "1"}:
        return True
    if lowered in {"false", "no", "off", "0"}:
        return False
    raise ValueError("expected true or false")


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number within inclusive bounds."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = minimum - 1
        if not minimum <= number <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        return number

    return parse


def seconds(minimum: float, maximum: float) -> Callable[[str], float]:
    """A duration in seconds within inclusive bounds; fractions are welcome."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not minimum <= number <= maximum:
            raise ValueError(f"expected seconds from {minimum:g} to {maximum:g}")
        return number

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """One of a few words. An empty word in ``allowed`` means that the value may be left empty."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("expected one of " + ", ".join(word or "(empty)" for word in allowed))
        return value

    return parse


def optional_path(value: str) -> Path | None:
    """A file-system path, or nothing."""
    return Path(value) if value else None


def http_url(value: str) -> str:
    """An absolute ``http(s)://host`` address, kept without its trailing slash."""
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError("expected an address such as https://example.com")
    return value.rstrip("/")


def optional_http_url(value: str) -> str | None:
    """As ``http_url``, or nothing."""
    return http_url(value) if value else None


def database_url(value: str) -> str:
    """An SQLAlchemy address; Heroku's ``postgres://`` means psycopg 3, too."""
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("expected sqlite:///path or postgresql://user@host/name")
    return value


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "site.base_url",
        http_url,
        "The public address of the site, without a trailing slash. Absolute links (JSON, JSON-LD, "
        "canonical links) are made of it and never of a request's Host header.",
        required=True,
    ),
    Setting(
        "site.hsts",
        boolean,
        "Send Strict-Transport-Security. Only for a site that is served over HTTPS alone.",
        default=False,
    ),
    Setting(
        "sqlalchemy.url",
        database_url,
        "The database: sqlite:///path (WAL mode) or postgresql://user:password@host/name.",
        required=True,
    ),
    Setting(
        "sqlalchemy.pool_size",
        integer(1, 100),
        "Open PostgreSQL connections kept per process; as many as waitress has threads.",
        default=8,
    ),
    Setting(
        "storage.backend",
        choice("disk", "s3"),
        "Where objects (uploads and poster variants) live.",
        required=True,
    ),
    Setting(
        "storage.base_url",
        optional_http_url,
        "The public address that objects are linked under, a CDN for instance. Empty: the bucket's "
        "own address, or /objects for disk.",
    ),
    Setting("storage.disk.path", optional_path, "The folder of the disk backend."),
    Setting("storage.s3.bucket", optional_text, "The bucket's name."),
    Setting("storage.s3.region", text, "The bucket's region.", default="eu-central-1"),
    Setting(
        "storage.s3.endpoint_url",
        optional_http_url,
        "The address of an S3-compatible server (MinIO, R2). Empty: AWS.",
    ),
    Setting(
        "storage.s3.access_key_id",
        optional_text,
        "The access key. Empty: the AWS default chain (environment, profile, instance role).",
    ),
    Setting("storage.s3.secret_access_key", optional_text, "The secret of the access key."),
    Setting(
        "storage.s3.acl",
        choice("public-read", ""),
        "The ACL of each object. AWS refuses ACLs on new buckets: leave it empty there and allow "
        "reading by a bucket policy or a CDN.",
        default="",
    ),
    Setting(
        "storage.s3.addressing_style",
        choice("auto", "path", "virtual"),
        "How the bucket stands in addresses; self-hosted servers mostly want path.",
        default="auto",
    ),
    Setting(
        "storage.s3.checksums",
        choice("when_supported", "when_required"),
        "When boto3 adds checksums to requests; some makers' servers need when_required.",
        default="when_supported",
    ),
    Setting(
        "storage.s3.conditional_put",
        boolean,
        "Send If-None-Match: * where an object must not be overwritten. For servers that know it.",
        default=False,
    ),
    Setting(
        "storage.s3.connect_timeout",
        seconds(0.1, 60),
        "Seconds to wait for a connection.",
        default=3.0,
    ),
    Setting(
        "storage.s3.read_timeout", seconds(0.1, 300), "Seconds to wait for an answer.", default=10.0
    ),
    Setting("storage.s3.tries", integer(1, 10), "Attempts per S3 request in all.", default=3),
    Setting(
        "storage.s3.pool_size",
        integer(1, 200),
        "S3 connections kept per process; at least as many as waitress has threads.",
        default=16,
    ),
    Setting(
        "posters.inline_slots",
        integer(1, 64),
        "How many requests of a process may make posters at once. Keep it below waitress's "
        "threads: the others go on serving pages, and further visitors get the placeholder.",
        default=2,
    ),
    Setting(
        "posters.lease_seconds",
        seconds(5, 3600),
        "How long a process may work on one source before another may take it over.",
        default=60.0,
    ),
    Setting(
        "posters.wait_seconds",
        seconds(0, 10),
        "How long one request per process waits for a poster that another is making.",
        default=1.5,
    ),
    Setting(
        "posters.fetch_seconds",
        seconds(1, 120),
        "The deadline for fetching an external picture, redirects included.",
        default=15.0,
    ),
    Setting(
        "posters.max_source_mb",
        integer(1, 100),
        "The largest source file, in megabytes (10^6 bytes).",
        default=15,
    ),
)

# Keys that Pyramid and its add-ons read themselves; they pass through as text.
FOREIGN_PREFIXES = ("pyramid.", "jinja2.", "tm.", "retry.", "debugtoolbar.")
FOREIGN_KEYS = frozenset({"here", "__file__"})

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def expand(key: str, value: str, environ: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in ``value``.

    Raises ``SettingsError`` naming the key and the variable when one without a default is not set.
    """

    def replacement(match: re.Match[str]) -> str:
        found = environ.get(match["name"])
        if found is None:
            found = match["default"]
        if found is None:
            raise SettingsError(f"{key}: the environment variable {match['name']} is not set")
        return found

    return _VARIABLE.sub(replacement, value)


def load(
    raw: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    declared: Iterable[Setting] = SETTINGS,
) -> dict[str, Any]:
    """The typed settings of an ini file's ``[app:main]``.

    Raises ``SettingsError`` for the first key that is missing, unknown or wrong. The environment
    is only a source of ``${NAME}`` values: it never adds a key by itself.
    """
    table = {setting.name: setting for setting in declared}
    typed: dict[str, Any] = {name: setting.default for name, setting in table.items()}
    for key, value in raw.items():
        if key in table:
            typed[key] = _parsed(table[key], value, environ)
        elif key in FOREIGN_KEYS or key.startswith(FOREIGN_PREFIXES):
            typed[key] = value
        else:
            raise SettingsError(f"{key}: no such setting; docs/settings.md lists them all")
    for setting in table.values():
        if setting.required and setting.name not in raw:
            raise SettingsError(f"{setting.name}: missing. {setting.meaning}")
    _check_together(typed)
    return typed


def _parsed(setting: Setting, value: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(value, str):  # a test or a script that passes typed values
        return value
    expanded = expand(setting.name, value.strip(), environ)
    try:
        return setting.parse(expanded)
    except ValueError as error:
        # The text from the file is shown, not the expanded one: that one may be a secret.
        raise SettingsError(f"{setting.name} = {value}: {error}") from None


def _check_together(typed: Mapping[str, Any]) -> None:
    needs = {"disk": "storage.disk.path", "s3": "storage.s3.bucket"}
    needed = needs.get(typed.get("storage.backend", ""))
    if needed and typed[needed] is None:
        backend = typed["storage.backend"]
        raise SettingsError(f"{needed}: missing, and storage.backend = {backend} needs it")
