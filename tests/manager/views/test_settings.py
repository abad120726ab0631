"""The settings page: values, origins, and no secrets."""

from typing import Any

import pytest
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.dashboards.advice import AdvicePage, latest_advice
from moziweb.manager.dashboards.settings import SettingRow, setting_groups, setting_text
from moziweb.ops.models import CacheAdvice
from moziweb.services import services_of
from moziweb.settings import SETTINGS, load
from moziweb.settings.masking import MASK
from moziweb.settings.origins import DEFAULT_ORIGIN, Origin, Source, origins_of
from tests.conftest import NOW
from tests.manager.conftest import signed_in

SECRETS = ("aws-id-of-somebody", "aws-secret-of-somebody", "hunter2", "a-token-of-some-length")

RAW = {
    "site.base_url": "https://example.com",
    "sqlalchemy.url": "${DATABASE_URL}",
    "storage.backend": "s3",
    "storage.s3.bucket": "posters",
    "storage.s3.access_key_id": SECRETS[0],
    "storage.s3.secret_access_key": "${S3_SECRET}",
    "metrics.token": "${TOKEN}",
    "metrics.allow": "127.0.0.1 10.0.0.0/8",
    "tmdb.timeout": "${NOT_SET:-2.5}",
    "cache.regions": "pages fragments feeds",
    "cache.stamps.url": "memcached://stamps:11211",
    "cache.cdn.purge_secret": f"Fastly-Key: {SECRETS[3]}",
    "cache.default.backend": "dogpile.cache.pylibmc",
    "cache.default.arguments.url": "10.0.0.6:11211",
    "cache.default.arguments.password": SECRETS[2],
    "cache.fragments.mode": "strict",
}
ENVIRON = {
    "DATABASE_URL": f"postgresql://moziweb:{SECRETS[2]}@db.example/moziweb",
    "S3_SECRET": SECRETS[1],
    "TOKEN": SECRETS[3],
}


@pytest.fixture(scope="module")
def rows() -> dict[str, SettingRow]:
    """Each row of the page, by its key."""
    groups = setting_groups(load(RAW, ENVIRON), origins_of(RAW, ENVIRON))
    assert groups[0].name == "site"
    return {row.name: row for group in groups for row in group.rows}


def test_no_secret_is_shown(rows: dict[str, SettingRow]) -> None:
    text = repr(rows)
    assert [secret for secret in SECRETS if secret in text] == []
    assert rows["storage.s3.secret_access_key"].values == ((MASK, ""),)
    assert "db.example/moziweb" in rows["sqlalchemy.url"].values[0][0]
    assert rows["tmdb.token"].values == (("", ""),)


def test_each_value_has_its_origin(rows: dict[str, SettingRow]) -> None:
    assert rows["site.base_url"].origins == (Origin(Source.INI),)
    assert rows["sqlalchemy.url"].origins == (Origin(Source.ENVIRONMENT, ("DATABASE_URL",)),)
    assert rows["tmdb.timeout"].origins == (Origin(Source.INI),)
    assert rows["tmdb.timeout"].values == (("2.5", ""),)
    assert rows["tmdb.tries"].origins == (DEFAULT_ORIGIN,)
    assert not rows["tmdb.tries"].is_set
    assert rows["metrics.allow"].values == (("127.0.0.1/32 10.0.0.0/8", ""),)


def test_regions_with_equal_values_are_merged(rows: dict[str, SettingRow]) -> None:
    assert rows["cache.<region>.backend"].values == (("dogpile.cache.pylibmc", ""),)
    mode = rows["cache.<region>.mode"]
    assert mode.values == (("soft", "pages, feeds"), ("strict", "fragments"))
    assert mode.origins == (DEFAULT_ORIGIN, Origin(Source.INI))
    assert rows["cache.default.arguments.url"].values == (("10.0.0.6:11211", ""),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ((), ""),
        (True, "true"),
        (0, "0"),
        (15.0, "15"),
        ("http://u:p@host/a", f"http://{MASK}@host/a"),
        ("postgresql://u:p/w@host/a", f"postgresql://{MASK}@host/a"),
        ("postgresql://h/n?password=p&sslmode=require",
         f"postgresql://h/n?password={MASK}&sslmode=require"),
    ],
)  # fmt: skip
def test_values_are_shown_as_in_the_ini_file(value: Any, text: str) -> None:
    assert setting_text(value) == text


