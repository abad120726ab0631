"""Builds the cache from the ini file, with dogpile's own keys (docs/cache.md has an example).

Keys under ``cache.default`` are for all regions. A misspelt key or a wrong value raises
``ConfigurationError`` with a line that names it. ``dogpile.cache.pylibmc`` is replaced by our
client of the same library, with the same arguments (``stores/memcached_client.py`` says why).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from dogpile.cache import CacheRegion
from dogpile.cache.exception import DogpileCacheException
from dogpile.cache.proxy import ProxyBackend
from dogpile.cache.util import coerce_string_conf

from moziweb.settings.masking import mask_secrets
from moziweb.settings.schema import integer

from ..errors import ConfigurationError
from ..events import CacheEvents
from ..protocol.entry import encode
from ..protocol.keys import KeyBuilder
from ..protocol.leases import LeaseOptions, Leases
from ..protocol.stamps import StampStore
from ..protocol.store import AtomicStore
from ..stores import MEMCACHED
from ..stores.cdn import CdnPurger, over_http
from ..stores.dogpile_adapter import EntryStore, FailSafeBackend, TaggedBackend, deserialize_entry
from ..stores.memory import MEMORY, MemoryAtomicStore
from ..stores.signed_backend import SignedBackend
from ..stores.sqlite import SqliteAtomicStore
from .http_policy import EVERYTHING, HttpCachePolicy
from .local_cache import LocalCache
from .parts import RegionParts
from .policy import Policy
from .region import TaggedRegion
from .settings_schema import CACHE_KEYS, REGION_KEYS, parse

PREFIX: Final = "cache."
DEFAULT_REGION: Final = "default"
NULL: Final = "dogpile.cache.null"

_REPLACED_BACKENDS: Final = {"dogpile.cache.pylibmc": MEMCACHED}
_ARGUMENTS: Final = "arguments."
_BEHAVIORS: Final = "behaviors."
_BEHAVIOR_NUMBER: Final = integer(0, 2**31 - 1)
_KNOWN_ARGUMENTS: Final = {
    MEMORY: frozenset({"max_bytes"}),
    MEMCACHED: frozenset({"url", "username", "password", "behaviors", "memcached_expire_time"}),
}
_SPARE_SECONDS: Final = 60.0
"""Seconds that memcached keeps an entry after it may last be served stale."""


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache as the ini file configures it."""

    stamps: StampStore
    regions: Mapping[str, TaggedRegion]
    keys: Mapping[str, KeyBuilder]
    dogpile: Mapping[str, CacheRegion]
    """The same regions for dogpile's own functions; payloads are ``Entry`` objects."""
    debug: bool = False
    """Whether responses have a header with their tags."""
    private_regions: frozenset[str] = frozenset()
    """The regions whose entries are in the memory of each process."""
    stamps_url: str = ""
    """``cache.stamps.url`` of the ini file, with a mask for secrets."""
    refresh_threads: int = 0
    """Number of threads per process that refresh hot entries."""
    purger: CdnPurger | None = None
    """Purges published tags at the CDN, if one is configured."""
    start_probe_thread: Callable[[], None] = lambda: None
    """Starts the thread that probes memcached during an outage, if it has the stamps."""

    @property
    def is_shared(self) -> bool:
        """Whether processes share the stamps."""
        return not self.stamps_url.startswith("memory:")


def from_settings(
    settings: Mapping[str, Any],
    *,
    observer: CacheEvents | None = None,
    recoverable: tuple[type[Exception], ...] = (),
    now: Callable[[], float] = time.time,
) -> Cache:
    """Build the cache from the ini settings that begin with ``cache.``; opens no connection.

    ``recoverable`` is described by ``Policy``. Raises ``ConfigurationError`` with one line that
    names the key.
    """
    given = {
        name.removeprefix(PREFIX): str(value)
        for name, value in settings.items()
        if name.startswith(PREFIX)
    }
    return _Builder(given, observer or CacheEvents(), recoverable, now).build()


