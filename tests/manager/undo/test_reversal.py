"""Taking changes back: each field gets its former value, unless a later change has touched it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND, record
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import RestoreRefused, restore
from moziweb.manager.movies.changes import AuditedMovies, MovieState, states
from moziweb.manager.names.kinds import NamedKind
from moziweb.manager.names.merging import merge_names
from moziweb.manager.undo.outcome import Undone, UndoRefused
from moziweb.manager.undo.reversal import FOCAL_POINT, Undoer
from moziweb.movies.models import (
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
)
from moziweb.movies.movie_rows import named_or_slugged
from moziweb.posters.models import PosterSource, SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW
from tests.manager.conftest import BOTH
from tests.manager.movie_forms import last_entry, make_movie, movie_form, movie_of, press

pytestmark = BOTH


@pytest.fixture
def movie_id(site: TestApp) -> int:
    """A movie with a value for each field."""
    return make_movie(site)


def write(site: TestApp, change: Callable[[Session], Any]) -> Any:
    with services_of(site.app.registry).database.write() as session:
        return change(session)


def undo(site: TestApp, entry: AuditEntry) -> Undone:
    def take_back(session: Session) -> Undone:
        editor = services_of(site.app.registry).poster_editor
        found = session.get_one(AuditEntry, entry.id)
        return Undoer(session, editor, COMMAND, NOW).undo(found)

    found: Undone = write(site, take_back)
    return found


def state_of(site: TestApp, movie_id: int) -> MovieState:
    with services_of(site.app.registry).database.read() as session:
        return states(session, [movie_id])[movie_id]


def save(editor: TestApp, movie_id: int, **fields: str) -> None:
    form = movie_form(editor, movie_id)
    for name, value in fields.items():
        form[name.replace("__", "-")] = value
    press(form, status=303)


EDITS: dict[str, dict[str, str]] = {
    "title": {"title": "Másik cím"},
    "texts": {"original_title": "Other", "synopsis": "Más.", "synopsis_en": "Else."},
    "facts": {"runtime": "", "rating": "18", "countries": "US, FR", "languages": ""},
    "ids": {"imdb_id": "tt1234567", "tmdb_id": "77"},
    "distributor": {"distributor": "Másik Kft."},
    "people": {"directors__0__name": "Új Rendező", "cast__0__character": "Más szerep"},
    "fewer people": {"cast__1__name": "", "cast__1__character": ""},
    "premiere": {"premieres__0__formats": "IMAX", "premieres__0__note": "díszelőadás"},
    "another premiere": {"premieres__1__date": "2026-10-01"},
    "no premiere": {"premieres__0__remove": "y"},
    "moved premiere": {"premieres__0__date": "2026-09-10", "premieres__0__reason": "ok"},
    "trailer": {"trailers__0__name": "Másik"},
    "no trailer": {"trailers__0__video": "", "trailers__0__name": ""},
}
"""Fields of the form, by what they change."""


def test_every_field_gets_its_former_value(site: TestApp, editor: TestApp) -> None:
    for name, fields in EDITS.items():
        movie_id = make_movie(site)
        before = state_of(site, movie_id)
        save(editor, movie_id, **fields)
        entry, after = last_entry(site), state_of(site, movie_id)
        assert after != before, name
        undone = undo(site, entry)
        assert comparable(state_of(site, movie_id)) == comparable(before), name
        assert (undone.entry.action, undone.entry.undoes) == ("film.undo", entry.id)
        shown = {(each["field"], each["before"], each["after"]) for each in entry.changes}
        assert {
            (each["field"], each["after"], each["before"]) for each in undone.entry.changes
        } == shown, name
        # The reversal is a change itself, which can be taken back.
        undo(site, undone.entry)
        assert comparable(state_of(site, movie_id)) == comparable(after), name


def comparable(state: MovieState) -> Any:
    """A state without the ids of trailers, which change when one comes back."""
    lines = [(each.site, each.video_id, each.name, each.language) for each in state.values.trailers]
    values = {
        name: getattr(state.values, name)
        for name in state.values.__dataclass_fields__
        if name != "trailers"
    }
    return values, lines, state.published, state.poster, state.sources


def test_removed_premiere_comes_back_with_its_history(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    def move(session: Session) -> int:
        premiere = session.scalars(select(Premiere)).one()
        factories.move_premiere(session, premiere, date(2026, 9, 3), "technikai okok")
        return premiere.id

    premiere_id = write(site, move)
    save(editor, movie_id, premieres__0__remove="y")
    undo(site, last_entry(site))
    with services_of(site.app.registry).database.read() as session:
        premiere = session.get_one(Premiere, premiere_id)
        change = session.scalars(select(PremiereChange)).one()
        assert (premiere.date, change.old_date) == (date(2026, 9, 3), date(2026, 8, 27))


def test_move_that_is_taken_back_was_none(site: TestApp, editor: TestApp, movie_id: int) -> None:
    save(editor, movie_id, premieres__0__date="2026-09-10", premieres__0__reason="torlódás")
    undo(site, last_entry(site))
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(Premiere.date)).all() == [date(2026, 8, 27)]
        assert session.scalars(select(PremiereChange)).all() == []


def test_a_later_change_of_the_same_field_refuses(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, title="Első", runtime="90")
    first = last_entry(site)
    save(editor, movie_id, title="Második")
    with pytest.raises(UndoRefused) as refusal:
        undo(site, first)
    (difference,) = refusal.value.differences
    assert (difference.field, difference.before, difference.after, difference.now) == (
        "title", "Az ígéret földje", "Első", "Második",
    )  # fmt: skip
    assert state_of(site, movie_id).values.runtime == 90
    # Once the later change is taken back, the first one can be, too.
    undo(site, last_entry(site))
    undo(site, first)
    assert state_of(site, movie_id).values.title == "Az ígéret földje"


def test_a_later_change_of_another_field_stays(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, title="Első")
    first = last_entry(site)
    save(editor, movie_id, runtime="95")
    undo(site, first)
    values = state_of(site, movie_id).values
    assert (values.title, values.runtime) == ("Az ígéret földje", 95)


def test_a_change_is_taken_back_once(site: TestApp, editor: TestApp, movie_id: int) -> None:
    save(editor, movie_id, title="Első")
    entry = last_entry(site)
    undo(site, entry)
    with pytest.raises(UndoRefused):
        undo(site, entry)


def test_publishing_is_taken_back(site: TestApp, editor: TestApp, movie_id: int) -> None:
    page = editor.get(f"/manager/movies/{movie_id}")
    form = next(form for form in page.forms.values() if form.action.endswith("/publish"))
    press(form, "unpublish", status=303)
    undo(site, last_entry(site))
    assert state_of(site, movie_id).published


def test_new_movie_goes_to_the_bin(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Tévedés"
    press(form, status=303)
    created = last_entry(site)
    undone = undo(site, created)
    assert (undone.entry.action, undone.entry.undoes) == ("film.delete", created.id)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(BinItem.name)).all() == ["Tévedés"]
        assert session.scalar(select(func.count(Movie.id))) == 0
    undo(site, undone.entry)
    assert state_of(site, created.subject_id or 0).values.title == "Tévedés"


def test_new_movie_that_was_changed_stays(site: TestApp, editor: TestApp) -> None:
    form = movie_form(editor, "new")
    form["title"] = "Új film"
    press(form, status=303)
    created = last_entry(site)
    save(editor, created.subject_id or 0, runtime="95")
    with pytest.raises(UndoRefused) as refusal:
        undo(site, created)
    assert [each.field for each in refusal.value.differences] == ["runtime"]


def test_deletions_are_taken_back(site: TestApp, movie_id: int) -> None:
    with services_of(site.app.registry).database.read() as session:
        person_id = session.scalars(select(Person.id).where(Person.name == "Kis Éva")).one()
        genre_id = session.scalars(select(Genre.id).where(Genre.name == "Dráma")).one()
    before = state_of(site, movie_id)
    for kind, row_id in (
        (BinKind.PERSON, person_id), (BinKind.GENRE, genre_id), (BinKind.MOVIE, movie_id),
    ):  # fmt: skip

        def delete(session: Session, kind: BinKind = kind, row_id: int = row_id) -> AuditEntry:
            done = Deleter(session, COMMAND, NOW).delete(kind, row_id)
            assert done is not None
            return done.entry

        entry = write(site, delete)
        undone = undo(site, entry)
        assert (undone.entry.action, undone.entry.undoes) == (f"{kind}.restore", entry.id)
        assert state_of(site, movie_id) == before


def test_value_that_names_a_deleted_person_refuses(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, directors__0__name="Új Rendező")
    entry = last_entry(site)

    def delete(session: Session) -> None:
        number = session.scalars(select(Person.id).where(Person.name == "Kis Éva")).one()
        assert Deleter(session, COMMAND, NOW).delete(BinKind.PERSON, number)

    write(site, delete)
    with pytest.raises(UndoRefused) as refusal:
        undo(site, entry)
    assert "Kis Éva" in refusal.value.text.interpolate()


def test_id_that_another_movie_has_refuses(site: TestApp, editor: TestApp, movie_id: int) -> None:
    save(editor, movie_id, imdb_id="tt0000001")
    save(editor, movie_id, imdb_id="tt0000002")
    entry = last_entry(site)
    make_movie(site, "Másik", imdb_id="tt0000001")
    with pytest.raises(UndoRefused) as refusal:
        undo(site, entry)
    assert "Másik" in refusal.value.text.interpolate()


def test_posters_are_taken_back(site: TestApp, movie_id: int) -> None:
    def add(session: Session) -> tuple[int, int]:
        movie = session.get_one(Movie, movie_id)
        first = factories.add_poster(session, movie, state=SourceState.READY)
        url = "https://example.com/2.jpg"
        second = factories.add_poster(
            session, movie, url=url, chosen=False, state=SourceState.READY
        )
        return first.id, second.id

    first, second = write(site, add)

    def choose(session: Session) -> AuditEntry:
        audited = AuditedMovies(session, [movie_id])
        services_of(site.app.registry).poster_editor.choose(session, second)
        return audited.record(COMMAND, "poster.choose", NOW)[0]

    chosen = write(site, choose)
    undo(site, chosen)
    assert state_of(site, movie_id).poster == first

    def delete(session: Session) -> AuditEntry:
        done = Deleter(session, COMMAND, NOW).delete(BinKind.POSTER, first)
        assert done is not None
        return done.entry

    deleted = write(site, delete)
    assert state_of(site, movie_id).poster is None
    undone = undo(site, deleted)
    assert state_of(site, movie_id).poster == first
    undo(site, undone.entry)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(PosterSource.id)).all() == [second]


def test_focal_point_is_taken_back_and_moved_again(site: TestApp, movie_id: int) -> None:
    def move(session: Session) -> tuple[int, AuditEntry]:
        movie = session.get_one(Movie, movie_id)
        poster = factories.add_poster(session, movie, focal_x=0.25, focal_y=0.75)
        points = {"before": [poster.id, 0.5, 0.125], "after": [poster.id, 0.25, 0.75]}
        changes, fields = [(FOCAL_POINT, "50%, 12%", "25%, 75%")], {FOCAL_POINT: points}
        return poster.id, record(
            session, COMMAND, "poster.focal", movie, NOW, changes, fields=fields
        )

    def point() -> tuple[float, float]:
        with services_of(site.app.registry).database.read() as session:
            source = session.get_one(PosterSource, poster)
            return source.focal_x, source.focal_y

    poster, moved = write(site, move)
    undone = undo(site, moved)
    assert point() == (0.5, 0.125)
    (texts,) = undone.entry.changes
    assert (texts["before"], texts["after"]) == ("25%, 75%", "50%, 12%")
    undo(site, undone.entry)
    assert point() == (0.25, 0.75)
    with pytest.raises(UndoRefused):
        undo(site, undone.entry)


def test_entry_without_values_cannot_be_taken_back(site: TestApp, movie_id: int) -> None:
    """Such as those of an older release."""

    def add(session: Session) -> AuditEntry:
        changes = [("title", "a", "b")]
        movie = session.get_one(Movie, movie_id)
        entry = record(session, COMMAND, "film.edit", movie, NOW, changes)
        session.flush()
        return entry

    with pytest.raises(UndoRefused):
        undo(site, write(site, add))


def names(site: TestApp) -> set[str]:
    with services_of(site.app.registry).database.read() as session:
        models = (Person, Distributor, Genre, StreamingService)
        return {name for model in models for name in session.scalars(select(model.name))}


def entries_of(site: TestApp, *actions: str) -> list[tuple[str, str]]:
    with services_of(site.app.registry).database.read() as session:
        query = select(AuditEntry.action, AuditEntry.subject_name)
        rows = session.execute(query.where(AuditEntry.action.in_(actions)).order_by(AuditEntry.id))
        return [(row.action, row.subject_name) for row in rows]


def test_names_that_a_save_has_made_come_and_go_with_it(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    before = names(site)
    save(editor, movie_id, distributor="Új Kft.", cast__2__name="Új Színész")
    made = entries_of(site, "distributor.create", "person.create")
    assert made == [("distributor.create", "Új Kft."), ("person.create", "Új Színész")]
    after = names(site)
    assert after == before | {"Új Kft.", "Új Színész"}
    undone = undo(site, last_entry(site))
    assert names(site) == before
    again = undo(site, undone.entry)
    assert names(site) == after
    assert state_of(site, movie_id).values.distributor == "Új Kft."
    undo(site, again.entry)
    assert names(site) == before


def test_a_name_that_another_movie_uses_stays(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Új Kft.", cast__2__name="Új Színész")
    entry, other = last_entry(site), make_movie(site)
    save(editor, other, distributor="Új Kft.")
    undo(site, entry)
    assert "Új Kft." in names(site)
    assert "Új Színész" not in names(site)
    assert state_of(site, other).values.distributor == "Új Kft."


def test_making_a_name_is_not_taken_back_while_movies_use_it(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Új Kft.")
    with services_of(site.app.registry).database.read() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "distributor.create")
        ).one()
    with pytest.raises(UndoRefused, match="Films use"):
        undo(site, entry)
    save(editor, movie_id, distributor="Forgalmazó Kft.")
    undo(site, entry)
    assert "Új Kft." not in names(site)


def edit_distributor(site: TestApp, editor: TestApp, name: str) -> None:
    with services_of(site.app.registry).database.read() as session:
        number = session.scalars(select(Distributor.id).where(Distributor.name == name)).one()
    page = editor.get(f"/manager/names/distributor/{number}")
    form = next(each for each in page.forms.values() if "website" in each.fields)
    form["website"] = "https://uj.example/"
    press(form, status=303)


def test_a_name_that_was_completed_since_stays(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Új Kft.", cast__2__name="Új Színész")
    saved = last_entry(site)
    edit_distributor(site, editor, "Új Kft.")
    undo(site, saved)
    assert state_of(site, movie_id).values.distributor == "Forgalmazó Kft."
    assert "Új Kft." in names(site)
    assert "Új Színész" not in names(site)


def test_making_a_name_is_not_taken_back_after_an_edit_of_it(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Új Kft.")
    save(editor, movie_id, distributor="Forgalmazó Kft.")
    with services_of(site.app.registry).database.read() as session:
        entries = select(AuditEntry).where(AuditEntry.subject == "distributor")
        made = session.scalars(entries.where(AuditEntry.subject_name == "Új Kft.")).one()
    edit_distributor(site, editor, "Új Kft.")
    edit = last_entry(site)
    with pytest.raises(UndoRefused, match="changed since"):
        undo(site, made)
    reversal = undo(site, edit).entry
    again = undo(site, reversal).entry
    with pytest.raises(UndoRefused, match="changed since"):
        undo(site, made)
    undo(site, again)
    undo(site, made)  # an edit that was taken back is none
    assert "Új Kft." not in names(site)


def new_movie(site: TestApp, editor: TestApp) -> AuditEntry:
    """A movie with a new distributor and a new actor; returns its entry."""
    form = movie_form(editor, "new")
    form["title"], form["distributor"], form["cast-0-name"] = "Új film", "Új Kft.", "Új Színész"
    press(form, status=303)
    return last_entry(site)


def bring_back(session: Session) -> AuditEntry:
    """Restores the only movie of the bin."""
    item = session.scalars(select(BinItem).where(BinItem.kind == BinKind.MOVIE)).one()
    return restore(session, item, COMMAND, NOW).entry


def test_names_come_back_from_the_bin_with_their_movie(site: TestApp, editor: TestApp) -> None:
    before = names(site)
    created = new_movie(site, editor)
    state = state_of(site, created.subject_id or 0)
    undo(site, created)
    assert names(site) == before
    back = write(site, bring_back)
    assert state_of(site, created.subject_id or 0) == state
    with services_of(site.app.registry).database.read() as session:
        assert session.scalars(select(BinItem)).all() == []
    undo(site, back)
    assert names(site) == before


def test_a_movie_comes_back_with_the_distributor_of_the_same_name(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    created = new_movie(site, editor)
    undo(site, created)
    save(editor, movie_id, distributor="Új Kft.")  # made again
    write(site, bring_back)
    values = state_of(site, created.subject_id or 0).values
    assert values.distributor == "Új Kft."
    assert [each.name for each in values.cast] == ["Új Színész"]
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(Distributor.id)).filter_by(name="Új Kft.")) == 1


def test_a_refused_movie_leaves_its_names_in_the_bin(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    form = movie_form(editor, "new")
    form["title"], form["distributor"], form["imdb_id"] = "Új film", "Új Kft.", "tt1234567"
    press(form, status=303)
    undo(site, last_entry(site))
    save(editor, movie_id, imdb_id="tt1234567")

    def refused(session: Session) -> None:
        with pytest.raises(RestoreRefused):
            bring_back(session)

    write(site, refused)
    assert "Új Kft." not in names(site)


def stream(editor: TestApp, movie_id: int, service: str = "Néző+") -> None:
    save(editor, movie_id, premieres__0__kind="streaming", premieres__0__service=service)


def service_of(site: TestApp, movie_id: int) -> tuple[int | None, str]:
    with services_of(site.app.registry).database.read() as session:
        query = select(StreamingService.id, StreamingService.name).join(Premiere)
        row = session.execute(query.where(Premiere.movie_id == movie_id)).first()
        return (row.id, row.name) if row else (None, "")


def test_a_service_that_a_save_has_made_comes_and_goes_with_it(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    before = names(site)
    stream(editor, movie_id)
    made = service_of(site, movie_id)
    undone = undo(site, last_entry(site))
    assert names(site) == before
    again = undo(site, undone.entry)
    assert service_of(site, movie_id) == made
    undo(site, again.entry)
    assert names(site) == before


def test_a_service_stays_that_another_movie_uses_or_that_was_edited(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    other = make_movie(site, "Másik")
    stream(editor, movie_id)
    entry = last_entry(site)
    stream(editor, other)
    undone = undo(site, entry)
    assert "Néző+" in names(site)
    assert service_of(site, other)[1] == "Néző+"
    save(editor, other, premieres__0__kind="cinema", premieres__0__service="")
    number = write(site, lambda session: session.scalar(select(StreamingService.id)))
    page = editor.get(f"/manager/names/service/{number}")
    form = next(each for each in page.forms.values() if "website" in each.fields)
    form["website"] = "https://uj.example/"
    press(form, status=303)
    undo(site, undo(site, undone.entry).entry)
    assert "Néző+" in names(site)


@pytest.mark.parametrize("is_taken", [False, True])
@pytest.mark.parametrize("deleted", ["movie", "premiere"])
def test_a_removed_service_comes_back_with_what_refers_to_it(
    site: TestApp, editor: TestApp, movie_id: int, deleted: str, is_taken: bool
) -> None:
    """Or the one that has its name now takes its place."""
    other = make_movie(site, "Másik")
    stream(editor, movie_id)
    made, entry = service_of(site, movie_id), last_entry(site)
    stream(editor, other)
    if deleted == "movie":
        write(site, lambda session: Deleter(session, COMMAND, NOW).delete(BinKind.MOVIE, other))
    else:
        save(editor, other, premieres__0__remove="y")
        deletion = last_entry(site)
    undo(site, entry)
    assert "Néző+" not in names(site)
    if is_taken:
        stream(editor, movie_id, "néző+")
    back = write(site, bring_back) if deleted == "movie" else undo(site, deletion).entry
    number, name = service_of(site, other)
    assert name == ("néző+" if is_taken else "Néző+")
    assert (number == made[0]) is not is_taken
    if not is_taken:
        undo(site, back)
        assert "Néző+" not in names(site)


def test_a_removed_premiere_comes_back_on_the_service_that_its_own_was_merged_into(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    other = make_movie(site, "Másik")
    stream(editor, movie_id)
    stream(editor, other, "Új")
    (merged, _name), (kept, _name) = service_of(site, movie_id), service_of(site, other)
    save(editor, movie_id, premieres__0__remove="y")
    deletion = last_entry(site)

    def merge(session: Session) -> Any:
        return merge_names(session, NamedKind.SERVICE, merged or 0, kept or 0, COMMAND, NOW)

    assert write(site, merge) is not None
    editor.get(f"/manager/audit/{deletion.id}/undo", status=200)
    undo(site, deletion)
    assert service_of(site, movie_id) == (kept, "Új")
    assert "Néző+" not in names(site)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_removed_premiere_comes_back_without_a_service_that_left_no_trace(
    site: TestApp, editor: TestApp, movie_id: int, is_streamed: bool
) -> None:
    if is_streamed:
        stream(editor, movie_id)
    save(editor, movie_id, premieres__0__remove="y")
    deletion = last_entry(site)
    write(site, lambda session: session.execute(delete(StreamingService)))
    undo(site, deletion)
    assert service_of(site, movie_id) == (None, "")
    (premiere,) = movie_of(site, movie_id).premieres
    assert premiere.kind == ("streaming" if is_streamed else "cinema")


def distributor_of(site: TestApp, movie_id: int) -> str:
    return state_of(site, movie_id).values.distributor


def rename(site: TestApp, model: Any, name: str, new: str) -> None:
    def write_new(session: Session) -> None:
        session.scalars(select(model).where(model.name == name)).one().name = new

    write(site, write_new)


def merge_distributors(site: TestApp, merged: str, kept: str) -> None:
    def merge(session: Session) -> None:
        ids = {row.name: row.id for row in session.scalars(select(Distributor))}
        merge_names(session, NamedKind.DISTRIBUTOR, ids[merged], ids[kept], COMMAND, NOW)

    write(site, merge)


def test_distributors_that_were_renamed_since_are_followed(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """The former one and the one of the change: no distributor is made."""
    save(editor, movie_id, distributor="Másik Kft.")
    entry = last_entry(site)
    rename(site, Distributor, "Forgalmazó Kft.", "Forgalmazó Zrt.")
    rename(site, Distributor, "Másik Kft.", "Másik Zrt.")
    redo = undo(site, entry).entry
    assert distributor_of(site, movie_id) == "Forgalmazó Zrt."
    rename(site, Distributor, "Forgalmazó Zrt.", "Forgalmazó")
    undo(site, redo)
    assert distributor_of(site, movie_id) == "Másik Zrt."
    assert not {"Forgalmazó Kft.", "Forgalmazó Zrt.", "Másik Kft."} & names(site)


def test_another_distributor_that_has_the_former_name_is_not_the_former_one(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Másik Kft.")
    entry = last_entry(site)
    rename(site, Distributor, "Másik Kft.", "Harmadik Kft.")
    save(editor, movie_id, distributor="Másik Kft.")  # a new one
    with pytest.raises(UndoRefused) as refusal:
        undo(site, entry)
    assert [each.field for each in refusal.value.differences] == ["distributor"]


def test_distributor_that_was_merged_since_is_followed(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    save(editor, movie_id, distributor="Másik Kft.", runtime="95")
    entry = last_entry(site)
    save(editor, make_movie(site, "Harmadik"), distributor="Kft.")
    merge_distributors(site, "Forgalmazó Kft.", "Kft.")
    undo(site, entry)
    assert distributor_of(site, movie_id) == "Kft."
    assert "Forgalmazó Kft." not in names(site)


def test_change_that_would_change_nothing_is_not_taken_back(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """The former distributor was merged into the present one."""
    save(editor, movie_id, distributor="Másik Kft.")
    entry = last_entry(site)
    merge_distributors(site, "Forgalmazó Kft.", "Másik Kft.")
    with pytest.raises(UndoRefused, match="would change nothing"):
        undo(site, entry)
    assert distributor_of(site, movie_id) == "Másik Kft."


def test_distributor_of_an_entry_without_ids_is_found_by_its_name(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """Such as those of an older release; it is made again if it was renamed since."""
    save(editor, movie_id, distributor="Másik Kft.")
    entry = last_entry(site)

    def forget_ids(session: Session) -> None:
        names_only = {"before": "Forgalmazó Kft.", "after": "Másik Kft."}
        session.get_one(AuditEntry, entry.id).fields = {"distributor": names_only}

    write(site, forget_ids)
    rename(site, Distributor, "Forgalmazó Kft.", "Új Kft.")
    undo(site, entry)
    assert distributor_of(site, movie_id) == "Forgalmazó Kft."
    assert "Új Kft." in names(site)


def test_change_of_a_premiere_is_taken_back_after_its_service_was_renamed(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    stream(editor, movie_id)
    save(editor, movie_id, premieres__0__note="díszelőadás")
    entry = last_entry(site)
    rename(site, StreamingService, "Néző+", "NÉZŐ plusz")
    undo(site, entry)
    assert service_of(site, movie_id)[1] == "NÉZŐ plusz"
    assert "Néző+" not in names(site)
    (premiere,) = movie_of(site, movie_id).premieres
    assert premiere.note == ""


def test_origins_of_values_come_back_with_them(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    """An import writes the same fields after that as before the change."""

    def fetch(session: Session) -> None:
        movie = session.get_one(Movie, movie_id)
        session.add(FieldProvenance(movie_id=movie.id, field="runtime", source="tmdb"))

    write(site, fetch)
    before = state_of(site, movie_id).origins
    save(editor, movie_id, runtime="95", title="Másik cím")
    entry, after = last_entry(site), state_of(site, movie_id).origins
    assert {name: source for name, (source, _at) in after.items()} == {
        "runtime": "hand", "title": "hand",
    }  # fmt: skip
    redo = undo(site, entry).entry
    assert state_of(site, movie_id).origins == before
    undo(site, redo)
    assert state_of(site, movie_id).origins == after


def test_premieres_follow_a_service_that_is_renamed_at_the_same_moment(
    site: TestApp, editor: TestApp, movie_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another transaction renames it: only the first query finds it by the name."""
    other = make_movie(site, "Másik")
    stream(editor, movie_id)
    entry = last_entry(site)
    stream(editor, other)
    save(editor, other, premieres__0__remove="y")
    deletion = last_entry(site)
    undo(site, entry)
    stream(editor, movie_id, "néző+")
    answers: list[Any] = []

    def find(*arguments: Any) -> Any:
        answers.append(None if answers else named_or_slugged(*arguments))
        return answers[-1]

    monkeypatch.setattr("moziweb.manager.bin.removed_services.named_or_slugged", find)
    undo(site, deletion)
    assert service_of(site, other) == service_of(site, movie_id)
    assert service_of(site, other)[1] == "néző+"


