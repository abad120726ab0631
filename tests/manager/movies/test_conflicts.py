"""Concurrent edits of a movie, and forms that outlive their session."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.web.drafts import Draft
from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from tests import factories
from tests.manager.conftest import BOTH, NAMES, PASSWORD, Clock, signed_in
from tests.manager.movie_forms import make_movie, movie_form, movie_of, press

pytestmark = BOTH

HERE = {"Origin": "http://localhost"}
"""What browsers send with the forms of the site."""
FOREIGN: tuple[dict[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "https://localhost"},
    {"Origin": "null"},
    {},
)


@pytest.fixture
def movie_id(site: TestApp) -> int:
    """A movie with a value for each field."""
    return make_movie(site)


def form_in(page: Any) -> Any:
    return next(each for each in page.forms.values() if "title" in each.fields)


def test_second_save_shows_the_conflict(
    site: TestApp, editor: TestApp, admin: TestApp, movie_id: int
) -> None:
    first, second = movie_form(editor, movie_id), movie_form(admin, movie_id)
    first["title"], first["synopsis"] = "Az elsőé", "Az első írta."
    press(first, status=303)
    second["title"], second["runtime"] = "A másodiké", "95"
    conflict = press(second, status=409)
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.synopsis, movie.runtime) == ("Az elsőé", "Az első írta.", 110)
    for text in ("szerkesztő", "Az elsőé", "A másodiké", "Az első írta.", "átvettük"):
        assert text in conflict.text
    again = form_in(conflict)
    assert again["title"].value == "A másodiké"
    assert again["synopsis"].value == "Az első írta."
    assert again["runtime"].value == "95"
    press(again, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.synopsis, movie.runtime) == ("A másodiké", "Az első írta.", 95)


def test_an_importer_counts_as_an_editor(site: TestApp, editor: TestApp, movie_id: int) -> None:
    """A changed premiere is a change of the movie, although no column of its row changes."""
    form = movie_form(editor, movie_id)
    with services_of(site.app.registry).database.write() as session:
        premiere = session.scalars(select(Premiere).where(Premiere.movie_id == movie_id)).one()
        factories.move_premiere(session, premiere, date(2026, 9, 10), "TMDB")
    form["runtime"] = "95"
    conflict = press(form, status=409)
    assert "2026-09-10 mozibemutató, 2D" in conflict.text
    press(form_in(conflict), status=303)
    movie = movie_of(site, movie_id)
    assert (movie.runtime, movie.premieres[0].date) == (95, date(2026, 9, 10))


def test_save_without_changes_causes_no_conflict(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """A save that writes nothing neither shows nor causes a conflict."""
    before = movie_of(site, movie_id).version
    mine, idle, late = (movie_form(editor, movie_id) for _ in range(3))
    press(idle, status=303)
    assert movie_of(site, movie_id).version == before
    mine["runtime"] = "95"
    press(mine, status=303)
    assert movie_of(site, movie_id).version > before
    press(late, status=409)
    assert movie_of(site, movie_id).runtime == 95


def test_publishing_and_equal_changes_are_no_conflict(
    site: TestApp, editor: TestApp, admin: TestApp, movie_id: int
) -> None:
    """Another editor unpublishes the movie and changes a field to the same value."""
    forms = [movie_form(editor, movie_id) for _ in range(2)]
    page = admin.get(f"/manager/movies/{movie_id}")
    next(each for each in page.forms.values() if each.action.endswith("/publish")).submit("do")
    for number, form in enumerate(forms):
        form["title"], form["runtime"] = "Egyformán", "95"
        press(form, status=303)
        assert movie_of(site, movie_id).published is False, number
    movie = movie_of(site, movie_id)
    assert (movie.title, movie.runtime) == ("Egyformán", 95)


def test_form_without_digests_overwrites_nothing(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    for digests in ("", "title:0123456789abcdef", "x"):
        form = movie_form(editor, movie_id)
        form["title"] = "Mást írok"
        form["version"], form["digests"] = "0", digests
        press(form, status=409)
        assert movie_of(site, movie_id).title == "Az ígéret földje"


def test_date_changed_during_a_conflict_needs_a_reason(
    site: TestApp, editor: TestApp, admin: TestApp, movie_id: int
) -> None:
    form, other = movie_form(editor, movie_id), movie_form(admin, movie_id)
    other["runtime"] = "95"
    press(other, status=303)
    form["premieres-0-date"] = "2026-09-03"
    assert "Ezt ki kell tölteni." in press(form, status=400).text
    form["premieres-0-reason"] = "technikai okok"
    again = form_in(press(form, status=409))
    press(again, status=303)
    movie = movie_of(site, movie_id)
    assert (movie.runtime, movie.premieres[0].changes[0].reason) == (95, "technikai okok")


def test_one_of_two_concurrent_saves_shows_the_conflict(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """A save reads the movie after the other one's commit."""
    browsers = [editor, *(signed_in(site, Role.EDITOR) for _ in range(3))]
    forms = [movie_form(browser, movie_id) for browser in browsers]
    for number, form in enumerate(forms):
        form["title"] = f"Cím {number}"
    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(lambda form: press(form).status_int, forms))
    assert codes == [303, 409, 409, 409]