def open_atomic_store(url: str, prefix: str = "") -> AtomicStore:
    """Return the store of ``cache.stamps.url``; raise ``ConfigurationError`` for another URL."""
    scheme, mark, rest = url.partition("://")
    if scheme == "memory" and mark and not rest:
        return MemoryAtomicStore()
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteAtomicStore(Path(rest[1:]))
    if scheme == "memcached" and rest and not set(rest) & set(" ,"):
        # One server, not a ring: in a test, a `set_multi` to an ejected node reported no failure,
        # and the old stamp came back with the node.
        login, _, server = rest.rstrip("/").rpartition("@")
        return _open_memcached(server, f"{prefix}:", login)
    raise ConfigurationError(
        f"{PREFIX}stamps.url = {mask_secrets(url)}: expected "
        "memcached://[user:password@]host:port (one server), sqlite:///path or memory://"
    )


def _open_memcached(server: str, prefix: str, login: str) -> AtomicStore:
    try:
        # The driver is an extra, which a site without memcached does not need.
        from ..stores.memcached_client import Credentials, MemcachedClient
    except ImportError as error:
        raise ConfigurationError(f"{PREFIX}stamps.url: {_import_error_text(error)}") from error
    username, _, password = map(unquote, login.partition(":"))
    return MemcachedClient(
        [server], prefix=prefix, probed=True, credentials=Credentials(username, password)
    )


def _import_error_text(error: ImportError) -> str:
    advice = '; pip install "moziweb[memcached]"' if error.name == "pylibmc" else ""
    return f"{error}{advice}"


def _probe_start_of(store: AtomicStore) -> Callable[[], None]:
    start: Callable[[], None] = getattr(store, "start_probe_thread", lambda: None)
    return start


def _purge_by(purger: CdnPurger) -> Callable[[Iterable[str] | None], None]:
    def on_publish(tags: Iterable[str] | None) -> None:
        purger.purge((EVERYTHING,) if tags is None else tags)

    return on_publish