def test_the_page_is_for_administrators(editor: TestApp, admin: TestApp) -> None:
    editor.get("/manager/settings", status=403)
    page = admin.get("/manager/settings")
    keys = {code.get_text() for code in page.html.select("tbody th code")}
    assert keys >= {setting.name for setting in SETTINGS}
    assert "Legfeljebb meddig marad bejelentkezve" in page.text
    assert (
        "The maximum time that an operator stays signed in"
        in admin.get("/en/manager/settings").text
    )
    only_set = admin.get("/manager/settings?show=set").html.select("tbody tr")
    assert 0 < len(only_set) < 20
    assert all("is-set" in row["class"] for row in only_set)
    assert "nincs gyorsítótára" in admin.get("/manager/cache").text


def test_advice_is_beside_the_values(site: TestApp, admin: TestApp) -> None:
    assert "cache advise" not in admin.get("/en/manager/settings").text
    option = {"hit_ratio": 0.9, "renders": 400, "stored_bytes": 2e6, "local_bytes": 1e6}
    better = {**option, "hit_ratio": 0.957, "renders": 150, "stored_bytes": 5e6}
    size = {
        "present": None, "advised": 48e6,
        "options": [{"value": 48e6, **better}, {"value": None, **option}],
    }  # fmt: skip
    life = {"present": 600.0, "advised": 600.0, "options": [{"value": 600.0, **option}]}
    advice = {"settings": {"size": size, "expiration_time": life}}
    with services_of(site.app.registry).database.write() as session:
        session.add(CacheAdvice(region="pages", at=NOW.timestamp(), advice=advice))
    (found,) = latest(site).rows["cache.<region>.backend"]
    assert (found.region, found.value, found.is_size, found.is_kept) == ("pages", 48.0, True, False)
    page = admin.get("/en/manager/settings")
    assert "The advice beside the values of the cache is of 2026-" in page.text


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"settings": {"expiration_time": {"present": 600.0, "advised": 600.0}}},
        {"settings": {"expiration_time": {"present": 1, "advised": 1, "options": [{"value": 2}]}}},
        {"settings": [1]},
        ["another form"],
    ],
)
def test_advice_of_another_release_is_no_advice(site: TestApp, admin: TestApp, stored: Any) -> None:
    with services_of(site.app.registry).database.write() as session:
        session.add(CacheAdvice(region="pages", at=NOW.timestamp(), advice=stored))
        assert latest_advice(session) is None
    assert "cache advise" not in admin.get("/en/manager/settings").text


def latest(site: TestApp) -> AdvicePage:
    with services_of(site.app.registry).database.read() as session:
        found = latest_advice(session)
        assert found
        return found


def test_advice_is_shown_in_the_row_of_its_key(cached: TestApp) -> None:
    option = {"hit_ratio": 0.9, "renders": 400, "stored_bytes": 2e6, "local_bytes": 1e6}
    better = {**option, "hit_ratio": 0.957, "renders": 150, "stored_bytes": 5e6}
    life = {
        "present": 600.0, "advised": 2400.0,
        "options": [{"value": 600.0, **option}, {"value": 2400.0, **better}],
    }  # fmt: skip
    with services_of(cached.app.registry).database.write() as session:
        for region, advised in (("feeds", 600.0), ("pages", 2400.0)):
            advice = {"settings": {"expiration_time": {**life, "advised": advised}}}
            session.add(CacheAdvice(region=region, at=NOW.timestamp(), advice=advice))
    rows = signed_in(cached, Role.ADMIN).get("/en/manager/settings").html.select("tbody tr")
    (row,) = [each for each in rows if each.code.get_text() == "cache.<region>.expiration_time"]
    feeds, pages = (" ".join(each.get_text().split()) for each in row.select(".advice li"))
    assert feeds == "feeds: good as it is"
    assert pages == ("pages: 2,400 hits 90.0 → 95.7 %, renders 400 → 150, memory 3.0 → 6.0 MB")
