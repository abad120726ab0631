"""Two writers of one movie at once, on PostgreSQL, leave no filtered page stale.

One moves a premiere, the other changes what filters find it by. The tags of both are made of what
the writers have loaded, so each must have locked the movie before.
"""

import itertools
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.caching import DECLARATIONS
from moziweb.manager.audit.log import COMMAND, record_import
from moziweb.manager.audit.name_entries import record_names
from moziweb.manager.auth.models import Role
from moziweb.manager.bulk.actions import BulkWriter
from moziweb.manager.bulk.models import BulkAction
from moziweb.manager.movies.changes import before_import, imported_fields
from moziweb.movies import conditional_tags
from moziweb.movies.importers.candidate import Candidate, GenreFact, PremiereFact
from moziweb.movies.importers.planning import Plan
from moziweb.movies.importers.service import Importer
from moziweb.movies.models import Movie, PremiereKind
from moziweb.posters.importer_port import ImportedPosters
from moziweb.services import services_of
from tests import factories
from tests.db.rivals import rival
from tests.manager.conftest import signed_in
from tests.manager.movie_forms import movie_form, press
from tests.registry import page_cache_of
from tests.site.cached import now, week_here

WEEKS = tuple(week_here().shifted(weeks) for weeks in (1, 2, 3))
FILTERS = ("genre=drama", "kind=cinema", "kind=limited", "rating=16")
PATHS = tuple(f"/week/{week.name}?{query}" for week in WEEKS for query in FILTERS)

Write = Callable[[], Any]


class Writers:
    """Writers of a movie, which is new: of the first week, 12, a comedy, in cinemas."""

    def __init__(self, app: TestApp, editor: TestApp, ref: str) -> None:
        self._editor, self._ref = editor, ref
        self._services = services_of(app.app.registry)
        self.movie_id = self._import(
            rating="12",
            genres=(GenreFact("Vígjáték", "Comedy"),),
            premieres=(PremiereFact(WEEKS[0].thursday),),
        )
        with self._services.database.write() as session:
            session.get_one(Movie, self.movie_id).published = True

    def form(self, field: str, value: str) -> Write:
        """A save of the form, which is open from now on. It may be refused as a conflict."""
        form = movie_form(self._editor, self.movie_id)
        form[field] = value

        def save() -> None:
            assert press(form).status_int in {303, 409}

        return save

    def bulk(self, action: BulkAction, **terms: Any) -> Write:
        def write() -> None:
            with self._services.database.write() as session:
                at, posters = now(), self._services.poster_editor
                writer = BulkWriter(session, posters, COMMAND, at, at.date(), "bulk:1", terms)
                writer.write(action, [self.movie_id])

        return write

    def imported(self, **values: Any) -> Write:
        """An import, which keeps what an editor has entered."""
        return lambda: self._import(**values)

    def _import(self, **values: Any) -> int:
        importer = Importer(
            self._services.database, ImportedPosters(), now,
            on_written=_note, before_writing=before_import,
        )  # fmt: skip
        values["title"] = f"Film {self._ref}"
        place = f"tmdb {self._ref}"
        applied = importer.apply(
            Candidate("tmdb", "tmdb", self._ref, place, values["title"], values)
        )
        assert applied.movie_id
        return applied.movie_id


def _note(session: Session, movie: Movie, plan: Plan) -> None:
    fields = imported_fields(session, movie)
    entry = record_import(session, COMMAND, movie, plan, now(), (), fields=fields)
    record_names(session, [entry], COMMAND, now())


def change_kind(writers: Writers) -> Write:
    return writers.form("premieres-0-kind", PremiereKind.LIMITED)


def change_rating_in_bulk(writers: Writers) -> Write:
    return writers.bulk(BulkAction.RATING, rating="16")


def import_genre(writers: Writers) -> Write:
    return writers.imported(genres=(GenreFact("Dráma", "Drama"),))


def move_in_bulk(writers: Writers) -> Write:
    return writers.bulk(BulkAction.MOVE, weeks=1, reason="csúszik")


def import_date(writers: Writers) -> Write:
    return writers.imported(premieres=(PremiereFact(WEEKS[2].thursday),))


def overlapped(app: TestApp, first: Write, second: Write) -> None:
    """The second one begins before the commit of the first one, and waits for it.

    Pages are requested then.
    """
    with rival(services_of(app.app.registry).database) as start:
        resolves = itertools.count()
        waiting: list[Future[Any]] = []

        def resolved(connection: Connection, names: Collection[str]) -> Iterable[str]:
            found = list(conditional_tags._resolved(connection, names))
            if next(resolves) == 0:
                waiting.append(start(second))
                bodies(app)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DECLARATIONS, "_resolve", resolved)
            first()
        waiting[0].result()


def bodies(app: TestApp) -> dict[str, bytes]:
    return {path: app.get(path).body for path in PATHS}


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_move_and_a_change_at_once_leave_no_filtered_page_stale(cached: TestApp) -> None:
    with services_of(cached.app.registry).database.write() as session:
        other = factories.make_movie(session, "Más", rating="16")
        factories.add_genres(session, other, "Dráma/Drama")
        for week in WEEKS:
            factories.make_premiere(session, other, week.thursday, kind=PremiereKind.LIMITED)
    editor = signed_in(cached, Role.EDITOR)
    stamps = page_cache_of(cached.app.registry).cache.stamps
    pairs = (
        (change_kind, move_in_bulk),
        (move_in_bulk, change_kind),
        (change_kind, import_date),
        (change_rating_in_bulk, import_date),
        (import_date, change_rating_in_bulk),
        (import_genre, move_in_bulk),
    )
    for number, (first, second) in enumerate(pairs):
        writers = Writers(cached, editor, str(9000 + number))
        before = bodies(cached)
        overlapped(cached, first(writers), second(writers))
        found = bodies(cached)
        stamps.new_epoch()
        stale = [path for path, body in bodies(cached).items() if body != found[path]]
        assert not stale, (first.__name__, second.__name__)
        assert found != before, (first.__name__, second.__name__)
