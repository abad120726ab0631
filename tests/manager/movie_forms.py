"""Movies for the tests of the manager, and their forms under WebTest."""

from datetime import date
from typing import Any

from sqlalchemy import or_, select
from webtest import Form, TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.movies.queries import editable_movie
from moziweb.movies.models import CreditRole, FieldProvenance, Movie
from moziweb.services import services_of
from tests import factories


def make_movie(app: TestApp, title: str = "Az ígéret földje", **values: Any) -> int:
    """Adds a movie with a value for each field; returns its id."""
    with services_of(app.app.registry).database.write() as session:
        movie = factories.make_movie(
            session,
            title,
            synopsis="Valaki elindul.",
            countries=("HU",),
            languages=("hu",),
            **values,
        )
        factories.set_distributor(session, movie, "Forgalmazó Kft.")
        factories.add_genres(session, movie, "Vígjáték/Comedy", "Dráma/Drama")
        factories.add_people(session, movie, CreditRole.DIRECTOR, "Kis Éva")
        factories.add_people(session, movie, CreditRole.CAST, "Nagy Pál/Pincér", "Tóth Anna/Vendég")
        factories.make_premiere(session, movie, date(2026, 8, 27), formats=("2D",))
        factories.add_trailer(session, movie)
        session.add(FieldProvenance(movie_id=movie.id, field="title", source="tmdb"))
        return movie.id


def movie_form(browser: TestApp, movie_id: int | str, **query: str) -> Form:
    """The form of a movie."""
    return movie_form_in(browser.get(f"/manager/movies/{movie_id}", query))


def movie_form_in(page: Any) -> Form:
    """The movie form of a page."""
    return next(form for form in page.forms.values() if "title" in form.fields)


def press(form: Form, button: str = "save", **options: Any) -> Any:
    """Submits a form with one of its buttons."""
    index = [field.value_if_submitted() for field in form.fields["do"]].index(button)
    return form.submit("do", index=index, **{"status": "*", **options})


def movie_of(app: TestApp, movie_id: int) -> Movie:
    """The movie as stored."""
    with services_of(app.app.registry).database.read() as session:
        found = editable_movie(session, movie_id)
        assert found is not None
        return found


def last_entry(app: TestApp) -> AuditEntry:
    """The latest audit entry, without those of names that the change of a movie has made."""
    with services_of(app.app.registry).database.read() as session:
        own = or_(AuditEntry.batch.is_(None), ~AuditEntry.batch.startswith("names:"))
        latest = select(AuditEntry).where(own).order_by(AuditEntry.id.desc()).limit(1)
        entry: AuditEntry = session.scalars(latest).one()
        return entry
