"""The pages shown before saving are exactly those that saving refreshes."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

import pytest
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.movies import affected_pages
from moziweb.movies.calendar import month_of
from moziweb.posters.generation.result import GenerationStatus
from moziweb.services import services_of
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl, UrlInventory
from tests.manager.conftest import signed_in
from tests.manager.movie_forms import last_entry, movie_form, movie_form_in, movie_of, press
from tests.manager.views.test_movie_posters import posters, previewed, saved, send
from tests.posters.pictures import encoded, photograph, quarters
from tests.site.cached import Movies, cache_misses, every_page, pages, warm, week_here

WITH_MOVIE = {"week_drama", "index_service"}
"""Pages with one filter that show the movie."""
OTHER_FILTERED = {"month_rated", "empty_filtered"}
"""Two filters, and a week that the movie is not in."""
API_LISTS = {"v1_premieres", "v1_block", "v1_filtered", "v1_movies", "v1_last_movies"}
SAYS_WHAT_IS_NOT_LISTED = "a több szűrős oldalak"
NOT_ENUMERATED = OTHER_FILTERED | API_LISTS | {"watchlist"}


def shown_pages(page: Any, movies: Movies) -> set[str]:
    """The known paths on a page of the manager."""
    return {name for name, path in pages(movies).items() if f'href="{path}">{path}<' in page.text}


def promised_paths(page: Any) -> set[str]:
    """The paths that a page of the manager lists as stale."""
    return {link.text for link in page.html.select(".paths a")}


def leave_archive_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the search for affected pages not look at all movies, people and distributors.

    It has no time for it on a large site.
    """
    through = UrlInventory.through

    def most(self: UrlInventory, last: Priority) -> Iterator[SiteUrl]:
        return through(self, min(last, Priority.CALENDAR))

    monkeypatch.setattr(UrlInventory, "through", most)