@dataclass(frozen=True, slots=True)
class _Builder:
    given: Mapping[str, str]
    observer: CacheEvents
    recoverable: tuple[type[Exception], ...]
    now: Callable[[], float]

    def build(self) -> Cache:
        given = self.given.get
        common = {k.name: parse(k, PREFIX + k.name, given(k.name)) for k in CACHE_KEYS}
        names = self._names(common["regions"])
        self._check_names(names)
        settings = {name: self._region_settings(name) for name in names}
        store = open_atomic_store(common["stamps.url"], common["prefix"])
        ttl = self._ttl(common["stamps.ttl"], settings.values())
        purger = self._purger(common)
        longest_grace = max((each.grace for each in settings.values()), default=0.0)
        on_publish = _purge_by(purger) if purger else None
        stamps = StampStore(store, ttl, on_publish, longest_grace=longest_grace)
        keys = {name: KeyBuilder(common["prefix"], name, common["version"]) for name in names}
        regions: dict[str, TaggedRegion] = {}
        dogpile: dict[str, CacheRegion] = {}
        for name in names:
            regions[name], dogpile[name] = self._region(
                settings[name], keys[name], stamps, store, common["signing_key"]
            )
        private = frozenset(name for name in names if settings[name].in_process)
        return Cache(
            stamps,
            regions,
            keys,
            dogpile,
            debug=common["debug"],
            private_regions=private,
            stamps_url=mask_secrets(common["stamps.url"]),
            refresh_threads=common["refresh_threads"],
            purger=purger,
            start_probe_thread=_probe_start_of(store),
        )

    def _purger(self, common: Mapping[str, Any]) -> CdnPurger | None:
        url = common["cdn.purge_url"]
        if not url:
            return None
        method, header = common["cdn.purge_method"], common["cdn.purge_header"]
        send = over_http(url, method, header, common["cdn.purge_secret"])
        return CdnPurger(send, observer=self.observer)

    def _names(self, text: str) -> list[str]:
        names = text.split()
        for name in names:
            if name in {DEFAULT_REGION, "stamps", "cdn"} or not name.isidentifier():
                raise ConfigurationError(
                    f"{PREFIX}regions = {text}: {name!r} is not a valid region name"
                )
        return names

    def _check_names(self, regions: Iterable[str]) -> None:
        """Refuse unknown keys: a misspelt one would have no effect."""
        known = {key.name for key in CACHE_KEYS}
        of_region = {key.name for key in REGION_KEYS}
        for name in self.given:
            owner, _, key = name.partition(".")
            is_region_key = key in of_region or key.startswith(_ARGUMENTS)
            if name not in known and not (owner in {DEFAULT_REGION, *regions} and is_region_key):
                raise ConfigurationError(
                    f"{PREFIX}{name}: no such setting; docs/settings.md lists them all"
                )

    def _region_settings(self, name: str) -> "_RegionSettings":
        shared = self._under(DEFAULT_REGION)
        merged = {**shared, **self._under(name)}
        values = {}
        for key in REGION_KEYS:
            owner = name if key.name in self._under(name) else DEFAULT_REGION
            full_name = f"{PREFIX}{owner}.{key.name}"
            values[key.name] = parse(key, full_name, merged.get(key.name))
        arguments = {
            key.removeprefix(_ARGUMENTS): value.strip()
            for key, value in merged.items()
            if key.startswith(_ARGUMENTS)
        }
        return _RegionSettings(name, values, arguments)

    def _under(self, owner: str) -> dict[str, str]:
        head = f"{owner}."
        return {k.removeprefix(head): v for k, v in self.given.items() if k.startswith(head)}

    def _ttl(self, given: float | None, regions: Iterable["_RegionSettings"]) -> float:
        longest = max((region.values["expiration_time"] for region in regions), default=3600.0)
        if given is not None and given <= longest:
            raise ConfigurationError(
                f"{PREFIX}stamps.ttl = {given:g}: must be above every expiration_time ({longest:g})"
            )
        return given if given is not None else 2 * longest

    def _region(
        self,
        settings: "_RegionSettings",
        keys: KeyBuilder,
        stamps: StampStore,
        store: AtomicStore,
        signing_key: str | None,
    ) -> tuple[TaggedRegion, CacheRegion]:
        own_store = MemoryAtomicStore() if settings.in_process else store
        leases = Leases(own_store, settings.lease_options)
        name, policy = settings.name, settings.policy(self.recoverable)
        fail_safe = FailSafeBackend(name, leases, self.observer)
        tagged = TaggedBackend(stamps, grace=policy.grace, now=self.now)
        dogpile = CacheRegion(
            name, key_mangler=keys.mangle, serializer=encode, deserializer=deserialize_entry
        )
        proxies: list[ProxyBackend] = [tagged, fail_safe]
        if signing_key is not None and not settings.in_process:
            proxies.append(SignedBackend(name, signing_key, self.observer))
        settings.configure(dogpile, proxies)
        parts = RegionParts(
            name=name,
            policy=policy,
            entries=EntryStore(name, fail_safe, self.observer, settings.values["max_bytes"]),
            stamps=stamps,
            leases=leases,
            local_cache=LocalCache(settings.values["l1_bytes"]),
            observer=self.observer,
            now=self.now,
        )
        return TaggedRegion(parts), dogpile


