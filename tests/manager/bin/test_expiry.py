"""The bin is emptied after 30 days."""

from datetime import timedelta

from sqlalchemy import select

from moziweb.db import Database
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.expiry import EMPTIED, ExpiredItems
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import BIN_RETENTION
from moziweb.posters.models import HeldObject
from tests import factories
from tests.conftest import NOW


def test_expired_items_are_removed_with_an_audit_entry(database: Database) -> None:
    with database.write() as session:
        for title, age in (("Régi", BIN_RETENTION), ("Új", BIN_RETENTION - timedelta(seconds=1))):
            movie = factories.make_movie(session, title)
            factories.add_poster(session, movie, key=f"upload/{title}")
            Deleter(session, COMMAND, NOW - age).delete(BinKind.MOVIE, movie.id)
    expired = ExpiredItems(database, lambda: NOW)
    assert expired.count() == 1
    assert [item.name for item in expired.run()] == ["Régi"]
    assert expired.count() == 0
    with database.read() as session:
        assert session.scalars(select(BinItem.name)).all() == ["Új"]
        emptied = select(AuditEntry).where(AuditEntry.action == EMPTIED)
        entry = session.scalars(emptied).one()
        assert (entry.subject, entry.subject_name, entry.user_name) == ("film", "Régi", "moziweb")
        released = {row.key: row.released_at for row in session.scalars(select(HeldObject))}
        assert released == {"upload/Régi": NOW, "upload/Új": None}