def test_title_change_refreshes_exactly_the_previewed_pages(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    before = movie_of(cached, movies.here).version
    form = movie_form(editor, movies.here)
    form["title"] = "Egészen más"
    preview = press(form, "preview", status=200)
    promised = shown_pages(preview, movies)
    assert {"index", "english", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    # A preview changes nothing and invalidates nothing.
    assert movie_of(cached, movies.here).version == before
    assert cache_misses(cached, movies) == set()
    done = press(form, status=303).follow()
    assert shown_pages(done, movies) == promised
    assert "ezredmásodperccel" in done.text
    assert cache_misses(cached, movies) == promised
    assert set(last_entry(cached).pages) >= {pages(movies)[name] for name in promised}


@pytest.mark.parametrize(
    ("field", "value"),
    [("rating", "18"), ("runtime", "95"), ("title", "Egészen más"), ("synopsis", "Más szöveg.")],
)
def test_pages_of_every_kind_are_previewed(
    cached: TestApp, movies: Movies, field: str, value: str
) -> None:
    """But those of several filters, watchlists and the API's lists, which nothing enumerates."""
    warm(cached, movies, every_page)
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.here)
    form[field] = value
    preview = press(form, "preview", status=200)
    promised = {name for name, path in every_page(movies).items() if f">{escape(path)}<" in preview}
    press(form, status=303)
    assert cache_misses(cached, movies, every_page) - NOT_ENUMERATED == promised
    assert {"movie", "api_movie"} <= promised
    assert (promised >= WITH_MOVIE) == (field in {"rating", "runtime", "title"})


def test_moved_premiere_refreshes_both_weeks(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.ahead)
    target = week_here().shifted(20).thursday  # an empty week
    form["premieres-0-date"], form["premieres-0-reason"] = target.isoformat(), "torlódás"
    promised = shown_pages(press(form, "preview", status=200), movies)
    assert {"ahead", "empty", "other"} <= promised
    assert not promised & {"week", "movie", "undated"}
    press(form, status=303)
    assert cache_misses(cached, movies) == promised


def test_filtered_pages_of_both_weeks_are_previewed(cached: TestApp, movies: Movies) -> None:
    """In both languages, and those of the index; but not those of other weeks."""
    target = week_here().shifted(20)
    weeks = (week_here().shifted(5), target, week_here())
    before, after, other = (f"/week/{week.name}?rating=12" for week in weeks)
    shown = {before, after, f"/en{before}", f"/month/{month_of(target.thursday).name}?kind=cinema"}
    for path in (*shown, other, "/?genre=vigjatek"):
        cached.get(path, status="*")
    form = movie_form(signed_in(cached, Role.EDITOR), movies.ahead)
    form["premieres-0-date"], form["premieres-0-reason"] = target.thursday.isoformat(), "torlódás"
    preview = press(form, "preview", status=200)
    assert {path for path in promised_paths(preview) if "?" in path} == shown
    press(form, status=303)
    assert all(cached.get(path).headers["X-Cache"] == "miss" for path in shown)
    assert cached.get(other).headers["X-Cache"] != "miss"


def test_filtered_pages_are_looked_up_before_those_of_other_movies(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit must not leave them out."""
    paths: list[str] = []

    def recorded(_cache: Any, _tags: Any, candidates: Iterable[SiteUrl]) -> list[SiteUrl]:
        paths.extend(each.path for each in candidates)
        return []

    monkeypatch.setattr(affected_pages, "pages_showing", recorded)
    form = movie_form(signed_in(cached, Role.EDITOR), movies.ahead)
    form["title"] = "Egészen más"
    press(form, "preview", status=200)
    filtered = [number for number, path in enumerate(paths) if "rating=" in path]
    assert filtered
    assert max(filtered) < paths.index("/years")


def test_unpublishing_refreshes_exactly_the_previewed_pages(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    page = editor.get(f"/manager/movies/{movies.here}")
    form = next(form for form in page.forms.values() if form.action.endswith("/publish"))
    preview = press(form, "look", status=200)
    promised = shown_pages(preview, movies)
    assert {"index", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert movie_of(cached, movies.here).published
    assert cache_misses(cached, movies) == set()
    # The form below the preview shows the movie's own values, and saves them.
    assert press(movie_form_in(preview), status=303).location.endswith(f"/movies/{movies.here}")
    form = next(form for form in preview.forms.values() if form.action.endswith("/publish"))
    done = press(form, "unpublish", status=303).follow()
    assert shown_pages(done, movies) == promised
    assert "ezredmásodperccel" in done.text
    assert cache_misses(cached, movies) | {"movie"} == promised


def test_htmx_gets_a_fragment(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.here)
    form["runtime"] = "95"
    path = f"/manager/movies/{movies.here}/effects"
    piece = editor.post(path, form.submit_fields(), status=200)
    assert "<html" not in piece.text
    assert shown_pages(piece, movies)
    form["runtime"] = "sok"
    assert "Előbb valamit javítani kell" in editor.post(path, form.submit_fields()).text


def test_field_that_no_page_shows_refreshes_nothing(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, "new")
    form["title"] = "Még sehol"
    preview = press(form, "preview", status=200)
    assert not shown_pages(preview, movies) - {"undated", "index", "english", "api"}
    assert movie_form(editor, "new")["title"].value == ""


def test_page_that_is_not_stored_is_not_listed(cached: TestApp, movies: Movies) -> None:
    path = f"/en/week/{week_here().name}"
    form = movie_form(signed_in(cached, Role.EDITOR), movies.here)
    form["title"] = "Egészen más"
    assert f">{path}<" not in press(form, "preview", status=200)
    cached.get(path)
    assert f">{path}<" in press(form, "preview", status=200)


def test_panel_says_which_pages_it_cannot_list(cached: TestApp, movies: Movies) -> None:
    """Unless the change concerns no page at all."""
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.here)
    assert SAYS_WHAT_IS_NOT_LISTED not in press(form, "preview", status=200)
    form["title"] = "Egészen más"
    assert SAYS_WHAT_IS_NOT_LISTED in press(form, "preview", status=200)


def test_look_up_without_time_says_that_there_may_be_more(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm(cached, movies)
    form = movie_form(signed_in(cached, Role.EDITOR), movies.here)
    form["title"] = "Egészen más"
    monkeypatch.setattr(affected_pages, "TIME_LIMIT", 0.0)
    preview = press(form, "preview", status=200)
    assert not shown_pages(preview, movies)
    assert "nem frissít semmit" not in preview.text
    assert "nem volt idő" in preview.html.select_one("#affected").get_text()


def test_without_a_cache_there_is_nothing_to_refresh(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Bármi"
    assert "Itt nincs gyorsítótár" in press(form, "preview", status=200).text


def test_audit_entries_of_posters_have_the_refreshed_pages(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    place = previewed(editor, movies.ahead, encoded(quarters()))
    promised = shown_pages(editor.get(place), movies)
    assert {"ahead", "other"} <= promised
    source = saved(editor, movies.ahead, encoded(quarters()))
    assert cache_misses(cached, movies) == promised == recorded_pages(cached, movies)

    # A second source, which is chosen later.
    second = saved(editor, movies.ahead, encoded(photograph(80, 120)), do="add")
    assert cache_misses(cached, movies) == recorded_pages(cached, movies)
    send(editor, posters(movies.ahead), do="choose", source=str(second))
    assert cache_misses(cached, movies) == promised == recorded_pages(cached, movies)

    # Regenerated variants refresh pages once they are ready.
    for do in ({"do": "focus", "x": "10", "y": "20"}, {"do": "again"}):
        send(editor, posters(movies.ahead), source=str(second), **do)
        assert (
            services_of(cached.app.registry).posters.ensure_variants(second).status
            is GenerationStatus.MADE
        )
        assert cache_misses(cached, movies) == recorded_pages(cached, movies) > {"other"}
    assert f"#{source}" in editor.get("/manager/audit").text


def recorded_pages(cached: TestApp, movies: Movies) -> set[str]:
    """The known paths in the latest audit entry."""
    paths = last_entry(cached).pages
    return {name for name, path in pages(movies).items() if path in paths}
