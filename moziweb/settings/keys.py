"""The table of all ini keys but the cache's; docs/settings.md is generated from it."""

from .database_url import DATABASE_URL
from .schema import (
    BOOLEAN,
    HOST_NAME,
    HOST_PORT,
    HTTP_URL,
    NETWORKS,
    ORIGIN,
    PATH,
    SECRET,
    TEXT,
    Setting,
    choice,
    integer,
    optional,
    seconds,
)

_QUERY_LIMIT = optional(seconds(0.1, 3600))

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "site.base_url",
        ORIGIN,
        "The public URL of the site, without a path: the site needs a host of its own. Absolute "
        "links (JSON, JSON-LD, canonical links) begin with it, never with a request's Host header.",
        required=True,
    ),
    Setting(
        "site.id_authority",
        HOST_NAME,
        "The host name in the permanent ids of calendars and feeds. It need not exist, and must "
        "never change, also if site.base_url does: subscribers would get every entry twice. A site "
        "that was public before this key sets it to the host of its site.base_url.",
        default="moziweb",
    ),
    Setting(
        "site.hsts",
        BOOLEAN,
        "Send Strict-Transport-Security. Only for a site that is served over HTTPS only.",
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
        "PostgreSQL connections kept open per process; set it to the number of waitress threads.",
        default=8,
    ),
    Setting(
        "sqlalchemy.max_overflow",
        integer(0, 100),
        "PostgreSQL connections that a process may open in addition, and closes after use.",
        default=4,
    ),
    Setting(
        "sqlalchemy.connect_timeout",
        integer(2, 60),
        "Seconds until a PostgreSQL server that does not answer counts as down. A connect_timeout "
        "in sqlalchemy.url has precedence.",
        default=5,
    ),
    Setting(
        "sqlalchemy.statement_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of the web process after this time: a cached page is "
        "served stale (stale_if_error), other requests get 503. Empty: no limit.",
        default=10.0,
    ),
    Setting(
        "sqlalchemy.lock_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of the web process that has waited this long for a lock. "
        "Empty: no limit.",
        default=3.0,
    ),
    Setting(
        "sqlalchemy.idle_in_transaction_session_timeout",
        _QUERY_LIMIT,
        "PostgreSQL closes a connection of the web process that has a transaction and sent "
        "nothing for this time. Empty: no limit.",
        default=60.0,
    ),
    Setting(
        "sqlalchemy.worker.statement_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of a worker after this time. Empty: no limit.",
        default=60.0,
    ),
    Setting(
        "sqlalchemy.worker.lock_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of a worker that has waited this long for a lock. Empty: "
        "no limit.",
        default=10.0,
    ),
    Setting(
        "sqlalchemy.worker.idle_in_transaction_session_timeout",
        _QUERY_LIMIT,
        "PostgreSQL closes a connection of a worker that has a transaction and sent nothing for "
        "this time. Empty: no limit.",
        default=60.0,
    ),
    Setting(
        "sqlalchemy.command.statement_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of a command or a migration after this time. Empty: no "
        "limit.",
    ),
    Setting(
        "sqlalchemy.command.lock_timeout",
        _QUERY_LIMIT,
        "PostgreSQL cancels a statement of a command that has waited this long for a lock. "
        "Migrations have a limit of their own. Empty: no limit.",
        default=10.0,
    ),
    Setting(
        "sqlalchemy.command.idle_in_transaction_session_timeout",
        _QUERY_LIMIT,
        "PostgreSQL closes a connection of a command that has a transaction and sent nothing for "
        "this time. Empty: no limit.",
    ),
    Setting(
        "storage.backend",
        choice("disk", "s3"),
        "Where objects (uploads and poster variants) are stored.",
        required=True,
    ),
    Setting(
        "storage.base_url",
        optional(HTTP_URL),
        "The public base URL of objects, such as a CDN's. Empty: the bucket's own URL, or /objects "
        "for disk.",
    ),
    Setting("storage.disk.path", optional(PATH), "The folder of the disk backend."),
    Setting("storage.s3.bucket", optional(TEXT), "The name of the bucket."),
    Setting("storage.s3.region", TEXT, "The region of the bucket.", default="eu-central-1"),
    Setting(
        "storage.s3.endpoint_url",
        optional(HTTP_URL),
        "The URL of an S3-compatible server (MinIO, R2). Empty: AWS.",
    ),
    Setting(
        "storage.s3.access_key_id",
        optional(TEXT),
        "The access key. Empty: the AWS default chain (environment, profile, instance role).",
        secret=True,
    ),
    Setting(
        "storage.s3.secret_access_key", optional(TEXT), "The secret of the access key.", secret=True
    ),
    Setting(
        "storage.s3.acl",
        choice("public-read", ""),
        "The ACL of public objects; originals of uploads have none. AWS refuses ACLs on new "
        "buckets: leave it empty there and allow reading by a bucket policy or a CDN.",
        default="",
    ),
    Setting(
        "storage.s3.addressing_style",
        choice("auto", "path", "virtual"),
        "How URLs contain the bucket; most self-hosted servers need path.",
        default="auto",
    ),
    Setting(
        "storage.s3.checksums",
        choice("when_supported", "when_required"),
        "when_supported: uploads have a CRC32, and reads are verified with it. CRC64NVME, which "
        "other tools may have added, is verified only if awscrt is installed. Some S3-compatible "
        "servers need when_required: no checksums.",
        default="when_supported",
    ),
    Setting(
        "storage.s3.conditional_put",
        BOOLEAN,
        "Send If-None-Match: * when storing variants, so that existing objects are not sent "
        "again. Only for servers that support it.",
        default=False,
    ),
    Setting(
        "storage.s3.connect_timeout",
        seconds(0.1, 60),
        "Seconds to wait for a connection.",
        default=3.0,
    ),
    Setting(
        "storage.s3.read_timeout",
        seconds(0.1, 300),
        "Seconds to wait for a response.",
        default=10.0,
    ),
    Setting(
        "storage.s3.tries",
        integer(1, 10),
        "Attempts per S3 request, including the first. In the web process they and the timeouts "
        "are cut to 5 seconds together.",
        default=3,
    ),
    Setting(
        "storage.s3.pool_size",
        integer(1, 200),
        "S3 connections kept open per process; at least the number of waitress threads.",
        default=16,
    ),
    Setting(
        "posters.inline_slots",
        integer(1, 64),
        "How many requests of a process may make posters at once; further requests get the "
        "placeholder. The start is refused unless waitress has at least two threads more: one "
        "more request may wait for a poster, and one thread is kept for pages.",
        default=2,
    ),
    Setting(
        "posters.background",
        choice("pool", "procrastinate", "off"),
        "What makes posters of new and changed sources before they are requested: pool is threads "
        "of the web process, procrastinate is `moziweb worker` with a queue in PostgreSQL.",
        default="pool",
    ),
    Setting(
        "posters.background_jobs",
        integer(1, 64),
        "How many sources the pool of a web process works on at once.",
        default=1,
    ),
    Setting(
        "posters.sweep_seconds",
        seconds(1, 86_400),
        "How often the pool looks in the database for due sources that were not passed to it.",
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
        "How long one request per process waits for a poster that another process is making.",
        default=1.5,
    ),
    Setting(
        "posters.fetch_seconds",
        seconds(1, 120),
        "The deadline for fetching an external image, including redirects.",
        default=15.0,
    ),
    Setting(
        "posters.test_host",
        optional(HOST_PORT),
        "A host and port from which external images may be fetched although they are not public, "
        "such as 127.0.0.1:8080, to try this without the internet. Only for development: refused "
        "unless site.base_url is on this machine.",
    ),
    Setting(
        "posters.decoder.children",
        optional(integer(1, 64)),
        "How many processes decode images at once. Empty: one for each processor core; in a web "
        "process one fewer, but at least one. Each takes about 30 MiB when idle and is started "
        "on demand.",
    ),
    Setting(
        "posters.decoder.memory_mb",
        integer(64, 4096),
        "The address space that a decoder process may allocate after its start, in MiB. The "
        "largest allowed images take 217.",
        default=256,
    ),
    Setting(
        "posters.decoder.budget_mb",
        integer(64, 16384),
        "The memory that images decoded at the same time may take together, in MiB, as estimated "
        "from their headers. An image that takes more is decoded alone.",
        default=200,
    ),
    Setting(
        "posters.decoder.image_mb",
        integer(64, 4096),
        "The memory that one image may take, in MiB, as estimated from its header; others are "
        "refused. The default refuses none that the limits of pixels allow; docs/deployment.md has "
        "a value for machines of 512 MB.",
        default=320,
    ),
    Setting(
        "posters.decoder.alone_mb",
        integer(0, 4096),
        "Images that take more memory than this, in MiB, are decoded one at a time by all "
        "processes of an installation, but not of several containers. 0: all images. A usual "
        "poster takes half of the default.",
        default=100,
    ),
    Setting(
        "posters.decoder.seconds",
        seconds(1, 120),
        "How long decoding an image and making its variants may take, in wall-clock time.",
        default=10.0,
    ),
    Setting(
        "posters.decoder.cpu_seconds",
        integer(1, 120),
        "Processor time that decoding an image and making its variants may take, in seconds; the "
        "largest images need one or two.",
        default=8,
    ),
    Setting(
        "posters.decoder.niceness",
        integer(0, 20),
        "The niceness of decoder processes. 0: the same priority as pages; 20: they run only while "
        "the processor is idle, so pages never wait for them.",
        default=10,
    ),
    Setting(
        "posters.decoder.jobs_per_child",
        integer(1, 100_000),
        "After how many images a decoder process is replaced by a new one.",
        default=100,
    ),
    Setting(
        "posters.max_source_mb",
        integer(1, 100),
        "The largest source file, in megabytes (10^6 bytes).",
        default=15,
    ),
    Setting(
        "server.answer_in_loop",
        BOOLEAN,
        "Answer pages from memory in the server's loop, without a thread.",
        default=True,
    ),
    Setting(
        "server.request_timeout",
        seconds(1, 3600),
        "Seconds for a request to arrive, and one more for each 4 KB that arrived. Then the "
        "connection is closed.",
        default=30.0,
    ),
    Setting(
        "server.write_timeout",
        seconds(1, 3600),
        "Seconds after which a connection is closed if the client has read nothing of a response.",
        default=30.0,
    ),
    Setting(
        "server.drain_seconds",
        seconds(0, 600),
        "Seconds after SIGTERM for which the server still accepts connections, while "
        "/__lbheartbeat__ is 503. At least the time in which the load balancer notices that.",
        default=0.0,
    ),
    Setting(
        "server.shutdown_timeout",
        seconds(1, 600),
        "Seconds until the server ends, if accepted requests are not answered before.",
        default=15.0,
    ),
    Setting(
        "server.freeze_objects",
        BOOLEAN,
        "Exclude the objects that exist when the server starts from garbage collection.",
        default=True,
    ),
    Setting(
        "server.memory_arenas",
        integer(0, 64),
        "How many arenas of the C library the threads share; each keeps memory that was freed in "
        "it. 0: the library's own number, eight per core. Only with glibc.",
        default=2,
    ),
    Setting(
        "log.access",
        BOOLEAN,
        "Log a line for each request: method, path, route, status, time, cache status, user. Pages "
        "from memory are then answered more slowly (docs/deployment.md).",
        default=False,
    ),
    Setting(
        "log.slow_seconds",
        optional(seconds(0.001, 3600)),
        "Log a warning for each request that takes longer. Empty: never.",
        default=1.0,
    ),
    Setting(
        "sentry.dsn",
        optional(HTTP_URL),
        "Report errors to this DSN of Sentry. Needs the extra moziweb[sentry]. Empty: no reports.",
        secret=True,
    ),
    Setting(
        "opentelemetry.endpoint",
        optional(HTTP_URL),
        "Send traces of requests, with their errors, to this OTLP/HTTP endpoint, such as "
        "http://127.0.0.1:4318. Needs the extra moziweb[opentelemetry]. Empty: no traces.",
    ),
    Setting(
        "debug.cache_page",
        BOOLEAN,
        "Serve /__cache__, a page that shows what is cached for any URL, and why. Only for "
        "development: refused unless site.base_url is on this machine.",
        default=False,
    ),
    Setting(
        "metrics.token",
        optional(SECRET),
        "Allows /metrics for requests with Authorization: Bearer and this token. Without this key "
        "and metrics.allow there is no /metrics, and nothing is counted for it.",
        secret=True,
    ),
    Setting(
        "metrics.allow",
        NETWORKS,
        "Allows /metrics for these addresses. Do not use it behind a proxy: there the address of "
        "a request comes from a header that a visitor may have set.",
        default=(),
    ),
    Setting(
        "apdex.seconds",
        seconds(0.001, 60),
        "The T of Apdex: a request within T is satisfied, within four times T tolerated. Set the "
        "same in all processes.",
        default=0.5,
    ),
    Setting(
        "manager.idle_minutes",
        integer(5, 24 * 60),
        "How long an operator stays signed in without any request. Text typed into a form is not "
        "lost: it is restored after the next sign-in.",
        default=60,
    ),
    Setting(
        "manager.session_hours",
        integer(1, 24 * 30),
        "The maximum time that an operator stays signed in, in hours.",
        default=12,
    ),
    Setting(
        "manager.stale_days",
        integer(1, 3650),
        "After how many days imported data counts as outdated in the list of movies.",
        default=30,
    ),
    Setting(
        "tmdb.base_url",
        HTTP_URL,
        "The URL of TMDB's API, with its version.",
        default="https://api.themoviedb.org/3",
    ),
    Setting(
        "tmdb.token",
        optional(SECRET),
        "TMDB's read access token (v4), or an API key (v3). Empty: no imports from TMDB.",
        secret=True,
    ),
    Setting(
        "tmdb.timeout",
        seconds(0.1, 120),
        "Seconds to wait for TMDB to connect, or to send more data.",
        default=10.0,
    ),
    Setting(
        "tmdb.tries",
        integer(1, 10),
        "Attempts per request to TMDB, including the first.",
        default=4,
    ),
    Setting(
        "tmdb.max_age_days",
        integer(1, 180),
        "Days that data from TMDB is kept before it is fetched again; the terms of TMDB allow six "
        "months.",
        default=150,
    ),
)
