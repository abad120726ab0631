"""The settings: every error is one line that names the key."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.regions.settings_schema import CACHE_KEYS, REGION_KEYS
from moziweb.settings import SETTINGS, Setting, SettingsError, expand, load
from moziweb.settings.masking import MASK
from moziweb.settings.origins import origins_of

REQUIRED = {
    "site.base_url": "https://moziweb.example",
    "sqlalchemy.url": "sqlite:///moziweb.sqlite",
    "storage.backend": "disk",
    "storage.disk.path": "objects",
}


def loaded(environ: dict[str, str] | None = None, **changes: str) -> dict[str, Any]:
    raw = REQUIRED | {key.replace("__", "."): value for key, value in changes.items()}
    return load(raw, environ or {})


def test_required_keys_are_enough_and_others_have_defaults() -> None:
    settings = loaded()
    assert settings["storage.disk.path"] == Path("objects")
    assert settings["storage.s3.acl"] == ""
    assert settings.keys() >= {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("key", [s.name for s in SETTINGS if s.required])
def test_missing_key_is_named_with_its_meaning(key: str) -> None:
    raw = {name: value for name, value in REQUIRED.items() if name != key}
    with pytest.raises(SettingsError, match=f"^{key}: missing. ") as caught:
        load(raw, {})
    assert "\n" not in str(caught.value)


def test_unknown_key_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^storage\.s3\.buckett: no such setting"):
        loaded(storage__s3__buckett="posters")


@pytest.mark.parametrize("value", ["pictures.test:8080", "127.0.0.1:80"])
def test_test_host_is_refused_in_production(value: str) -> None:
    local = loaded(site__base_url="http://127.0.0.1:6543", posters__test_host=value)
    assert local["posters.test_host"] == value
    with pytest.raises(SettingsError, match=r"^posters\.test_host: only for development"):
        loaded(posters__test_host=value)


@pytest.mark.parametrize("value", ["pictures.test", ":80", "a b:80", "http://a:80", "a:0", "a:x"])
def test_test_host_has_a_name_and_a_port(value: str) -> None:
    with pytest.raises(SettingsError, match="expected a host and a port"):
        loaded(site__base_url="http://127.0.0.1:6543", posters__test_host=value)


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("site.base_url", "moziweb.example", "expected a URL"),
        ("site.hsts", "perhaps", "expected true or false"),
        ("sqlalchemy.url", "mysql://localhost/x", "expected sqlite:///path"),
        ("site.base_url", "http://127.0.0.1:80000", "expected a URL"),
        ("site.base_url", "http://127.0.0.1:-1", "expected a URL"),
        ("site.base_url", "http://:80", "expected a URL"),
        ("site.base_url", "https://moziweb.example/films", "expected a URL without a path"),
        ("site.base_url", "https://moziweb.example/?x", "expected a URL without a path"),
        ("site.base_url", "https://moziweb.example#x", "expected a URL without a path"),
        ("site.base_url", "https://műsor.example", "expected a URL without a path"),
        ("site.base_url", "https://moziweb.example evil", "expected a URL without a path"),
        ("sqlalchemy.url", "postgresql://host:port/x", "expected sqlite:///path"),
        ("sqlalchemy.pool_size", "0", "expected a whole number from 1 to 100"),
        ("sqlalchemy.pool_size", "many", "expected a whole number from 1 to 100"),
        ("storage.backend", "ftp", "expected one of disk, s3"),
        ("storage.s3.acl", "private", r"expected one of public-read, \(empty\)"),
        ("storage.s3.read_timeout", "nan", "expected seconds from 0.1 to 300"),
        ("storage.s3.read_timeout", "soon", "expected seconds from 0.1 to 300"),
    ],
)
def test_wrong_value_is_shown_with_the_expected_kind(key: str, value: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint) as caught:
        load(REQUIRED | {key: value}, {})
    assert str(caught.value).startswith(f"{key} = {value}: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sqlalchemy.url", "postgresql://user:sec/ret@c:1:2/x"),
        ("sqlalchemy.url", "mysql://user:sec/ret@host/x"),
        ("sqlalchemy.url", "mysql://host/x?password=sec/ret"),
        ("site.base_url", "https://user:sec/ret@moziweb.example"),
        ("metrics.token", "sec/ret"),
    ],
)
def test_secret_of_a_wrong_value_is_masked(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key} = .*{MASK}.*: expected") as caught:
        load(REQUIRED | {key: value}, {})
    assert "ret" not in str(caught.value).partition(": expected")[0]


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://moziweb.example/", "https://moziweb.example"),
        ("https://MoziWeb.example:443", "https://moziweb.example"),
        ("HTTP://moziweb.example:80", "http://moziweb.example"),
        ("http://127.0.0.1:6543", "http://127.0.0.1:6543"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://xn--msor-1lb.example", "https://xn--msor-1lb.example"),
    ],
)
def test_base_url_is_an_origin_as_browsers_send_it(value: str, origin: str) -> None:
    assert loaded(site__base_url=value)["site.base_url"] == origin


@pytest.mark.parametrize(
    ("backend", "needed"), [("disk", "storage.disk.path"), ("s3", "storage.s3.bucket")]
)
def test_missing_key_of_a_backend_is_named(backend: str, needed: str) -> None:
    raw = {name: value for name, value in REQUIRED.items() if name != "storage.disk.path"}
    with pytest.raises(SettingsError, match=f"^{needed}: missing, and storage.backend"):
        load(raw | {"storage.backend": backend}, {})


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"posters.lease_seconds": "15"}, "15"),
        ({"posters.fetch_seconds": "60"}, "60"),
        ({"posters.decoder.seconds": "40"}, "60"),
    ],
)
def test_lease_must_be_longer_than_a_step_without_renewal(
    changes: dict[str, str], least: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^posters\.lease_seconds = .* more than {least}$"):
        load(REQUIRED | changes, {})
    load(REQUIRED | changes | {"posters.lease_seconds": "61"}, {})


def test_value_from_the_environment_is_not_in_the_message() -> None:
    environ = {"DATABASE_URL": "mysql://user:secret@host/db"}
    with pytest.raises(SettingsError) as caught:
        loaded(environ, sqlalchemy__url="${DATABASE_URL}")
    assert "secret" not in str(caught.value)
    assert "${DATABASE_URL}" in str(caught.value)
    assert str(caught.value).endswith(" (DATABASE_URL from the environment)")


def test_unset_variable_is_named_with_its_key() -> None:
    with pytest.raises(SettingsError, match=r"^sqlalchemy\.url: .* DATABASE_URL is not set"):
        loaded(sqlalchemy__url="${DATABASE_URL}")


@pytest.mark.parametrize(
    ("value", "environ", "expected"),
    [
        ("${PORT:-6543}", {}, "6543"),
        ("${PORT:-6543}", {"PORT": "80"}, "80"),
        ("${PORT:-6543}", {"PORT": ""}, "6543"),
        ("${NAME}", {"NAME": ""}, ""),
        ("${CDN:-}", {}, ""),
        ("http://${HOST}:${PORT}", {"HOST": "h", "PORT": "1"}, "http://h:1"),
        ("$PORT and ${lower}", {"PORT": "1"}, "$PORT and ${lower}"),
    ],
)
def test_expansion(value: str, environ: dict[str, str], expected: str) -> None:
    assert expand("key", value, environ) == expected


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_postgresql_scheme_means_psycopg(scheme: str) -> None:
    settings = loaded(sqlalchemy__url=f"{scheme}://user@host/name")
    assert settings["sqlalchemy.url"] == "postgresql+psycopg://user@host/name"


def test_keys_of_pyramid_pass_through() -> None:
    assert loaded(pyramid__reload_templates="true")["pyramid.reload_templates"] == "true"


def test_renamed_key_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    settings = loaded(cache__pages__stray_life="60", cache__default__stray_places="4")
    assert settings["cache.pages.negative_ttl"] == "60"
    assert settings["cache.default.negative_slots"] == "4"
    assert "cache.pages.stray_life was renamed to cache.pages.negative_ttl" in caplog.text
    assert not [name for name in settings if "stray" in name]


def test_key_set_under_both_names_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"^cache\.pages\.stray_life: renamed to .*negative_ttl"
    ):
        loaded(cache__pages__stray_life="60", cache__pages__negative_ttl="90")


def test_origin_of_a_renamed_key_is_under_its_current_name() -> None:
    assert origins_of({"cache.pages.stray_life": "60"}, {}).keys() == {"cache.pages.negative_ttl"}


def error_of(raw: dict[str, str]) -> str:
    """Return the error message of ``load``, or an empty text."""
    try:
        load(raw, {})
    except SettingsError as error:
        return str(error)
    return ""


@given(st.dictionaries(st.sampled_from([s.name for s in SETTINGS]), st.text(max_size=20)))
def test_any_text_is_accepted_or_refused_with_the_key(changes: dict[str, str]) -> None:
    names = REQUIRED.keys() | changes.keys() | {"storage.s3.bucket", "posters.lease_seconds"}
    refusal = error_of(REQUIRED | changes)
    assert not refusal or any(refusal.startswith(name) for name in names)


@pytest.mark.parametrize(
    "key",
    [
        each
        for each in (*SETTINGS, *CACHE_KEYS, *REGION_KEYS)
        if not each.required and each.default in {None, "", ()}
    ],
    ids=lambda key: key.name,
)
def test_key_that_is_empty_by_default_may_be_empty(key: Setting) -> None:
    """So that an ini file can take it from a variable that may be unset: ${NAME:-}."""
    assert key.value_type.parse("") == key.default
