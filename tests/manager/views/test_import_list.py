"""An uploaded list: its encoding, its columns, and what is remembered of them."""

from typing import Any

import pytest
from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.auth.models import Role
from moziweb.manager.imports.lists import LIST_RETENTION
from moziweb.manager.imports.models import ImportItem, ImportJob, ImportUpload
from moziweb.movies.importers.models import ListFormat
from moziweb.movies.models import Movie, Premiere
from moziweb.services import services_of
from tests.hostile_ids import MALFORMED_IDS
from tests.manager.conftest import Clock, csrf_of, signed_in
from tests.movies.importers.test_row_accounting import LISTS
from tests.movies.importers.workbook_files import workbook
from tests.threads import join_threads

from .test_imports import LIST, begin, list_form, rows

VERTIGO = (LISTS / "vertigo-cp1250.csv").read_bytes()


def uploaded(editor: TestApp, data: bytes, **fields: str) -> Any:
    """Uploads a list with a question and returns its page."""
    answer = begin(editor, do="file", file=data, **fields)
    assert "/manager/imports/lists/" in answer.location
    return answer.follow()


def preview(page: Any) -> Any:
    answer = list_form(page).submit("do", value="preview", status=303)
    join_threads("import-")
    return answer.follow()


def columns(page: Any) -> dict[str, str]:
    """The chosen column of each heading."""
    form = list_form(page)
    headings = [th.text.strip() for th in page.html.find("tbody").find_all("th")]
    fields = {name: field[0].value for name, field in form.fields.items() if name}
    return {name: fields.get(f"column-{n}", "") for n, name in enumerate(headings)}


def stored(site: TestApp, query: Any) -> Any:
    with services_of(site.app.registry).database.read() as session:
        return session.scalars(query).all()


def test_guess_is_shown_with_the_first_rows_and_proposed_columns(
    site: TestApp, editor: TestApp
) -> None:
    page = uploaded(editor, VERTIGO)
    assert list_form(page)["encoding"].value == "cp1250"
    assert "Windows-1250 csak becslés" in page.html.find(id="encoding-hint").text
    assert "Az elveszett őrző" in page.html.find("tbody").text
    assert columns(page)["Magyar cím"] == "title"
    assert columns(page)["Bemutató"] == "release_date"
    assert columns(page)["Megjegyzés"] == ""
    assert (rows(site, ImportJob), rows(site, Movie)) == (0, 0)


def test_guess_is_changed_before_anything_is_written(site: TestApp, editor: TestApp) -> None:
    data = "Cím;Kód\nĽaľa őre;1\n".encode("iso-8859-2")
    page = uploaded(editor, data, list="Szlovák")
    form = list_form(page)
    form["encoding"] = "cp1250"
    assert "Ľaľa" not in form.submit("do", value="read").follow().html.find("tbody").text
    form["encoding"] = "iso-8859-2"
    again = form.submit("do", value="read", status=303).follow()
    assert "Ľaľa őre" in again.html.find("tbody").text
    assert rows(site, ImportJob) == 0
    assert "Ľaľa őre" in preview(again).html.find("tbody").text
    assert stored(site, select(ListFormat.encoding)) == ["iso-8859-2"]


def test_chosen_columns_are_kept_when_the_list_is_read_again(editor: TestApp) -> None:
    page = uploaded(editor, VERTIGO)
    form = list_form(page)
    form["column-9"], form["column-5"] = "overview", ""
    form["date_format"] = "%d/%m/%Y"
    form["encoding"] = "iso-8859-2"
    again = form.submit("do", value="read").follow()
    assert (columns(again)["Megjegyzés"], columns(again)["Hossz (perc)"]) == ("overview", "")
    assert list_form(again)["date_format"].value == "%d/%m/%Y"
    assert list_form(again)["encoding"].value == "iso-8859-2"


def test_columns_are_remembered_for_the_distributor(site: TestApp, editor: TestApp) -> None:
    page = uploaded(editor, VERTIGO, list="Vertigo")
    list_form(page)["column-9"] = "overview"
    preview(page)
    (found,) = stored(site, select(ListFormat))
    assert (found.name, found.encoding, found.ignored) == ("Vertigo", "cp1250", [])
    assert found.columns["overview"] == "Megjegyzés"
    answer = begin(editor, do="file", file=VERTIGO, list="Vertigo")
    assert "/lists/" not in answer.location  # nothing has to be asked
    join_threads("import-")
    other = uploaded(editor, VERTIGO, list="Más")
    assert columns(other)["Megjegyzés"] == ""


