"""If variants exist, the browser requests no image from the application."""

from urllib.parse import urlsplit

import pytest

from .conftest import OpenPage
from .page_log import PageLog, broken_images, click_link, scroll_to_end, violations_of
from .site import THIS_WEEK, Site

# Images of the site itself: the icon, and the fallback of a missing poster.
OWN = "/static/"


def test_posters_are_loaded_from_s3_only(s3_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    page.goto(s3_site.url)
    scroll_to_end(page)
    movie = page.locator(".movie:not(:has([src*=no-poster]))").first.get_attribute("href") or ""
    for path in (movie, f"/week/{THIS_WEEK.name}"):
        page.goto(s3_site.url + path)
        scroll_to_end(page)
        assert broken_images(page) == []
        assert violations_of(page) == []
    posters = [urlsplit(each) for each in watch.images() if OWN not in each]
    storage = urlsplit(s3_site.registry.settings["storage.s3.endpoint_url"]).netloc
    assert len(posters) > 10
    assert {poster.netloc for poster in posters} == {storage}
    assert watch.errors == []


def test_full_poster_is_linked_in_storage(s3_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(s3_site.url)
    click_link(page, ".movie:not(:has([src*=no-poster]))")
    click_link(page, ".film-poster a")
    assert page.url.startswith(s3_site.registry.settings["storage.s3.endpoint_url"])
    assert page.url.endswith(".webp")


def test_phone_loads_small_variants(site: Site, open_page: OpenPage) -> None:
    page = open_page(360)
    watch = PageLog.attach(page)
    page.goto(site.url)
    scroll_to_end(page)
    taken = [each for each in watch.images() if OWN not in each and ".blur." not in each]
    assert taken
    assert all(each.endswith((".small.avif", ".thumb.avif")) for each in taken)


def test_posters_outside_the_viewport_are_lazy(site: Site, open_page: OpenPage) -> None:
    page = open_page(360, 640)
    page.goto(site.url)
    first, last = page.locator(".poster-view-img").first, page.locator(".poster-view-img").last
    assert first.get_attribute("loading") is None
    assert last.get_attribute("loading") == "lazy"
    assert page.locator("[fetchpriority=high]").count() <= 1


def test_poster_has_its_colour_before_it_loads(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/objects/**", lambda route: route.abort())
    page.goto(site.url, wait_until="domcontentloaded")
    colour = page.locator(".movie:not(:has([src*=no-poster])) .poster").first.evaluate(
        "poster => getComputedStyle(poster).backgroundColor"
    )
    assert colour.startswith("rgb(")
    assert colour != "rgba(0, 0, 0, 0)"


LARGEST_PAINT = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const element = list.getEntries().at(-1).element;
    done(element.closest(".film-poster, .film, .backdrop")?.className ?? element.outerHTML);
  }).observe({ type: "largest-contentful-paint", buffered: true });
})"""


@pytest.mark.parametrize(("width", "sharpness"), [(390, 1), (390, 3), (1440, 1)])
def test_largest_paint_of_a_movie_page_is_its_poster(
    site: Site, open_page: OpenPage, width: int, sharpness: int
) -> None:
    page = open_page(width, 844, device_scale_factor=sharpness)
    page.goto(site.url)
    click_link(page, ".movie:not(:has([src*=no-poster]))")
    page.wait_for_load_state("networkidle")
    assert page.evaluate(LARGEST_PAINT) == "film-poster"
    assert page.locator(".film-poster [fetchpriority=high]").count() == 1
    assert page.locator(".backdrop [fetchpriority=low]").count() == 1


def test_sharp_phones_load_the_medium_variant(site: Site, open_page: OpenPage) -> None:
    page = open_page(390, 844, device_scale_factor=3)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    shown = page.locator("#this-week .movie:not(:has([src*=no-poster])) img").first
    shown.scroll_into_view_if_needed()
    assert shown.evaluate("image => image.currentSrc").endswith(".medium.avif")


def test_cold_posters_do_not_delay_other_files(cold_site: Site, open_page: OpenPage) -> None:
    """Posters that are not made yet have low priority, and scripts are before them."""
    page = open_page()
    page.goto(cold_site.url, wait_until="commit")
    page.wait_for_selector(".site-footer")
    assert page.locator("body script").count() == 0
    posters = page.locator(".film .poster-view-img[src*='/poster/']")
    priorities = posters.evaluate_all("all => all.map((each) => each.fetchPriority)")
    assert len(priorities) > 30
    assert set(priorities) <= {"low", "high"}
    assert priorities.count("high") <= 1
    missing = page.locator(".poster-view-img[src*=no-poster]").first
    assert missing.evaluate("image => image.fetchPriority") == "auto"
