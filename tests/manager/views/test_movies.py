"""The list of movies, and the redirect from its former path."""

import pytest
from webtest import TestApp

from moziweb.services import services_of
from tests import factories
from tests.manager.movie_forms import make_movie


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize(
    "rest",
    ["", "?q=az%20%C3%ADg%26&show=no-poster", "/new?copy=1", "/1", "/1/posters",
     "/1/manager/films?x=/manager/films", "/%0dX-Evil:%201"],
)  # fmt: skip
def test_former_paths_redirect_permanently(anonymous: TestApp, prefix: str, rest: str) -> None:
    answer = anonymous.get(f"{prefix}/manager/films{rest}", status=301)
    # %0d stays encoded, and nothing comes from the Host header.
    assert answer.headers["Location"].lower() == f"{prefix}/manager/movies{rest}".lower()
    assert "X-Evil" not in answer.headers


def test_a_bookmark_opens_the_movie(site: TestApp, editor: TestApp) -> None:
    movie_id = make_movie(site)
    page = editor.get(f"/en/manager/films/{movie_id}", status=301).follow(status=200)
    assert page.request.path == f"/en/manager/movies/{movie_id}"


def test_only_the_former_path_redirects(editor: TestApp) -> None:
    editor.get("/manager/filmsx", status=404)


def test_filter_and_distributor_are_in_every_link(site: TestApp, editor: TestApp) -> None:
    make_movie(site, "Dűne", rating=None)
    form = editor.get("/manager/movies?show=no-rating").forms[1]
    options = {text: value for value, _selected, text in form["distributor"].options}
    form["distributor"], form["q"] = options["Forgalmazó Kft."], "dune"
    page = form.submit()
    assert "Dűne" in page.html.find("table").get_text()
    for link in page.html.select(".chips a"):
        assert f"distributor={options['Forgalmazó Kft.']}" in link["href"]
        assert "q=dune" in link["href"]
    assert page.html.select_one(".chip[aria-current]").get_text() == "Nincs korhatár"


def test_slip_shows_what_is_spelled_alike(site: TestApp, editor: TestApp) -> None:
    make_movie(site, "Árvíztűrő tükörfúrógép")
    with services_of(site.app.registry).database.write() as session:
        factories.make_movie(session, "Avatar")
    page = editor.get("/manager/movies?q=arvizturo+tukorfurogpe")
    assert "Hasonló írásmódúak:" in page.text
    assert "Árvíztűrő tükörfúrógép" in page.html.find("tbody").get_text()
    assert "Nincs találat" not in page.text
