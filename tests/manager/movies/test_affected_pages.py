"""What saving will do, told before: exactly the pages that it then refreshes."""

from typing import Any

from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.posters.generation.result import Status
from tests.manager.conftest import signed_in
from tests.manager.movie_forms import film_form, film_form_in, film_of, last_entry, press
from tests.manager.views.test_movie_posters import looked_at, posters, saved, send
from tests.posters.pictures import encoded, photograph, quarters
from tests.site.cached import Films, missed, pages, week_here


def told(page: Any, films: Films) -> set[str]:
    """The pages that a page of the manager names, of those that the test looks at."""
    return {name for name, path in pages(films).items() if f'href="{path}">{path}<' in page.text}


def test_a_title_refreshes_what_was_told_and_nothing_else(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    before = film_of(cached, films.here).version
    form = film_form(editor, films.here)
    form["title"] = "Egészen más"
    preview = press(form, "preview", status=200)
    promised = told(preview, films)
    assert {"index", "english", "week", "month", "film"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    # A look changes nothing, and makes nothing stale.
    assert film_of(cached, films.here).version == before
    assert missed(cached, films) == set()
    done = press(form, status=303).follow()
    assert told(done, films) == promised
    assert "ezredmásodperccel" in done.text
    assert missed(cached, films) == promised
    assert set(last_entry(cached).pages) >= {pages(films)[name] for name in promised}


def test_a_premiere_that_moves_refreshes_both_weeks(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = film_form(editor, films.ahead)
    target = week_here().shifted(20).thursday  # the week that was empty
    form["premieres-0-date"], form["premieres-0-reason"] = target.isoformat(), "torlódás"
    promised = told(press(form, "preview", status=200), films)
    assert {"ahead", "empty", "other"} <= promised
    assert not promised & {"week", "film", "undated"}
    press(form, status=303)
    assert missed(cached, films) == promised


def test_leaving_the_site_refreshes_what_was_told(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    page = editor.get(f"/manager/films/{films.here}")
    form = next(form for form in page.forms.values() if form.action.endswith("/publish"))
    preview = press(form, "look", status=200)
    promised = told(preview, films)
    assert {"index", "week", "month", "film"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert film_of(cached, films.here).published
    assert missed(cached, films) == set()
    # The form below the preview is the film's own, and saves it.
    assert press(film_form_in(preview), status=303).location.endswith(f"/films/{films.here}")
    form = next(form for form in preview.forms.values() if form.action.endswith("/publish"))
    done = press(form, "unpublish", status=303).follow()
    assert told(done, films) == promised
    assert "ezredmásodperccel" in done.text
    assert missed(cached, films) | {"film"} == promised


def test_the_script_is_answered_with_a_piece_of_the_page(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = film_form(editor, films.here)
    form["runtime"] = "95"
    path = f"/manager/films/{films.here}/effects"
    piece = editor.post(path, form.submit_fields(), status=200)
    assert "<html" not in piece.text
    assert told(piece, films)
    form["runtime"] = "sok"
    assert "Előbb valamit javítani kell" in editor.post(path, form.submit_fields()).text


def test_what_no_page_shows_refreshes_nothing(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = film_form(editor, "new")
    form["title"] = "Még sehol"
    preview = press(form, "preview", status=200)
    assert not told(preview, films) - {"undated", "index", "english", "api"}
    assert film_form(editor, "new")["title"].value == ""


def test_without_a_cache_there_is_nothing_to_refresh(site: TestApp, editor: TestApp) -> None:
    form = film_form(editor, "new")
    form["title"] = "Bármi"
    assert "Itt nincs gyorsítótár" in press(form, "preview", status=200).text


def test_a_posters_entries_name_what_it_refreshes(cached: TestApp, films: Films) -> None:
    editor = signed_in(cached, Role.EDITOR)
    place = looked_at(editor, films.ahead, encoded(quarters()))
    promised = told(editor.get(place), films)
    assert {"ahead", "other"} <= promised
    source = saved(editor, films.ahead, encoded(quarters()))
    assert missed(cached, films) == promised == noted(cached, films)

    # A second one beside it is chosen later.
    second = saved(editor, films.ahead, encoded(photograph(80, 120)), do="add")
    assert missed(cached, films) == noted(cached, films)
    send(editor, posters(films.ahead), do="choose", source=str(second))
    assert missed(cached, films) == promised == noted(cached, films)

    # Whatever is made anew refreshes pages when it is made.
    for do in ({"do": "focus", "x": "10", "y": "20"}, {"do": "again"}):
        send(editor, posters(films.ahead), source=str(second), **do)
        assert cached.app.registry["posters"].ensure_variants(second).status is Status.MADE
        assert missed(cached, films) == noted(cached, films) > {"other"}
    assert f"#{source}" in editor.get("/manager/audit").text


def noted(cached: TestApp, films: Films) -> set[str]:
    """The pages that the latest entry names, of those that the test looks at."""
    paths = last_entry(cached).pages
    return {name for name, path in pages(films).items() if path in paths}
