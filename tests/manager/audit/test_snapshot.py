"""Rows as plain values, and back."""

import json
from datetime import date

from sqlalchemy import select

from moziweb.db import Database
from moziweb.manager.audit.snapshot import insert_rows, row_values, snapshot_of
from moziweb.movies.models import Audio, Premiere, PremiereChange
from tests import factories


def test_rows_survive_json(database: Database) -> None:
    with database.write() as session:
        movie = factories.make_movie(session, countries=("HU", "US"), rating="12")
        premiere = factories.make_premiere(session, movie, formats=("2D",), audio=Audio.DUBBED)
        factories.move_premiere(session, premiere, date(2026, 9, 3), "ok")
        rows = [movie, premiere, *session.scalars(select(PremiereChange))]
        before = [row_values(row) for row in rows]
        stored = json.loads(json.dumps(snapshot_of(rows)))
        for row in reversed(rows):
            session.delete(row)
            session.flush()
        insert_rows(session, stored)
        session.expire_all()
        models = [
            (type(row), row_values_id) for row, row_values_id in zip(rows, before, strict=True)
        ]
        after = [row_values(session.get_one(model, old["id"])) for model, old in models]
    for old, new in zip(before, after, strict=True):
        for name in ("version", "updated_at"):
            old.pop(name, None), new.pop(name, None)
    assert after == before


def test_a_taken_id_is_replaced_and_followed(database: Database) -> None:
    with database.write() as session:
        movie = factories.make_movie(session)
        premiere = factories.make_premiere(session, movie)
        factories.move_premiere(session, premiere, date(2026, 9, 3))
        change = session.scalars(select(PremiereChange)).one()
        insert_rows(session, snapshot_of([premiere, change]))
        premieres = session.scalars(select(Premiere.id)).all()
        owners = session.scalars(select(PremiereChange.premiere_id)).all()
    assert len(premieres) == 2
    assert sorted(owners) == sorted(premieres)


def test_columns_of_another_release_are_ignored_or_get_their_defaults(database: Database) -> None:
    with database.write() as session:
        movie = factories.make_movie(session)
        values = {**row_values(factories.make_premiere(session, movie)), "unknown": 1}
        del values["note"], values["id"]
        insert_rows(session, {"premiere": [values]})
        assert session.scalars(select(Premiere.note)).all() == ["", ""]
