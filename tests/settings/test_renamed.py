"""Renamed and removed ini keys."""

import re

import pytest

from moziweb.settings.renamed import RENAMED, WITHOUT_EFFECT, current_name, with_current_names


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_every_old_name_has_its_current_one(old: str, new: str) -> None:
    assert current_name(old.replace("*", "pages")) == new.replace("*", "pages")
    assert current_name(new.replace("*", "pages")) == new.replace("*", "pages")


@pytest.mark.parametrize(
    "key",
    ["cache.stray_life", "cache.a.b.stray_life", "cache..stray_life", "xcache.renewers",
     "cache.renewers.x", "cachexrenewers", ""],
)  # fmt: skip
def test_other_keys_keep_their_names(key: str) -> None:
    assert current_name(key) == key


def test_values_are_kept_and_current_names_warn_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = {"cache.refresh_threads": "2", "site.base_url": "https://site.example"}
    assert with_current_names(raw) == raw
    assert caplog.text == ""


def test_each_region_has_its_own_key(caplog: pytest.LogCaptureFixture) -> None:
    settings = with_current_names({"cache.a.stray_life": "1", "cache.b.negative_ttl": "2"})
    assert settings == {"cache.a.negative_ttl": "1", "cache.b.negative_ttl": "2"}
    assert re.findall(r"(\S+) was renamed to (\S+);", caplog.text) == [
        ("cache.a.stray_life", "cache.a.negative_ttl")
    ]


@pytest.mark.parametrize("key", sorted(WITHOUT_EFFECT))
def test_removed_key_is_accepted_with_a_warning(key: str, caplog: pytest.LogCaptureFixture) -> None:
    assert with_current_names({key: "1", "site.debug": "true"}) == {"site.debug": "true"}
    assert [each.message for each in caplog.records] == [
        f"{key} has no effect any more; the next release refuses it"
    ]
