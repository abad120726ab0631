"""The manager when PostgreSQL ends a connection, or a transaction has a conflict."""

from itertools import count

import pytest
from sqlalchemy import Engine, func, select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.services import services_of
from tests.conftest import counted_queries
from tests.db.faults import conflict, terminator
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press
from tests.manager.views.test_week_grid import fill, grid_of

on_postgresql = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def engine_of(site: TestApp) -> Engine:
    return services_of(site.app.registry).database.engine


def entries(site: TestApp) -> int:
    with services_of(site.app.registry).database.read() as session:
        return session.scalar(select(func.count(AuditEntry.id))) or 0


@on_postgresql
@pytest.mark.parametrize("path", ["", "/movies", "/movies/{}", "/users", "/audit", "/account"])
def test_page_survives_a_lost_connection_at_any_statement(
    site: TestApp, admin: TestApp, path: str
) -> None:
    path = "/manager" + path.format(make_movie(site))
    engine = engine_of(site)
    with counted_queries(engine) as statements:
        admin.get(path, status=200)
    with terminator(engine) as fault:
        for at in range(1, len(statements) + 1):
            fault.before = at
            assert admin.get(path, status="*").status_int == 200, at
        assert fault.count == len(statements) > 1


@on_postgresql
@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_movie_is_saved_once_after_a_conflict_at_any_statement(
    site: TestApp, editor: TestApp, state: str
) -> None:
    movie = make_movie(site)
    with conflict(engine_of(site), state) as fault:
        for at in count(1):
            before = entries(site)
            form = movie_form(editor, movie)
            form["title"] = f"Cím {at}"
            fault.before = at
            press(form, status=303)
            fault.before = 0
            assert movie_of(site, movie).title == f"Cím {at}"
            assert entries(site) == before + 1, at
            assert last_entry(site).action == "film.edit"
            if fault.count < at:  # the save has fewer statements
                break
        assert fault.count > 10


@on_postgresql
def test_grid_is_saved_once_after_a_conflict(site: TestApp, editor: TestApp) -> None:
    make_movie(site)
    with conflict(engine_of(site), "40001") as fault:
        for at in (3, 12, 30, 45):
            before = entries(site)
            form = grid_of(editor)
            fill(form, 0, title=f"Cím {at}")
            fill(form, 2, title=f"Új film {at}")
            fault.before, count_before = at, fault.count
            press(form, status=303)
            fault.before = 0
            assert fault.count == count_before + 1
            assert entries(site) == before + 2, at


@on_postgresql
def test_sign_in_is_not_repeated(site: TestApp, anonymous: TestApp) -> None:
    """Each attempt counts for the throttle."""
    form = anonymous.get("/manager/sign-in").form
    form["name"], form["password"] = "gazda", "wrong"
    with conflict(engine_of(site), "40001") as fault:
        fault.before = 3
        form.submit(status=503)
        assert fault.count == 1
