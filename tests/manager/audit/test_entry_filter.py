"""The filter of the audit log: who, what, when."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session
from webob.multidict import MultiDict
from webtest import TestApp

from moziweb.manager.audit.entry_filter import EntryFilter
from moziweb.manager.audit.history import latest_entries
from moziweb.manager.audit.log import COMMAND, MOVIE, Actor, Subject, record
from moziweb.services import services_of


def add_entries(session: Session) -> None:
    """Entries of two users, just before and after midnight in Hungary."""
    for name, action, day, hour in (
        ("anna", "film.edit", 19, 21),
        ("anna", "film.publish", 19, 22),
        ("béla", "film.edit", 20, 12),
        (COMMAND.name, "film.import", 21, 12),
    ):
        at = datetime(2026, 8, day, hour, 30, tzinfo=UTC)
        subject = Subject(MOVIE, f"{name} {action} {day}")
        record(session, Actor(None, name), action, subject, at)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({}, [21, 20, 19, 19]),
        ({"who": "anna"}, [19, 19]),
        ({"who": "moziweb"}, [21]),
        ({"what": "film.edit"}, [20, 19]),
        ({"who": "anna", "what": "film.edit"}, [19]),
        ({"first": "2026-08-20"}, [21, 20, 19]),  # half past midnight in Hungary
        ({"last": "2026-08-19"}, [19]),
        ({"first": "2026-08-20", "last": "2026-08-20"}, [20, 19]),
        ({"first": "tegnap", "last": "2026-13-01"}, [21, 20, 19, 19]),
        ({"who": "nobody"}, []),
    ],
)
def test_each_condition(dbsession: Session, query: dict[str, str], days: list[int]) -> None:
    add_entries(dbsession)
    found = latest_entries(dbsession, where=EntryFilter.of(MultiDict(query)))
    assert [each.at.day for each in found] == days


def test_filter_is_in_the_address() -> None:
    query = {"who": "anna", "what": "film.edit", "first": "2026-08-19", "last": "2026-08-20"}
    found = EntryFilter.of(MultiDict(query))
    assert (found.first, found.last) == (date(2026, 8, 19), date(2026, 8, 20))
    assert found.params() == query
    assert EntryFilter.of(MultiDict({"last": "9999-12-31"})).params() == {}


def test_page_shows_the_entries_of_the_filter(site: TestApp, editor: TestApp) -> None:
    with services_of(site.app.registry).database.write() as session:
        add_entries(session)
    form = editor.get("/manager/audit").forms[1]
    assert not [value for value, *_ in form["what"].options if value.startswith("user.")]
    form["who"], form["what"] = "moziweb", "film.import"
    page = form.submit()
    rows = [row.get_text() for row in page.html.select("tbody tr")]
    assert len(rows) == 1
    assert "moziweb film.import 21" in rows[0]
    form = page.forms[1]
    assert (form["who"].value, form["what"].value) == ("moziweb", "film.import")
    form["last"] = "2026-08-01"
    assert "Nincs ilyen változás." in form.submit().text
