"""Imports into both databases: written values, kept values, and a second run."""

import unicodedata
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from moziweb.caching import OUTBOX
from moziweb.db import Database
from moziweb.movies.importers.applying import REASONS
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.importers.planning import Effect, Plan
from moziweb.movies.importers.service import Importer
from moziweb.movies.models import (
    DatePrecision,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    Premiere,
    PremiereChange,
    StreamingService,
)
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.services import services_of
from tests import factories
from tests.movies.importers.test_csv_columns import WHOLE
from tests.site.cached import CACHED, site

from .conftest import NOW, POSTERS, Bring, from_csv


def effects(bring: Bring, text: str) -> list[Effect]:
    return [applied.plan.effect for applied in bring(text)]


def only(session: Session) -> Movie:
    session.expire_all()
    return session.scalars(select(Movie)).one()


def test_new_movie_has_all_values_of_its_row(bring: Bring, dbsession: Session) -> None:
    (applied,) = bring(WHOLE)
    assert applied.written
    movie = only(dbsession)
    assert applied.movie_id == movie.id
    assert (movie.title, movie.slug) == ("Dűne: Harmadik rész", "dune-harmadik-resz")
    assert (movie.rating, movie.languages, movie.published) == ("12", ("en", "fr"), False)
    premiere = dbsession.scalars(select(Premiere)).one()
    assert (premiere.date, premiere.formats) == (date(2026, 12, 17), ("2D", "IMAX"))
    poster = dbsession.scalars(select(PosterSource)).one()
    assert (poster.url, poster.chosen, poster.origin, poster.fetched_at) == (
        "https://example.com/p.jpg", True, "csv", NOW,
    )  # fmt: skip
    provenance = dbsession.execute(select(FieldProvenance.field, FieldProvenance.source)).all()
    assert {field for field, _ in provenance} >= {"title", "premieres", "poster", "genres"}
    assert {source for _, source in provenance} == {"csv"}


def test_second_import_writes_nothing(bring: Bring, database: Database, dbsession: Session) -> None:
    bring(WHOLE)
    before = only(dbsession).updated_at
    (applied,) = bring(WHOLE)
    assert (applied.plan.effect, applied.written) == (Effect.SAME, False)
    assert only(dbsession).updated_at == before
    for model in (PosterSource, Premiere, MovieReference):
        assert dbsession.scalar(select(func.count()).select_from(model)) == 1
    assert dbsession.scalar(select(func.count()).select_from(PremiereChange)) == 0


def test_preview_writes_nothing(importer: Importer, dbsession: Session) -> None:
    (plan,) = importer.preview(from_csv(WHOLE))
    assert plan.effect is Effect.NEW
    assert {change.field for change in plan.changes} >= {"title", "premieres", "runtime"}
    assert dbsession.scalar(select(func.count()).select_from(Movie)) == 0


def test_empty_cell_deletes_no_value(bring: Bring, dbsession: Session) -> None:
    bring(WHOLE)
    assert effects(bring, "external_id;title;runtime\nF-1;Dűne: Harmadik rész;\n") == [Effect.SAME]
    assert only(dbsession).runtime == 165


