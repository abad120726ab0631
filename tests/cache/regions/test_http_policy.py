"""Cache-Control and surrogate keys of pages."""

import pytest

from moziweb.cache.protocol.tags import short_form
from moziweb.cache.regions.http_policy import REVALIDATE_ALWAYS, SHORTEN_ABOVE, HttpCachePolicy
from tests.cache.http.cached_site import Site

KEPT = {
    "cache.pages.expiration_time": "6000",
    "cache.pages.s_maxage": "600",
    "cache.pages.surrogate_header": "xkey",
}
CDN = HttpCachePolicy(s_maxage=600, stale_while_revalidate=30, surrogate_header="xkey")


@pytest.mark.parametrize(
    ("policy", "control"),
    [
        (REVALIDATE_ALWAYS, "no-cache"),
        (HttpCachePolicy(stale_while_revalidate=30), "no-cache"),
        (HttpCachePolicy(max_age=60), "max-age=60"),
        (HttpCachePolicy(s_maxage=600), "max-age=0, s-maxage=600"),
        (
            HttpCachePolicy(max_age=5, s_maxage=600, stale_while_revalidate=30),
            "max-age=5, s-maxage=600, stale-while-revalidate=30",
        ),
    ],
)
def test_cache_control(policy: HttpCachePolicy, control: str) -> None:
    assert policy.headers(["movie:1"]) == (("Cache-Control", control),)


def test_surrogate_header_contains_tags() -> None:
    assert dict(CDN.headers(["week:1", "movie:1"]))["xkey"] == "everything movie:1 week:1"


def test_long_surrogate_header_has_short_forms() -> None:
    tags = [f"movie:{n}" for n in range(330)]
    keys = dict(CDN.headers(tags))["xkey"]
    assert len(keys) <= SHORTEN_ABOVE
    assert keys == " ".join(("everything", *sorted(tags)))
    many = [f"movie:{n}" for n in range(1000)]
    keys = dict(CDN.headers(many))["xkey"]
    assert len(keys) == len("everything") + 7 * 1000
    assert keys.split() == ["everything", *map(short_form, sorted(many))]
    assert len(set(keys.split())) == 1001
    lower = HttpCachePolicy(s_maxage=600, surrogate_header="xkey", surrogate_bytes=100)
    keys = dict(lower.headers([f"movie:{n}" for n in range(12)]))["xkey"]
    assert len(keys) == len("everything") + 7 * 12


def test_page_with_too_many_tags_is_not_for_cdn() -> None:
    few, many = CDN.headers(["movie:1"]), CDN.headers([f"movie:{n}" for n in range(2000)])
    assert "s-maxage=600" in dict(few)["Cache-Control"]
    assert dict(many) == {"Cache-Control": "no-cache", "Surrogate-Control": "no-store"}
    browsers_too = HttpCachePolicy(
        max_age=5, s_maxage=600, surrogate_header="xkey", surrogate_bytes=100
    )
    kept = dict(browsers_too.headers([f"movie:{n}" for n in range(100)]))
    assert kept["Cache-Control"] == "max-age=5, s-maxage=0"


@pytest.mark.parametrize("status", ["miss", "hit", "l1"])
def test_all_responses_have_same_cache_headers(status: str) -> None:
    site = Site(settings=KEPT)
    page = site.get()
    while page.headers["X-Cache"] != status:
        page = site.get()
    assert page.headers["Cache-Control"] == "max-age=0, s-maxage=600"
    assert page.headers["xkey"] == "everything list:all page:a"
    assert "Age" not in page.headers  # a CDN would subtract it from its ten minutes
    assert page.headers["X-Cache-Age"] == "0"
    unchanged = site.get(If_None_Match=page.headers["ETag"])
    assert unchanged.status_int == 304
    assert unchanged.headers["xkey"] == page.headers["xkey"]


def test_lifetime_is_cut_at_expiry() -> None:
    assert CDN.headers([], 60.9)[0][1] == "max-age=0, s-maxage=60, stale-while-revalidate=30"
    assert CDN.headers([], 0.5)[0][1] == "no-cache"
    assert HttpCachePolicy(max_age=600).headers([], 7.0)[0][1] == "max-age=7"
    site = Site(settings=KEPT | {"cache.pages.expiration_time": "60", "cache.pages.max_age": "90"})
    for _ in range(3):
        control = site.get().headers["Cache-Control"]
        assert control in {f"max-age={n}, s-maxage={n}" for n in range(50, 61)}


def test_stale_and_unstored_pages_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(settings=KEPT | {"cache.pages.stale_if_error": "60"})
    for _ in range(3):
        site.get()
    monkeypatch.setattr(site.cache.stamps, "clock", lambda: None)
    for path, status in (("/page/a", "stale"), ("/page/b", "bypass")):
        headers = site.get(path).headers
        assert headers["X-Cache"] == status
        assert headers["Cache-Control"] == "no-cache"
        assert headers["Surrogate-Control"] == "no-store"
        assert "xkey" not in headers


def test_current_policy_applies_to_stored_entries() -> None:
    site = Site()
    assert site.get().headers["Cache-Control"] == "no-cache"
    changed = Site(settings={"cache.pages.max_age": "7"}, store=site)
    page = changed.get()
    assert (page.headers["X-Cache"], page.headers["Cache-Control"]) == ("hit", "max-age=7")
