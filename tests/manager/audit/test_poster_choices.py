"""A poster that a worker chooses is in the audit, in the transaction of the choice."""

from sqlalchemy import select
from webtest import TestApp

from moziweb.manager.audit.models import AuditEntry
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from tests.manager.movie_forms import make_movie
from tests.manager.views.test_movie_posters import previewed, saved, send
from tests.posters.pictures import encoded, quarters


def test_new_poster_is_audited_when_a_worker_shows_it(site: TestApp, editor: TestApp) -> None:
    movie = make_movie(site)
    saved(editor, movie, encoded(quarters(400, 600)))
    send(editor, previewed(editor, movie, encoded(quarters(401, 600)), "uj.jpg"), do="save")
    services = services_of(site.app.registry)
    with services.database.read() as session:
        second = session.scalars(select(PosterSource).order_by(PosterSource.id.desc())).first()
    assert second is not None
    assert (second.chosen, second.choose_when_ready) == (False, True)
    services.posters.ensure_variants(second.id)
    with services.database.read() as session:
        assert session.get_one(PosterSource, second.id).chosen
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.user_name, entry.subject_id) == ("poster.shown", "moziweb", movie)
    assert entry.changes[0]["after"] == f"#{second.id} uj.jpg"