@dataclass(frozen=True, slots=True)
class _RegionSettings:
    """The typed values of a region's keys, and the unparsed arguments of its backend."""

    name: str
    values: Mapping[str, Any]
    texts: Mapping[str, str]

    @property
    def backend(self) -> str:
        given: str = self.values["backend"]
        return _REPLACED_BACKENDS.get(given, given)

    @property
    def in_process(self) -> bool:
        """Whether entries, and so leases, are kept per process."""
        return self.backend in {MEMORY, NULL} or self.backend.startswith("dogpile.cache.memory")

    @property
    def lease_options(self) -> LeaseOptions:
        values = self.values
        return LeaseOptions(values["lease_time"], values["wait"], values["poll"])

    @property
    def grace(self) -> float:
        """Seconds for which an outdated entry may be served; 0 in a strict region."""
        grace: float = self.values["grace"]
        return grace if self.values["mode"] == "soft" else 0.0

    def policy(self, recoverable: tuple[type[Exception], ...]) -> Policy:
        values = self.values
        return Policy(
            expiration_time=values["expiration_time"],
            grace=self.grace,
            stale_if_error=values["stale_if_error"],
            refresh_after=values["refresh_after"],
            recoverable=recoverable,
            enabled=self.backend != NULL,
            http_policy=HttpCachePolicy(
                max_age=values["max_age"],
                s_maxage=values["s_maxage"],
                stale_while_revalidate=values["stale_while_revalidate"],
                surrogate_header=values["surrogate_header"],
                surrogate_bytes=values["surrogate_bytes"],
            ),
            negative_ttl=values["negative_ttl"],
            negative_slots=values["negative_slots"],
        )

    def configure(self, region: CacheRegion, wrap: list[ProxyBackend]) -> None:
        """Configure the backend of a region; raise its errors as ``ConfigurationError``."""
        try:
            region.configure(
                self.backend,
                expiration_time=self.values["expiration_time"],
                arguments=self._arguments(),
                wrap=wrap,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"{PREFIX}{self.name}.arguments: {error}") from error
        except ImportError as error:
            shown = f"{self.values['backend']}: {_import_error_text(error)}"
            raise ConfigurationError(f"{PREFIX}{self.name}.backend = {shown}") from error
        except (DogpileCacheException, KeyError, TypeError, ValueError) as error:
            shown = f"{self.values['backend']}: {mask_secrets(str(error))}"
            raise ConfigurationError(f"{PREFIX}{self.name}.backend = {shown}") from error

    def _arguments(self) -> dict[str, Any]:
        texts = {k: text for k, text in self.texts.items() if not k.startswith(_BEHAVIORS)}
        arguments: dict[str, Any] = coerce_string_conf(texts)  # type: ignore[no-untyped-call]
        self._check_arguments(arguments)
        if self.backend == MEMCACHED:
            arguments["url"] = self._servers()
            for name in ("username", "password"):  # texts, even if they are numbers
                arguments[name] = self.texts.get(name, "")
            arguments["behaviors"] = self._behaviors()
            arguments["memcached_expire_time"] = self._memcached_ttl(arguments)
        return arguments

    def _check_arguments(self, arguments: Mapping[str, Any]) -> None:
        known = _KNOWN_ARGUMENTS.get(self.backend)
        unknown = sorted(set(arguments) - known) if known is not None else []
        if unknown:
            raise ConfigurationError(
                f"{unknown[0]}: {self.values['backend']} takes no such argument"
            )

    def _servers(self) -> list[str]:
        servers = self.texts.get("url", "").replace(",", " ").split()
        if not servers:
            raise ConfigurationError("url: expected host:port, or several with spaces between")
        return servers

    def _behaviors(self) -> dict[str, int | str]:
        head = len(_BEHAVIORS)
        texts = {k[head:]: v for k, v in self.texts.items() if k.startswith(_BEHAVIORS)}
        return {name: _number_or_text(text) for name, text in texts.items()}

    def _memcached_ttl(self, arguments: Mapping[str, Any]) -> float:
        """Seconds that memcached keeps an entry: as long as it may be served, even stale."""
        values = self.values
        beyond = max(self.grace, values["stale_if_error"])
        ttl = arguments.get("memcached_expire_time")
        if ttl is None:
            return float(values["expiration_time"] + beyond + _SPARE_SECONDS)
        if not isinstance(ttl, int) or ttl <= values["expiration_time"]:
            raise ConfigurationError(
                f"memcached_expire_time = {ttl}: must be above expiration_time"
                f" ({values['expiration_time']:g})"
            )
        return float(ttl)


def _number_or_text(text: str) -> int | str:
    try:
        number: int = _BEHAVIOR_NUMBER.parse(text)
    except ValueError:
        return text
    return number