def test_value_entered_by_hand_is_kept_and_reported(bring: Bring, dbsession: Session) -> None:
    bring(WHOLE)
    movie = only(dbsession)
    movie.title = "Dűne 3"
    row = dbsession.get_one(FieldProvenance, (movie.id, "title"))
    row.source = "hand"
    dbsession.commit()
    (applied,) = bring(WHOLE.replace(";165;", ";170;"))
    assert {(change.field, change.kept_for) for change in applied.plan.changes} == {
        ("title", "hand"),
        ("runtime", None),
    }
    movie = only(dbsession)
    assert (movie.title, movie.runtime) == ("Dűne 3", 170)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_edit_between_the_plan_and_the_lock_is_kept(
    importer: Importer, database: Database, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has a single writer, so nobody can write there in between."""
    list(importer.run(from_csv(WHOLE)))
    movie_id, plans = only(dbsession).id, importer._plans
    dbsession.rollback()
    edits = ["Dűne 3"]

    def plans_before_an_edit(*arguments: Any) -> list[Plan]:
        found = plans(*arguments)
        if edits:
            with database.write() as session:
                session.get_one(Movie, movie_id).title = edits.pop()
                session.get_one(FieldProvenance, (movie_id, "title")).source = "hand"
        return found

    changed = WHOLE.replace("Dűne: Harmadik rész", "Dűne: 3. rész").replace(";165;", ";170;")
    monkeypatch.setattr(importer, "_plans", plans_before_an_edit)
    applied = importer.apply(from_csv(changed)[0])
    assert (applied.written, edits) == (True, [])
    movie = only(dbsession)
    assert (movie.title, movie.runtime) == ("Dűne 3", 170)


@pytest.mark.parametrize("source", ["hand", None])
def test_dates_by_hand_or_of_unknown_origin_are_kept(
    source: str | None, bring: Bring, dbsession: Session
) -> None:
    movie = factories.make_movie(dbsession, "Dűne", imdb_id="tt31378509")
    factories.make_premiere(dbsession, movie, date(2026, 12, 24))
    if source:
        dbsession.add(FieldProvenance(movie_id=movie.id, field="premieres", source=source))
    dbsession.commit()
    (applied,) = bring("title;imdb_id;release_date\nDűne;tt31378509;2026-12-17\n")
    assert (applied.plan.effect, applied.written) == (Effect.SAME, False)
    (change,) = applied.plan.kept
    assert change.field == "premieres"
    assert (change.before, change.after) == ("2026-12-24 cinema", "2026-12-17 cinema")
    assert dbsession.scalars(select(Premiere.date)).one() == date(2026, 12, 24)


def test_field_cleared_by_hand_stays_empty(bring: Bring, dbsession: Session) -> None:
    movie = factories.make_movie(dbsession, "Dűne", imdb_id="tt31378509", runtime=None)
    dbsession.add(FieldProvenance(movie_id=movie.id, field="runtime", source="hand"))
    dbsession.commit()
    bring("title;imdb_id;runtime\nDűne;tt31378509;165\n")
    assert only(dbsession).runtime is None


def test_moved_premiere_has_a_history(bring: Bring, dbsession: Session) -> None:
    bring(WHOLE)
    bring(WHOLE.replace("2026.12.17.", "2027.01.14."))
    premiere = dbsession.scalars(select(Premiere)).one()
    change = dbsession.scalars(select(PremiereChange)).one()
    assert premiere.date == date(2027, 1, 14)
    assert (change.old_date, change.old_precision) == (date(2026, 12, 17), DatePrecision.DAY)
    assert (change.reason, change.changed_at) == (REASONS["csv"], NOW)
    assert effects(bring, WHOLE.replace("2026.12.17.", "2027.01.14.")) == [Effect.SAME]


def test_two_movies_of_one_title_are_two_movies(bring: Bring, dbsession: Session) -> None:
    text = "external_id;title;release_date\n1;Hamupipőke;2026-03-05\n2;Hamupipőke;2026-10-01\n"
    assert effects(bring, text) == [Effect.NEW, Effect.NEW]
    assert effects(bring, text) == [Effect.SAME, Effect.SAME]
    ids = dbsession.execute(select(MovieReference.ref, MovieReference.movie_id)).all()
    assert len({movie_id for _, movie_id in ids}) == 2


def test_title_and_year_identify_a_renamed_movie_without_ids(
    bring: Bring, dbsession: Session
) -> None:
    text = "title;release_date;runtime\nHamupipőke;2026-03-05;90\n"
    assert effects(bring, text) == [Effect.NEW]
    movie = only(dbsession)
    movie.title, movie.slug = "Más cím", "mas-cim"
    dbsession.get_one(FieldProvenance, (movie.id, "title")).source = "hand"
    dbsession.commit()
    assert effects(bring, text.replace("90", "95")) == [Effect.CHANGED]
    assert only(dbsession).runtime == 95


def test_remake_is_another_movie(bring: Bring) -> None:
    bring("title;release_date\nHamupipőke;1955-03-05\n")
    assert effects(bring, "title;release_date\nHamupipőke;2026-03-05\n") == [Effect.NEW]


@pytest.mark.parametrize("row", ["Hamupipőke;", "Hamupipőke;2027-01-07"])
def test_ambiguous_movie_is_refused(row: str, bring: Bring) -> None:
    bring("title;release_date\nHamupipőke;2026-03-05\n")
    (applied,) = bring(f"title;release_date\n{row}\n")
    assert applied.plan.effect is Effect.REFUSED
    assert "may be film" in str(applied.plan.problems[0])


def test_ids_of_two_movies_are_refused(bring: Bring, dbsession: Session) -> None:
    factories.make_movie(dbsession, "Egy", imdb_id="tt0000001")
    factories.make_movie(dbsession, "Kettő", tmdb_id=2)
    dbsession.commit()
    (applied,) = bring("title;imdb_id;tmdb_id\nEgy;tt0000001;2\n")
    assert "its ids belong to two films" in str(applied.plan.problems[0])


def test_movie_changed_since_its_preview_is_refused(
    importer: Importer, bring: Bring, dbsession: Session
) -> None:
    bring(WHOLE)
    (candidate,) = from_csv(WHOLE.replace(";165;", ";170;"))
    (plan,) = importer.preview([candidate])
    only(dbsession).runtime = 168
    dbsession.commit()
    applied = importer.apply(candidate, plan.fingerprint)
    assert (applied.plan.effect, applied.written) == (Effect.REFUSED, False)
    assert only(dbsession).runtime == 168
    (plan,) = importer.preview([candidate])
    assert importer.apply(candidate, plan.fingerprint).written


def test_chosen_posters_are_kept_and_drawn_ones_replaced(bring: Bring, dbsession: Session) -> None:
    kept = factories.make_movie(dbsession, "Egy", imdb_id="tt0000001")
    upload = factories.add_poster(dbsession, kept, kind=SourceKind.UPLOAD, url=None, key="k")
    other = factories.make_movie(dbsession, "Kettő", imdb_id="tt0000002")
    drawn = factories.add_poster(dbsession, other, kind=SourceKind.DRAWN)
    dbsession.commit()
    text = (
        "title;imdb_id;poster_url\nEgy;tt0000001;https://a.example/1.jpg\n"
        "Kettő;tt0000002;https://a.example/2.jpg\n"
    )
    bring(text)
    bring(text.replace("/2.jpg", "/3.jpg"))
    dbsession.expire_all()
    chosen = dbsession.execute(select(PosterSource.url, PosterSource.chosen)).all()
    assert dict(chosen) == {
        None: upload.chosen, drawn.url: False, "https://a.example/1.jpg": False,
        "https://a.example/2.jpg": False, "https://a.example/3.jpg": True,
    }  # fmt: skip
    assert upload.chosen


def test_unknown_genre_is_added_once(bring: Bring, dbsession: Session) -> None:
    factories.add_genres(dbsession, factories.make_movie(dbsession), "Vígjáték/Comedy")
    dbsession.commit()
    bring("title;genres\nEgy;Comedy|Balett\nKettő;vígjáték|balett\n")
    assert set(dbsession.scalars(select(Genre.name))) == {"Vígjáték", "Balett"}


def test_outbox_rows_are_of_the_movies_that_changed(settings: dict[str, str]) -> None:
    """With the sessions of the application, which write the outbox."""
    with site(settings | CACHED) as app:
        database = services_of(app.app.registry).database
        importer = Importer(database, POSTERS, lambda: NOW, publish=True)

        def outbox() -> list[str]:
            with database.engine.connect() as connection:
                return list(connection.scalars(select(OUTBOX.table.c.tags)))

        list(importer.run(from_csv(WHOLE)))
        first = outbox()
        assert len(first) == 1
        list(importer.run(from_csv(WHOLE)))
        assert outbox() == first


def test_decomposed_texts_are_stored_in_nfc(bring: Bring, dbsession: Session) -> None:
    """macOS writes such lists: they would make a second distributor, genre and person."""
    rows = "title;distributor;genres;overview\nDűne;Fórum Hungary;Mélyűr;Élő szöveg.\n"
    for form in ("NFC", "NFD"):
        bring(unicodedata.normalize(form, rows), name=unicodedata.normalize(form, "őszi"))
    movie = only(dbsession)
    assert movie.title == "Dűne"
    assert movie.synopsis == "Élő szöveg."
    assert dbsession.scalars(select(Distributor.name)).all() == ["Fórum Hungary"]
    assert dbsession.scalars(select(Genre.name)).all() == ["Mélyűr"]
    assert dbsession.scalars(select(MovieReference.list_name)).all() == ["csv:őszi"]


def test_movie_that_the_database_refuses_does_not_end_the_import(database: Database) -> None:
    def refuse(_session: Session, movie: Movie, _plan: object) -> None:
        if movie.title == "B":
            raise DataError("INSERT", None, ValueError("too long"))

    importer = Importer(database, POSTERS, lambda: NOW, on_written=refuse)
    applied = list(importer.run(from_csv("title\nA\nB\nC\n")))
    assert [each.plan.effect for each in applied] == [Effect.NEW, Effect.REFUSED, Effect.NEW]
    assert "row 3: the database refuses it" in str(applied[1].plan.problems[0])


def test_service_in_another_case_is_the_same_one(bring: Bring, dbsession: Session) -> None:
    text = "title;release_date;release_type;distributor\nA;2026-12-17;streaming;"
    bring(text + "SkyShowtime\n")
    (same,) = bring(text + "skyshowtime\n")
    assert (same.plan.effect, same.written) == (Effect.SAME, False)
    bring(text.replace("A;", "B;") + "SKYSHOWTIME\n")
    assert dbsession.scalars(select(StreamingService.name)).all() == ["SkyShowtime"]


def test_long_names_of_genres_and_services_fit_their_slugs(
    bring: Bring, dbsession: Session
) -> None:
    name = "щ" * 60  # four letters each, in a slug
    bring(
        "title;release_date;release_type;distributor;genres\n"
        f"A;2026-12-17;streaming;{name};{name}\nB;2026-12-17;streaming;{name};{name}\n"
    )
    assert dbsession.scalars(select(StreamingService.name)).all() == [name]
    assert dbsession.scalars(select(Genre.name)).all() == [name]


@pytest.mark.parametrize("publish", [False, True])
def test_new_movie_is_a_draft_unless_it_is_to_be_published(
    database: Database, dbsession: Session, publish: bool
) -> None:
    importer = Importer(database, POSTERS, lambda: NOW, publish=publish)
    list(importer.run(from_csv(WHOLE)))
    assert only(dbsession).published is publish


@pytest.mark.parametrize("published", [False, True])
def test_existing_movie_stays_as_visible_as_it_was(
    database: Database, dbsession: Session, published: bool
) -> None:
    factories.make_movie(dbsession, "Dűne", imdb_id="tt31378509", published=published)
    dbsession.commit()
    importer = Importer(database, POSTERS, lambda: NOW, publish=not published)
    (applied,) = importer.run(from_csv(WHOLE))
    assert applied.plan.effect is Effect.CHANGED
    assert only(dbsession).published is published


TWINS = "title;release_date;runtime\nHamupipőke;2026-03-05;105\n"


@pytest.fixture
def twins(dbsession: Session) -> tuple[int, int]:
    """Two movies of one title and year."""
    found = [factories.make_movie(dbsession, "Hamupipőke", runtime=None) for _ in range(2)]
    for movie in found:
        factories.make_premiere(dbsession, movie, date(2026, 3, 5))
    dbsession.commit()
    return found[0].id, found[1].id


def test_row_that_may_be_two_movies_offers_both(
    importer: Importer, twins: tuple[int, int], dbsession: Session
) -> None:
    (plan,) = importer.preview(from_csv(TWINS))
    assert plan.effect is Effect.REFUSED
    assert [(each.id, each.title, each.years) for each in plan.possible] == [
        (number, "Hamupipőke", (2026,)) for number in twins
    ]


def test_chosen_movie_is_written_and_found_again(
    importer: Importer, twins: tuple[int, int], dbsession: Session
) -> None:
    choices = {"row 2": twins[1]}
    (plan,) = importer.preview(from_csv(TWINS), choices)
    assert (plan.effect, plan.movie_id, plan.possible) == (Effect.CHANGED, twins[1], ())
    applied = importer.apply(from_csv(TWINS)[0], plan.fingerprint, choices)
    assert (applied.written, applied.movie_id) == (True, twins[1])
    dbsession.expire_all()
    assert [dbsession.get_one(Movie, each).runtime for each in twins] == [None, 105]
    (again,) = importer.preview(from_csv(TWINS))
    assert (again.effect, again.movie_id) == (Effect.SAME, twins[1])


def test_chosen_new_movie_is_added(
    importer: Importer, twins: tuple[int, int], dbsession: Session
) -> None:
    (applied,) = importer.run(from_csv(TWINS), {"row 2": None})
    assert applied.plan.effect is Effect.NEW
    assert applied.movie_id not in twins
    assert dbsession.scalar(select(func.count()).select_from(Movie)) == 3


def test_ids_of_the_movie_that_is_not_chosen_are_left_out(
    importer: Importer, dbsession: Session
) -> None:
    """Its ids belong to two movies: one keeps its own."""
    first = factories.make_movie(dbsession, "Egy", runtime=None, tmdb_id=550)
    second = factories.make_movie(dbsession, "Kettő", imdb_id="tt0137523")
    dbsession.commit()
    text = "title;tmdb_id;imdb_id;runtime\nHarmadik;550;tt0137523;99\n"
    (plan,) = importer.preview(from_csv(text))
    assert [each.id for each in plan.possible] == [first.id, second.id]
    (applied,) = importer.run(from_csv(text), {"row 2": first.id})
    assert [str(each) for each in applied.plan.problems] == [
        f"row 2, imdb_id: belongs to film {second.id}; it is not imported"
    ]
    dbsession.expire_all()
    assert (first.runtime, first.tmdb_id, first.imdb_id) == (99, 550, None)
    (new,) = importer.run(from_csv(text), {"row 2": None})
    assert (new.plan.effect, len(new.plan.problems)) == (Effect.NEW, 2)


def test_chosen_movie_that_was_deleted_is_refused(importer: Importer) -> None:
    (plan,) = importer.preview(from_csv(TWINS), {"row 2": 999})
    assert (plan.effect, str(plan.problems[0])) == (
        Effect.REFUSED,
        "row 2: film 999 does not exist (nothing of it is imported)",
    )


def test_wrong_row_offers_no_movies(importer: Importer, twins: tuple[int, int]) -> None:
    (plan,) = importer.preview(from_csv("title;imdb_id\nHamupipőke;nm1\n"))
    assert (plan.effect, plan.possible) == (Effect.REFUSED, ())
