"""An editor edits and merges people and others in Chromium, with suggestions while typing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from moziweb.movies.models import Credit, CreditRole, Distributor, Genre, Person, StreamingService
from moziweb.services import services_of

from .conftest import OpenPage
from .manager_site import ManagerSite, rendered_again, running_manager_site
from .page_log import PageLog, violations_of
from .test_accessibility import ALL, is_accessible, violations


@pytest.fixture
def manager(migrated_sqlite: Path, tmp_path: Path) -> Iterator[ManagerSite]:
    with running_manager_site(migrated_sqlite, tmp_path) as manager:
        yield manager


def add_twin(manager: ManagerSite) -> int:
    """A second person of nearly the same name, in another movie."""
    with services_of(manager.registry).database.write() as session:
        twin = Person(name="szinesz ITT van")
        session.add(twin)
        session.flush()
        role = {"role": CreditRole.CAST, "position": 7, "character": "Vendég"}
        session.add(Credit(movie_id=manager.movies.ahead, person_id=twin.id, **role))
        return twin.id


def test_a_duplicate_is_merged_by_keyboard_and_taken_back(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page()
    watch = PageLog.attach(page)
    manager.sign_in(page)
    twin, person = add_twin(manager), manager.movies.person
    former = f"/person/{twin}-szinesz-itt-van"
    manager.warm(former=former)
    before = manager.states(former=former)
    page.goto(f"{manager.url}/manager/names?kind=person&q=szinesz+itt")
    page.get_by_role("link", name="szinesz ITT van").click()
    page.get_by_role("link", name="Egyesítés…").click()
    # On the page of the choice, the search has suggestions; they are links.
    field = page.get_by_role("combobox", name="Mivel egyesüljön")
    field.press_sequentially("szinesz itt")
    option = page.get_by_role("option", name="Színész Itt van")
    expect(option).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(1)  # not the row itself
    field.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    field.press("Enter")
    page.wait_for_url(f"**/manager/names/person/{twin}/merge/{person}")
    is_accessible(page)
    paths = page.locator("#affected .paths a").all_text_contents()
    expect(page.locator("#affected")).to_contain_text(f"{len(paths)} oldalt")
    assert former in paths
    page.get_by_role("button", name="Egyesítés, „Színész Itt van” marad").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("szinesz ITT van")
    is_accessible(page)
    # The former address leads to the kept one: the stored page is stale, as was shown.
    answer = page.request.get(manager.url + former, max_redirects=0)
    assert (answer.status, answer.headers["location"]) == (
        301, f"{manager.url}/person/{person}-szinesz-itt-van",
    )  # fmt: skip
    rendered = rendered_again(before, manager.states(former=former))
    assert rendered - {"former"} == {"other", "api_movie"} & rendered | {"other"}
    page.get_by_role("link", name="Visszavonás…").first.click()
    page.get_by_role("button", name="Visszavonás").click()
    expect(page.get_by_role("status")).to_contain_text("vissza van vonva")
    assert page.request.get(manager.url + former, max_redirects=0).status == 200
    assert violations_of(page) == []
    assert [each for each in watch.errors if "suggestions" not in each] == []


def test_suggestions_fill_the_fields_of_a_movie(manager: ManagerSite, open_page: OpenPage) -> None:
    page = open_page()
    manager.sign_in(page)
    twin = add_twin(manager)
    with services_of(manager.registry).database.write() as session:
        session.get_one(Person, twin).name = "Színész Itt van"
    page.goto(f"{manager.url}/manager/movies/{manager.movies.here}")
    company = page.locator("#distributor")
    expect(company).to_have_attribute("role", "combobox")
    company.fill("")
    company.press_sequentially("majd")
    option = suggested(page, "Forgalmazó Majd jön")
    expect(option).to_be_visible()
    is_a_combobox(page, "#distributor")
    option.click()
    expect(company).to_have_value("Forgalmazó Majd jön")
    expect(page.get_by_role("listbox", name="Javaslatok")).to_have_count(0)
    # Two people of one name: their movies tell them apart.
    name = page.locator("[name=cast-1-name]")
    name.press_sequentially("szinesz itt")
    expect(suggested(page)).to_have_count(2)
    other = suggested(page).filter(has_text="Majd jön")
    name.press("ArrowDown")
    while other.get_attribute("aria-selected") != "true":
        name.press("ArrowDown")
    assert violations(page, ALL) == []
    name.press("Enter")
    expect(name).to_have_value("Színész Itt van")
    expect(page.locator("[name=cast-1-person_id]")).to_have_value(str(twin))
    # The panel of effects is updated, as after typing.
    expect(page.locator("#affected")).to_contain_text("frissít")
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    expect(page.locator(".notice")).to_contain_text("Mentve.")
    with services_of(manager.registry).database.read() as session:
        cast = Credit.movie_id == manager.movies.here, Credit.role == CreditRole.CAST
        people = select(Credit.person_id).where(*cast).order_by(Credit.position)
        assert session.scalars(people).all() == [manager.movies.person, twin]


def suggested(page: Page, name: str = "") -> Locator:
    """The suggestions that are shown; the page also has options of selects."""
    found = page.get_by_role("listbox", name="Javaslatok").get_by_role("option")
    return found.filter(has_text=name)


def is_a_combobox(page: Page, selector: str) -> None:
    """As the public search: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/."""
    field = page.locator(selector)
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(field).to_have_attribute("aria-autocomplete", "list")
    listbox = page.get_by_role("listbox", name="Javaslatok")
    expect(listbox).to_have_count(1)
    assert field.get_attribute("aria-controls") == listbox.get_attribute("id")
    field.press("ArrowDown")
    active = page.locator("[role=option][aria-selected=true]").get_attribute("id") or "-"
    expect(field).to_have_attribute("aria-activedescendant", active)
    expect(field).to_be_focused()


def test_escape_keeps_the_text_and_enter_saves_it(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    """A name that no suggestion has is a new one, as without suggestions."""
    page = open_page()
    manager.sign_in(page)
    page.goto(f"{manager.url}/manager/movies/{manager.movies.here}")
    company = page.locator("#distributor")
    company.fill("")
    company.press_sequentially("forgalmazó")
    expect(suggested(page).first).to_be_visible()
    company.press("Escape")
    expect(page.get_by_role("listbox", name="Javaslatok")).to_have_count(0)
    company.press_sequentially(" Új")
    company.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Mentve.")
    with services_of(manager.registry).database.read() as session:
        assert "forgalmazó Új" in session.scalars(select(Distributor.name)).all()


def test_names_of_each_kind_are_edited_and_merged_without_scripts(
    manager: ManagerSite, open_page: OpenPage
) -> None:
    page = open_page(java_script_enabled=False)
    manager.sign_in(page)
    page.goto(f"{manager.url}/manager/names?kind=distributor")
    page.get_by_role("link", name="Forgalmazó Majd jön").first.click()
    page.locator("#name").fill("Forgalmazó Itt van")
    page.get_by_role("button", name="Mentés", exact=True).last.click()
    # Another one has the name: the summary leads to their merge.
    page.get_by_role("link", name="Egyesítés ezzel:").click()
    page.get_by_role("button", name="Egyesítés, „Forgalmazó Itt van” marad").click()
    expect(page.get_by_role("status")).to_contain_text("Forgalmazó Majd jön")
    expect(page.locator(".name-films li")).to_have_count(2)
    page.get_by_role("link", name="Egyesítés…").click()
    page.get_by_role("searchbox").fill("nincs ilyen")
    page.get_by_role("button", name="Keresés").click()
    expect(page.get_by_text("Nincs ilyen név")).to_be_visible()
    with services_of(manager.registry).database.write() as session:
        session.add(Genre(name="Próba", name_en="Trial", slug="proba"))
        session.add(StreamingService(name="Próba", slug="proba"))
    for kind, kept in (("genre", "Vígjáték"), ("service", "Netflix")):
        page.goto(f"{manager.url}/manager/names?kind={kind}")
        page.get_by_role("link", name="Próba").click()
        page.locator("#name").fill("Másik próba")
        page.get_by_role("button", name="Mentés", exact=True).last.click()
        expect(page.get_by_role("status").first).to_contain_text("Mentve.")
        page.get_by_role("link", name="Egyesítés…").click()
        page.get_by_role("searchbox").fill(kept)
        page.get_by_role("button", name="Keresés").click()
        page.get_by_role("link", name=kept, exact=True).click()
        page.get_by_role("button", name=f"Egyesítés, „{kept}” marad").click()
        expect(page.get_by_role("status")).to_contain_text("Másik próba")
    with services_of(manager.registry).database.read() as session:
        for model in (Genre, StreamingService):
            assert "Másik próba" not in session.scalars(select(model.name)).all()