def test_new_heading_is_asked_for_although_the_others_are_remembered(editor: TestApp) -> None:
    preview(uploaded(editor, VERTIGO, list="Vertigo"))
    page = uploaded(editor, VERTIGO.replace(b"Nyelv", b"Rendez"), list="Vertigo")
    assert (columns(page)["Rendez"], columns(page)["Magyar cím"]) == ("", "title")


def test_name_that_is_given_later_brings_its_columns(editor: TestApp) -> None:
    page = uploaded(editor, VERTIGO, list="Vertigo")
    list_form(page)["column-9"] = "overview"
    preview(page)
    form = list_form(uploaded(editor, VERTIGO))
    form["list"] = "Vertigo"
    assert columns(form.submit("do", value="read").follow())["Megjegyzés"] == "overview"


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"column-0": "", "column-1": ""}, "válassza ki a címek oszlopát"),
        ({"column-0": "title", "column-1": "title"}, "két oszlopnak is ez a neve: title"),
        ({"date_format": "%Y %Y"}, "dátumformát"),
        ({"date_format": "%"}, "dátumformát"),
        ({"date_format": "\0"}, "dátumformát"),
    ],
)
def test_wrong_choice_is_explained_and_kept(
    site: TestApp, editor: TestApp, chosen: dict[str, str], text: str
) -> None:
    page = uploaded(editor, b"Film;Perc\nD\xfbne;155\n")
    form = list_form(page)
    for name, value in chosen.items():
        form[name] = value
    answer = form.submit("do", value="preview", status=422)
    assert text in answer.html.find(class_="problem").text
    again = list_form(answer)
    assert {name: again[name].value for name in chosen if name != "date_format"} == {
        name: value for name, value in chosen.items() if name != "date_format"
    }
    assert rows(site, ImportJob) == 0


def test_encoding_in_which_it_is_no_list_is_explained(editor: TestApp) -> None:
    page = uploaded(editor, b"Film;Perc\nD\xfbne;155\nab")
    list_form(page)["encoding"] = "utf-16"
    again = list_form(page).submit("do", value="read", status=303).follow()
    assert "nem UTF-8" in again.html.find(class_="problem").text
    assert list_form(again)["encoding"].value == "cp1250"


def test_list_is_read_again_instead_of_its_first_preview(site: TestApp, editor: TestApp) -> None:
    answer = begin(editor, do="file", file=LIST.replace("2026.12.17.", "17/12/2026"))
    join_threads("import-")
    first = answer.follow()
    assert "nem egyértelmű, melyik a nap" in first.html.find("tbody").text
    page = editor.get("/manager/imports/lists/1")
    list_form(page)["date_format"] = "%d/%m/%Y"
    second = preview(page)
    assert "2026-12-17" in second.html.find("tbody").text
    assert (rows(site, ImportJob), rows(site, ImportItem)) == (1, 3)
    second.forms[1].submit("do", value="chosen")
    join_threads("import-")
    assert rows(site, Premiere) == 1
    assert editor.get("/manager/imports/lists/1", status="*").status_int == 404


def test_workbook_has_no_encoding_to_choose(editor: TestApp) -> None:
    page = uploaded(editor, workbook([[], ["Cím", None, "Perc"], ["Dűne", "x", 155]]))
    assert "encoding" not in list_form(page).fields
    assert columns(page) == {
        "Cím": "title",
        "név nélkül": "",
        "Perc": "runtime",
    }
    assert "155" in preview(page).html.find(class_="differences").text


def test_lists_that_wait_are_linked_and_expire(
    site: TestApp, editor: TestApp, clock: Clock
) -> None:
    uploaded(editor, VERTIGO)
    assert "/manager/imports/lists/1" in editor.get("/manager/imports").text
    clock.pass_(days=LIST_RETENTION.days + 1)
    editor = signed_in(site, Role.EDITOR)
    uploaded(editor, VERTIGO)
    assert rows(site, ImportUpload) == 1


def test_malformed_requests_are_refused(editor: TestApp) -> None:
    path = uploaded(editor, VERTIGO).request.path
    token = {"csrf_token": csrf_of(editor)}
    editor.post(path, token | {"do": "x"}, status=400)
    for text in (*MALFORMED_IDS[:5], "999"):
        editor.get(f"/manager/imports/lists/{text}", status=404)
    sent = {"do": "preview", "column-0": "x", "column-1": "title", "encoding": "latin9"}
    editor.post(path, token | sent, status=303)
    join_threads("import-")
