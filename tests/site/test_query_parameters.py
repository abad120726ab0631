"""Unknown parameters of filtered pages, feeds and calendars, and the order of parameters."""

from webtest import TestApp

from tests.conftest import BASE_URL
from tests.site.cached import Movies

FEEDS = ("/premieres.ics", "/premieres-cinema.ics", "/en/premieres.atom", "/my.ics")
PAGES = ("/", "/en/", "/week/2026-W34", "/month/2026-08", "/en/year/2026", "/calendar")

TRACKED = "fbclid=Iw&gclid=1&utm_source=x&utm_medium=y"


def test_unknown_parameter_is_404_and_named(app: TestApp) -> None:
    for path in (*PAGES, *FEEDS, "/movie/1-a.ics", "/movie/1-a.atom", "/person/1-a.ics"):
        assert "gendre" in app.get(f"{path}?gendre=drama", status=404).text, path
        assert "gendre" in app.get(f"{path}?gendre=", status=404).text, path
        assert "<b>" not in app.get(f"{path}?<b>=1", status=404).text, path


def test_hit_does_not_ignore_parameters(cached: TestApp, movies: Movies) -> None:
    for path in (*PAGES, "/premieres.ics", f"/movie/{movies.here}-itt-van.atom"):
        cached.get(path)
        assert cached.get(path).headers["X-Cache"] in {"hit", "l1"}, path
        assert "gendre" in cached.get(f"{path}?gendre=drama", status=404).text
        tracked = cached.get(f"{path}?{TRACKED}")
        assert tracked.headers["X-Cache"] in {"hit", "l1"}, "no entry of its own"


def test_other_order_redirects(app: TestApp) -> None:
    moved = app.get("/en/premieres.ics?rating=12&kind=cinema", status=301)
    assert moved.location == f"{BASE_URL}/en/premieres.ics?kind=cinema&rating=12"
    app.get("/en/premieres.ics?kind=cinema&rating=12", status=200)
    moved = app.get("/week/2026-W34?kind=cinema&audio=dubbed", status=301)
    assert moved.location == f"{BASE_URL}/week/2026-W34?audio=dubbed&kind=cinema"
    moved = app.get("/my.ics?remind=1d&m=1", status=301)
    assert moved.location == f"{BASE_URL}/my.ics?m=1&remind=1d"


def test_repeated_and_empty_parameters_redirect(app: TestApp) -> None:
    moved = app.get("/premieres.ics?kind=&past=3&past=4", status=301)
    assert moved.location == f"{BASE_URL}/premieres.ics?past=3"
    assert app.get("/premieres.atom?kind=", status=301).location == f"{BASE_URL}/premieres.atom"
    moved = app.get("/my.ics?m=3.1.3&remind=", status=301)
    assert moved.location == f"{BASE_URL}/my.ics?m=1.3"


def test_query_that_is_not_utf8_is_400(app: TestApp) -> None:
    app.get("/premieres.ics?kind=%ff", status=400)
    app.get("/my.ics?m=%ff", status=400)


def test_tracking_parameters_are_ignored(app: TestApp) -> None:
    for path in (*PAGES, "/premieres.ics", "/premieres.atom"):
        page = app.get(path).body
        assert app.get(f"{path}?{TRACKED}", status=200).body == page, path
        filtered = app.get(f"{path}?kind=cinema").body
        assert app.get(f"{path}?kind=cinema&{TRACKED}", status=200).body == filtered, path
        moved = app.get(f"{path}?kind=cinema&{TRACKED}&audio=dubbed", status=301)
        assert moved.location == f"{BASE_URL}{path}?audio=dubbed&kind=cinema"


def test_tracking_parameters_of_other_sites_are_ignored(app: TestApp) -> None:
    names = (
        "gad_source gad_campaignid mtm_source pk_campaign hsa_acc _ga _gl _hsenc _hsmi mkt_tok si"
        " at_medium at_campaign wt_mc ved ref"
    )
    for name in names.split():
        app.get(f"/?{name}=1", status=200)
    app.get("/?xref=1", status=404)
    app.get("/?at_other=1", status=404)


def test_pages_without_filters_ignore_other_parameters(app: TestApp) -> None:
    for path in ("/watchlist", "/changes", "/about", "/undated"):
        app.get(f"{path}?utm_source=x&other=y", status=200)


def test_form_of_filters_redirects_once(app: TestApp) -> None:
    """Its fields are in the order of the form, and those that are not chosen are empty."""
    query = "kind=cinema&genre=&service=&rating=12&audio=dubbed&format="
    for path in PAGES:
        moved = app.get(f"{path}?{query}", status=301)
        assert moved.location == f"{BASE_URL}{path}?audio=dubbed&kind=cinema&rating=12"
        moved.follow(status=200)


def test_other_methods_are_405_with_any_parameter(app: TestApp) -> None:
    for path in ("/", "/premieres.ics"):
        app.post(f"{path}?gendre=drama", status=405)
