"""The page of the audit log."""

from typing import Final

from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.audit.log import CACHE, COMMAND, USER, Subject, record
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.auth.models import User
from moziweb.movies.models import Movie
from moziweb.services import services_of
from tests.conftest import NOW
from tests.manager.movie_forms import make_movie, movie_form, press

PATH: Final = "/manager/audit"


def test_editors_see_no_entries_of_users_and_the_cache(
    site: TestApp, editor: TestApp, admin: TestApp
) -> None:
    with services_of(site.app.registry).database.write() as session:
        record(session, COMMAND, "cache.purge", Subject(CACHE, "week:2026-W34"), NOW)
        record(session, COMMAND, "user.disable", Subject(USER, "béla", 7), NOW)
        record(session, COMMAND, "posters.retry", Subject("posters", "b.example"), NOW)
    for page, is_admin in ((editor.get(PATH), False), (admin.get(PATH), True)):
        assert "b.example" in page.text
        assert ("week:2026-W34" in page.text) is is_admin
        assert ("béla" in page.text) is is_admin


def test_entries_outlive_their_users_and_movies(
    site: TestApp, editor: TestApp, admin: TestApp
) -> None:
    form = movie_form(editor, make_movie(site))
    form["title"], form["premieres-0-date"] = "A másik cím", "2026-09-03"
    form["premieres-0-reason"] = "torlódás"
    press(form, status=303)
    with services_of(site.app.registry).database.write() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry
        session.delete(session.get_one(User, entry.user_id))
        session.delete(session.get_one(Movie, entry.subject_id))
    for language, kind in (("", "mozi"), ("/en", "cinema")):
        row = admin.get(f"{language}{PATH}").html.select_one("tbody tr").get_text(" ", strip=True)
        for text in ("szerkesztő", "Az ígéret földje", "A másik cím", "2026-09-03", kind):
            assert text in row