def test_a_removed_service_comes_back_by_its_own_entry(
    site: TestApp, editor: TestApp, movie_id: int
) -> None:
    stream(editor, movie_id)
    made = service_of(site, movie_id)
    undo(site, last_entry(site))

    def removal(session: Session) -> AuditEntry:
        return session.scalars(
            select(AuditEntry).where(AuditEntry.action == "service.delete")
        ).one()

    entry = write(site, removal)
    undone = undo(site, entry)
    assert (undone.entry.action, undone.entry.subject_id) == ("service.restore", made[0])
    with pytest.raises(UndoRefused):
        undo(site, entry)


def test_poster_of_another_movie_with_the_id_of_a_deleted_one_stays(
    site: TestApp, movie_id: int
) -> None:
    """Before migration 0048, SQLite gave the id again."""

    def add(session: Session, movie: int, **values: Any) -> int:
        return factories.add_poster(session, session.get_one(Movie, movie), **values).id

    poster = write(site, lambda session: add(session, movie_id))
    points = {"before": [poster, 0.5, 0.5], "after": [poster, 0.25, 0.25]}

    def note_move(session: Session) -> None:
        movie, fields = session.get_one(Movie, movie_id), {FOCAL_POINT: points}
        record(session, COMMAND, "poster.focal", movie, NOW, fields=fields)

    write(site, note_move)
    moved = last_entry(site)
    write(site, lambda session: Deleter(session, COMMAND, NOW).delete(BinKind.POSTER, poster))
    deletion, other = last_entry(site), make_movie(site, "Másik")
    focal = {"focal_x": 0.25, "focal_y": 0.25}
    write(site, lambda session: add(session, other, id=poster, chosen=False, **focal))
    for entry in (moved, deletion):
        with pytest.raises(UndoRefused, match="is gone"):
            undo(site, entry)
    with services_of(site.app.registry).database.read() as session:
        source = session.get_one(PosterSource, poster)
        assert (source.chosen, source.choose_when_ready, source.focal_x) == (False, False, 0.25)
