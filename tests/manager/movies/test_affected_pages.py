"""What saving will do, told before: exactly the pages that it then refreshes."""

from typing import Any

from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.posters.generation.result import Status
from moziweb.services import services_of
from tests.manager.conftest import signed_in
from tests.manager.movie_forms import last_entry, movie_form, movie_form_in, movie_of, press
from tests.manager.views.test_movie_posters import looked_at, posters, saved, send
from tests.posters.pictures import encoded, photograph, quarters
from tests.site.cached import Movies, missed, pages, week_here


def told(page: Any, movies: Movies) -> set[str]:
    """The pages that a page of the manager names, of those that the test looks at."""
    return {name for name, path in pages(movies).items() if f'href="{path}">{path}<' in page.text}


def test_a_title_refreshes_what_was_told_and_nothing_else(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    before = movie_of(cached, movies.here).version
    form = movie_form(editor, movies.here)
    form["title"] = "Egészen más"
    preview = press(form, "preview", status=200)
    promised = told(preview, movies)
    assert {"index", "english", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    # A look changes nothing, and makes nothing stale.
    assert movie_of(cached, movies.here).version == before
    assert missed(cached, movies) == set()
    done = press(form, status=303).follow()
    assert told(done, movies) == promised
    assert "ezredmásodperccel" in done.text
    assert missed(cached, movies) == promised
    assert set(last_entry(cached).pages) >= {pages(movies)[name] for name in promised}


def test_a_premiere_that_moves_refreshes_both_weeks(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.ahead)
    target = week_here().shifted(20).thursday  # the week that was empty
    form["premieres-0-date"], form["premieres-0-reason"] = target.isoformat(), "torlódás"
    promised = told(press(form, "preview", status=200), movies)
    assert {"ahead", "empty", "other"} <= promised
    assert not promised & {"week", "movie", "undated"}
    press(form, status=303)
    assert missed(cached, movies) == promised


def test_leaving_the_site_refreshes_what_was_told(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    page = editor.get(f"/manager/movies/{movies.here}")
    form = next(form for form in page.forms.values() if form.action.endswith("/publish"))
    preview = press(form, "look", status=200)
    promised = told(preview, movies)
    assert {"index", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert movie_of(cached, movies.here).published
    assert missed(cached, movies) == set()
    # The form below the preview is the film's own, and saves it.
    assert press(movie_form_in(preview), status=303).location.endswith(f"/movies/{movies.here}")
    form = next(form for form in preview.forms.values() if form.action.endswith("/publish"))
    done = press(form, "unpublish", status=303).follow()
    assert told(done, movies) == promised
    assert "ezredmásodperccel" in done.text
    assert missed(cached, movies) | {"movie"} == promised


def test_the_script_is_answered_with_a_piece_of_the_page(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.here)
    form["runtime"] = "95"
    path = f"/manager/movies/{movies.here}/effects"
    piece = editor.post(path, form.submit_fields(), status=200)
    assert "<html" not in piece.text
    assert told(piece, movies)
    form["runtime"] = "sok"
    assert "Előbb valamit javítani kell" in editor.post(path, form.submit_fields()).text


def test_what_no_page_shows_refreshes_nothing(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, "new")
    form["title"] = "Még sehol"
    preview = press(form, "preview", status=200)
    assert not told(preview, movies) - {"undated", "index", "english", "api"}
    assert movie_form(editor, "new")["title"].value == ""


def test_without_a_cache_there_is_nothing_to_refresh(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Bármi"
    assert "Itt nincs gyorsítótár" in press(form, "preview", status=200).text


def test_a_posters_entries_name_what_it_refreshes(cached: TestApp, movies: Movies) -> None:
    editor = signed_in(cached, Role.EDITOR)
    place = looked_at(editor, movies.ahead, encoded(quarters()))
    promised = told(editor.get(place), movies)
    assert {"ahead", "other"} <= promised
    source = saved(editor, movies.ahead, encoded(quarters()))
    assert missed(cached, movies) == promised == noted(cached, movies)

    # A second one beside it is chosen later.
    second = saved(editor, movies.ahead, encoded(photograph(80, 120)), do="add")
    assert missed(cached, movies) == noted(cached, movies)
    send(editor, posters(movies.ahead), do="choose", source=str(second))
    assert missed(cached, movies) == promised == noted(cached, movies)

    # Whatever is made anew refreshes pages when it is made.
    for do in ({"do": "focus", "x": "10", "y": "20"}, {"do": "again"}):
        send(editor, posters(movies.ahead), source=str(second), **do)
        assert (
            services_of(cached.app.registry).posters.ensure_variants(second).status is Status.MADE
        )
        assert missed(cached, movies) == noted(cached, movies) > {"other"}
    assert f"#{source}" in editor.get("/manager/audit").text


def noted(cached: TestApp, movies: Movies) -> set[str]:
    """The pages that the latest entry names, of those that the test looks at."""
    paths = last_entry(cached).pages
    return {name for name, path in pages(movies).items() if path in paths}
