"""Every ini key of moziweb, in one table: its name, kind, default and meaning.

docs/settings.md is made of this table (``docs/make_settings.py``).
"""

from dataclasses import dataclass
from typing import Any

from .kinds import (
    BOOLEAN,
    DATABASE_URL,
    HTTP_URL,
    NETWORKS,
    PATH,
    SECRET,
    TEXT,
    Kind,
    choice,
    integer,
    optional,
    seconds,
)


@dataclass(frozen=True)
class Setting:
    """One ini key."""

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    required: bool = False
    secret: bool = False
    """Never shown to anybody."""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "site.base_url",
        HTTP_URL,
        "The public address of the site, without a trailing slash. Absolute links (JSON, JSON-LD, "
        "canonical links) are made of it and never of a request's Host header.",
        required=True,
    ),
    Setting(
        "site.hsts",
        BOOLEAN,
        "Send Strict-Transport-Security. Only for a site that is served over HTTPS alone.",
        default=False,
    ),
    Setting(
        "sqlalchemy.url",
        DATABASE_URL,
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
        optional(HTTP_URL),
        "The public address that objects are linked under, a CDN for instance. Empty: the bucket's "
        "own address, or /objects for disk.",
    ),
    Setting("storage.disk.path", optional(PATH), "The folder of the disk backend."),
    Setting("storage.s3.bucket", optional(TEXT), "The bucket's name."),
    Setting("storage.s3.region", TEXT, "The bucket's region.", default="eu-central-1"),
    Setting(
        "storage.s3.endpoint_url",
        optional(HTTP_URL),
        "The address of an S3-compatible server (MinIO, R2). Empty: AWS.",
    ),
    Setting(
        "storage.s3.access_key_id",
        optional(TEXT),
        "The access key. Empty: the AWS default chain (environment, profile, instance role).",
        secret=True,
    ),
    Setting(
        "storage.s3.secret_access_key",
        optional(TEXT),
        "The secret of the access key.",
        secret=True,
    ),
    Setting(
        "storage.s3.acl",
        choice("public-read", ""),
        "The ACL of each object that visitors get; uploads' originals bear none. AWS refuses ACLs "
        "on new buckets: leave it empty there and allow reading by a bucket policy or a CDN.",
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
        BOOLEAN,
        "Send If-None-Match: * with variants: what is stored already is not sent again. "
        "For servers that know it.",
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
        "How many requests of a process may make posters at once: at most two fewer than waitress "
        "has threads, or the start is refused, for one more request may wait for a poster and one "
        "thread belongs to pages. Further visitors get the placeholder.",
        default=2,
    ),
    Setting(
        "posters.background",
        choice("pool", "procrastinate", "off"),
        "Who makes the posters of new and changed sources before a visitor asks: pool is threads "
        "of the process that serves, procrastinate is `moziweb worker` over PostgreSQL.",
        default="pool",
    ),
    Setting(
        "posters.background_jobs",
        integer(1, 64),
        "How many sources the pool of a serving process works on at once.",
        default=1,
    ),
    Setting(
        "posters.sweep_seconds",
        seconds(1, 86_400),
        "How often the pool looks in the database for what is due and was not handed to it.",
        default=60.0,
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
        "posters.decoder.children",
        optional(integer(1, 64)),
        "How many processes decode pictures at once. Empty: as many as there are processor cores; "
        "where pages are served, one fewer, but one in any case. "
        "Each takes about 30 MiB when idle, and is started when there is something to do.",
    ),
    Setting(
        "posters.decoder.memory_mb",
        integer(64, 4096),
        "The address space that a decoding process may take above what it starts with, in MiB. The "
        "largest pictures that are allowed take 217.",
        default=256,
    ),
    Setting(
        "posters.decoder.budget_mb",
        integer(64, 16384),
        "How much the pictures that are decoded at once may take together, in MiB, as estimated "
        "from their headers. A picture that alone takes more is decoded alone.",
        default=200,
    ),
    Setting(
        "posters.decoder.seconds",
        seconds(1, 120),
        "How long decoding a picture and making its variants may take on the clock.",
        default=10.0,
    ),
    Setting(
        "posters.decoder.cpu_seconds",
        integer(1, 120),
        "How many seconds of processor time it may take; the largest pictures need one or two.",
        default=8,
    ),
    Setting(
        "posters.decoder.niceness",
        integer(0, 20),
        "How far decoding stands back behind pages for processor time; 0: not at all; 20: it has "
        "only what nothing else on the machine wants, and pages never wait for it.",
        default=10,
    ),
    Setting(
        "posters.decoder.jobs_per_child",
        integer(1, 100_000),
        "After how many pictures a decoding process is replaced by a new one.",
        default=100,
    ),
    Setting(
        "posters.max_source_mb",
        integer(1, 100),
        "The largest source file, in megabytes (10^6 bytes).",
        default=15,
    ),
    Setting(
        "server.switch_interval",
        seconds(0.00001, 1),
        "Seconds for which a thread may keep the interpreter while others wait for it. Python's "
        "own value is 0.005.",
        default=0.0001,
    ),
    Setting(
        "server.thread_niceness",
        integer(0, 19),
        "By how much the niceness of all threads exceeds that of the server's loop, which answers "
        "pages from memory; 0: by nothing. Linux only.",
        default=5,
    ),
    Setting(
        "server.answer_in_loop",
        BOOLEAN,
        "Answer pages from memory in the server's loop, without a thread.",
        default=True,
    ),
    Setting(
        "server.freeze_objects",
        BOOLEAN,
        "Exclude the objects that exist when the server starts from garbage collection.",
        default=True,
    ),
    Setting(
        "debug.cache_page",
        BOOLEAN,
        "Serve /__cache__, a page that shows for any address what is cached for it and why. Only "
        "for development: refused unless site.base_url is an address of this machine.",
        default=False,
    ),
    Setting(
        "metrics.token",
        optional(SECRET),
        "Opens /metrics to whoever sends Authorization: Bearer with this token. Without it and "
        "without metrics.allow there is no /metrics, and nothing is counted for it.",
        secret=True,
    ),
    Setting(
        "metrics.allow",
        NETWORKS,
        "Opens /metrics to these addresses. Only where no proxy stands in front: behind one, the "
        "address of a request is what the proxy says, or what a visitor made it say.",
        default=(),
    ),
    Setting(
        "manager.idle_minutes",
        integer(5, 24 * 60),
        "How long an operator stays signed in without asking for anything. What is typed into a "
        "form meanwhile is not lost: it comes back after signing in again.",
        default=60,
    ),
    Setting(
        "manager.session_hours",
        integer(1, 24 * 30),
        "How long an operator stays signed in at most, however busy.",
        default=12,
    ),
    Setting(
        "manager.stale_days",
        integer(1, 3650),
        "After how many days what was imported counts as stale in the list of films.",
        default=30,
    ),
    Setting(
        "tmdb.base_url",
        HTTP_URL,
        "The address of TMDB's API, with its version.",
        default="https://api.themoviedb.org/3",
    ),
    Setting(
        "tmdb.token",
        optional(SECRET),
        "TMDB's read access token (v4), or an API key (v3). Empty: no imports from TMDB.",
        secret=True,
    ),
    Setting("tmdb.timeout", seconds(0.1, 120), "Seconds to wait for TMDB to go on.", default=10.0),
    Setting("tmdb.tries", integer(1, 10), "Attempts per request to TMDB in all.", default=4),
    Setting(
        "tmdb.max_age_days",
        integer(1, 180),
        "Days that what was fetched from TMDB is kept before it is fetched again; their terms "
        "allow six months.",
        default=150,
    ),
)
