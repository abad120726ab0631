"""The page that takes a change back."""

from typing import Any

from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import Role
from moziweb.manager.imports.jobs import command_batch
from moziweb.movies.models import Person
from moziweb.services import services_of
from tests.manager.conftest import BOTH, signed_in
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press
from tests.manager.movies.test_affected_pages import shown_pages
from tests.manager.undo.test_reversal import undo
from tests.manager.views.test_bin import do, one_id
from tests.manager.views.test_names import name_form
from tests.manager.views.test_week_grid import grid_of
from tests.site.cached import Movies, cache_misses
from tests.threads import join_threads


def undo_form(page: Any) -> Any:
    return next(form for form in page.forms.values() if form.action.endswith("/undo"))


def test_taking_back_refreshes_exactly_the_pages_that_were_shown(
    cached: TestApp, movies: Movies
) -> None:
    editor = signed_in(cached, Role.EDITOR)
    form = movie_form(editor, movies.here)
    form["title"] = "Egészen más"
    press(form, status=303)
    entry = last_entry(cached)
    cache_misses(cached, movies)
    assert cache_misses(cached, movies) == set()
    asked = editor.get("/manager/audit").click("Visszavonás", index=0)
    promised = shown_pages(asked, movies)
    assert {"index", "english", "week", "month", "movie"} <= promised
    assert not promised & {"ahead", "other", "empty"}
    assert cache_misses(cached, movies) == set()
    done = undo_form(asked).submit("do", status=303)
    assert movie_of(cached, movies.here).title == "Itt van"
    assert cache_misses(cached, movies) == promised
    undone = last_entry(cached)
    assert (undone.action, undone.undoes, undone.user_name) == ("film.undo", entry.id, "szerkesztő")
    assert done.location.endswith(f"/manager/audit?done=undone#entry-{undone.id}")
    assert "visszavonva" in done.follow().text


@BOTH
def test_a_second_click_leads_to_the_first_result(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = movie_form(editor, movie_id)
    form["title"] = "Egészen más"
    press(form, status=303)
    form = undo_form(editor.get(f"/manager/audit/{last_entry(site).id}/undo"))
    first, second = form.submit("do", status=303), form.submit("do", status=303)
    assert first.location == second.location
    assert movie_of(site, movie_id).title == "Az ígéret földje"


def test_address_of_a_save_that_was_taken_back_does_not_say_that_it_is_saved(
    site: TestApp, editor: TestApp
) -> None:
    movie_id = make_movie(site)
    person = one_id(site, Person, name="Kis Éva")
    movie, name = (
        movie_form(editor, movie_id),
        name_form(editor.get(f"/manager/names/person/{person}")),
    )
    movie["title"] = name["name"] = "Visszavonva"
    saves = [press(form, status=303).location for form in (movie, name)]
    grid = grid_of(editor)
    grid["rows-0-title"] = "Megint más"
    saves.append(press(grid, status=303).location)
    saves.append(do(editor, f"/manager/delete/person/{person}", do="delete").location)
    for address in reversed(saves):
        assert said(editor, address)
        with services_of(site.app.registry).database.read() as session:
            entry = session.get_one(AuditEntry, int(address.rpartition("saved=")[2]))
        undo(site, entry)
        assert not said(editor, address), address


def said(editor: TestApp, address: str) -> bool:
    """Whether a page shows a save."""
    return bool(editor.get(address).html.select("div.notice[role=status]"))


@BOTH
def test_differences_of_a_later_change_are_shown(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    form = movie_form(editor, movie_id)
    form["title"] = "Első"
    press(form, status=303)
    first = last_entry(site).id
    path = f"/manager/audit/{first}/undo"
    asked = undo_form(editor.get(path))
    form = movie_form(editor, movie_id)
    form["title"] = "Második"
    press(form, status=303)
    refused = editor.get(path)
    for text in ("Nem vonható vissza", "Az ígéret földje", "Első", "Második"):
        assert text in refused.text
    answer = asked.submit("do", status=409)
    assert "Második" in answer.text
    assert movie_of(site, movie_id).title == "Második"


def test_unknown_entries_are_not_found(site: TestApp, editor: TestApp) -> None:
    signed_in_entry = last_entry(site).id  # without values
    for number in ("999", "x", str(signed_in_entry)):
        assert editor.get(f"/manager/audit/{number}/undo", status="*").status_int == 404


@BOTH
def test_changes_that_were_made_together_are_taken_back_together(
    site: TestApp, editor: TestApp
) -> None:
    """Those of a command's import have no page of an import."""
    movies, entries = [make_movie(site, title) for title in ("Egyik", "Másik")], []
    for movie_id in movies:
        form = movie_form(editor, movie_id)
        form["runtime"] = "95"
        press(form, status=303)
        entries.append(last_entry(site).id)
    path = f"/manager/audit/{entries[0]}/undo"
    assert "Az egész visszavonása" not in editor.get(path).text
    batch = command_batch()
    with services_of(site.app.registry).database.write() as session:
        for entry in entries:
            session.get_one(AuditEntry, entry).batch = batch
    page = editor.get(path)
    assert "2 módosításának egyike" in page.text
    page = whole_form(page).submit("do", value="undo", status=303)
    join_threads("bulk-")
    counted = page.follow()
    form = next(each for each in counted.forms.values() if "/manager/bulk/" in each.action)
    form.submit("do", value="run", status=303)
    join_threads("bulk-")
    assert {movie_of(site, each).runtime for each in movies} == {110}
    assert "Az egész visszavonása" not in editor.get(path).text


def whole_form(page: Any) -> Any:
    return next(form for form in page.forms.values() if "batch" in form.fields)
