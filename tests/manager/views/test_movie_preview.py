"""The preview of a movie: the site's page, for signed-in editors only, never cached."""

import pytest
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.services import services_of
from tests.conftest import counted_queries
from tests.manager.conftest import csrf_of, signed_in
from tests.manager.movie_forms import make_movie, movie_form, press
from tests.site.cached import Movies


@pytest.fixture
def draft(site: TestApp) -> int:
    return make_movie(site, "Még titok", published=False)


def preview_of(movie: int, locale: str = "") -> str:
    return f"{locale}/manager/movies/{movie}/preview"


@pytest.mark.parametrize("locale", ["", "/en"])
def test_draft_is_shown_to_editors_only(
    site: TestApp, anonymous: TestApp, editor: TestApp, draft: int, locale: str
) -> None:
    page = editor.get(preview_of(draft, locale))
    assert "Még titok" in page.html.find("h1").text
    assert page.html.find("html")["lang"] == ("en" if locale else "hu")
    bar = page.html.find("aside", class_="preview-bar")
    assert ("Only signed-in editors" if locale else "csak a bejelentkezett") in bar.text
    assert anonymous.get(preview_of(draft, locale)).status_int == 303
    assert anonymous.get(f"{locale}/movie/{draft}-meg-titok", status=404)
    assert editor.get(preview_of(999_999), status=404)


def test_form_of_a_draft_links_to_the_preview(editor: TestApp, draft: int) -> None:
    assert preview_of(draft) in editor.get(f"/manager/movies/{draft}").text


@pytest.mark.parametrize("locale", ["", "/en"])
def test_preview_is_what_the_site_shows_after_publishing(
    site: TestApp, editor: TestApp, draft: int, locale: str
) -> None:
    shown = editor.get(preview_of(draft, locale)).html.find("main")
    fields = {"csrf_token": csrf_of(editor), "do": "publish"}
    editor.post(f"/manager/movies/{draft}/publish", fields, status=303)
    public = TestApp(site.app).get(f"{locale}/movie/{draft}-meg-titok").html.find("main")
    assert str(shown) == str(public)
    assert len(str(public)) > 1_000


def test_language_link_leads_to_the_other_preview(editor: TestApp, draft: int) -> None:
    page = editor.get(preview_of(draft))
    link = page.html.select_one("header a.language")
    assert link["href"] == preview_of(draft, "/en")
    assert editor.get(link["href"]).html.select_one("header a.language")["href"] == (
        preview_of(draft)
    )


def test_search_engines_are_kept_away(editor: TestApp, draft: int) -> None:
    page = editor.get(preview_of(draft))
    assert page.html.find("meta", {"name": "robots"})["content"] == "noindex"
    for selector in ("link[rel=canonical]", "link[hreflang]", "meta[property]", "[type*=json]"):
        assert page.html.select(selector) == [], selector


def test_no_cache_keeps_the_preview(cached: TestApp, movies: Movies) -> None:
    """Neither the page cache nor any HTTP cache; each change is shown at once."""
    editor = signed_in(cached, Role.EDITOR)
    for title in ("Első cím", "Második cím"):
        form = movie_form(editor, movies.here)
        form["title"] = title
        press(form, status=303)
        for locale in ("", "/en"):
            page = editor.get(preview_of(movies.here, locale))
            assert title in page.html.find("main").text
            assert page.headers["Cache-Control"] == "private, no-store"
            assert not {"X-Cache", "ETag", "Last-Modified", "Age"} & set(page.headers)
    cache = services_of(cached.app.registry).page_cache
    assert cache is not None
    assert "manager.movie_preview" not in cache.routes.names()


def test_poster_that_is_not_made_is_not_linked(site: TestApp, editor: TestApp, draft: int) -> None:
    """The site does not make variants of movies that are not published."""
    with services_of(site.app.registry).database.write() as session:
        source = PosterSource(movie_id=draft, kind=SourceKind.URL, url="https://example.com/p.jpg")
        source.chosen = True
        session.add(source)
    page = editor.get(preview_of(draft))
    images = [each["src"] for each in page.html.select("main img")]
    assert not any("/poster/" in each for each in images)


def test_number_of_queries_is_constant(site: TestApp, editor: TestApp, draft: int) -> None:
    editor.get(preview_of(draft))
    with counted_queries(services_of(site.app.registry).database.engine) as statements:
        editor.get(preview_of(draft))
    pages = [each for each in statements if "manager_" not in each]
    assert len(pages) <= 8