@pytest.mark.parametrize("path", ["movie", "new"])
def test_form_survives_an_ended_session(
    site: TestApp, editor: TestApp, clock: Clock, movie_id: int, path: str
) -> None:
    form = movie_form(editor, movie_id if path == "movie" else "new")
    form["title"] = "Hosszan <b>gépelt</b> cím"
    form["cast-0-name"] = "Valaki"
    clock.pass_(hours=2)
    count = movies(site)
    asked = press(form, headers=HERE, status=403)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(Draft.id))) == 0  # nothing is stored without a user
    asked.form["name"], asked.form["password"] = NAMES[Role.EDITOR], PASSWORD
    back = asked.form.submit(headers=HERE, status=303).follow(status=200)
    again = form_in(back)
    assert "Amit beírt, benne van az űrlapban" in back.text
    assert again["title"].value == "Hosszan <b>gépelt</b> cím"
    assert again["cast-0-name"].value == "Valaki"
    assert movies(site) == count
    press(again, status=303)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(Draft.id))) == 0
        saved = session.scalar(select(Movie.id).where(Movie.title == "Hosszan <b>gépelt</b> cím"))
    assert saved is not None


def test_draft_is_visible_to_its_owner_only(
    site: TestApp, editor: TestApp, admin: TestApp, clock: Clock, movie_id: int
) -> None:
    form = movie_form(editor, movie_id)
    form["title"] = "A szerkesztő titka"
    clock.pass_(hours=2)
    asked = press(form, headers=HERE, status=403)
    asked.form["name"], asked.form["password"] = NAMES[Role.EDITOR], PASSWORD
    return_url = asked.form.submit(headers=HERE, status=303).location
    other = signed_in(site, Role.ADMIN)
    assert "titka" not in other.get(return_url).text
    assert "titka" in editor.get(return_url).text


def test_form_older_than_the_session_is_shown_again(editor: TestApp, movie_id: int) -> None:
    form = movie_form(editor, movie_id)
    form["title"] = "Régi űrlap"
    form["csrf_token"] = "of a session that is over"
    back = press(form, headers=HERE, status=303).follow()
    assert form_in(back)["title"].value == "Régi űrlap"
    for headers in FOREIGN:
        assert press(form, headers=headers).status_int == 400


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_site_cannot_fill_in_a_form(
    site: TestApp, anonymous: TestApp, movie_id: int, headers: dict[str, str]
) -> None:
    fields = {"title": "Nem mi írtuk", "do": "save"}
    for path in (f"/manager/movies/{movie_id}", "/manager/movies/new"):
        for more in ({}, {"csrf_token": "x"}):
            asked = anonymous.post(path, fields | more, headers=headers, status="*")
            assert asked.status_int in {400, 403}
            assert "Nem mi" not in asked.text
    form = anonymous.get("/manager/sign-in").form
    form["name"], form["password"] = NAMES[Role.EDITOR], PASSWORD
    form["return_url"], form["draft"] = f"/manager/movies/{movie_id}", '[["title","Nem mi írtuk"]]'
    inside = form.submit(headers=headers, status=303).follow(status=200)
    assert "Nem mi" not in inside.text
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(Draft.id))) == 0


def test_invalid_draft_is_ignored(site: TestApp) -> None:
    for draft in ("{", "[]", '"x"', "[[1,2]]", '[["title"]]'):
        form = TestApp(site.app).get("/manager/sign-in").form
        form["name"], form["password"], form["draft"] = NAMES[Role.EDITOR], PASSWORD, draft
        assert form.submit(headers=HERE, status=303).location == "/manager", draft


def movies(site: TestApp) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalar(select(func.count(Movie.id))) or 0
