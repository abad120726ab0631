"""Editing a film: its form, what saving will do, saving, and two editors at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.response import Response
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db import Database
from moziweb.db.types import MAX_ID, parse_id
from moziweb.i18n import _
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.site.formatting import Formatter

from ..audit.history import latest_entries
from ..audit.log import MOVIE, record
from ..audit.models import AuditEntry
from ..auth.sessions import require_user
from ..movies.affected_pages import AffectedPages, affected_pages, seconds_until_fresh
from ..movies.conflicts import Difference, Merge, is_touched, merge
from ..movies.form import (
    MORE_ROWS,
    Moves,
    MovieForm,
    check_moves,
    digests_of,
    digests_text,
    form_values,
    moves_of,
    safe_fields,
    sheet_from,
)
from ..movies.queries import FormChoices, form_choices, movie_with_relations
from ..movies.save import MovieWriter, lock_movie, new_movie, write
from ..movies.text import field_text
from ..movies.values import FIELDS, MovieValues, as_copy, values_of
from ..web import drafts
from ..web.layout import manager_view, movie_nav, page_frame
from ..web.params import NO_ID
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE, MovieResource
from ..web.template_filters import SOURCES, Marks

_ROOM: Final = "manager.movies"


@dataclass(slots=True)
class Desk:
    """A film on the desk: ``film`` is None for a new one, ``before`` what the database has."""

    request: Request
    session: Session
    movie: Movie | None
    before: MovieValues
    offer: FormChoices
    form: MovieForm
    more: int = 0
    effects: AffectedPages | None = None
    asked_effects: bool = False
    publishing: bool | None = None
    differences: tuple[Difference, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, session: Session, fields: Any = None) -> "Desk":
        """The film of a request, and its form: over ``fields``, or else as the film is."""
        movie = None
        if isinstance(request.context, MovieResource):
            movie = movie_with_relations(session, request.context.movie_id)
            if movie is None:
                raise HTTPNotFound
        before = values_of(movie) if movie else MovieValues()
        known = form_choices(session, request.locale_name)
        form = _form(request, movie, before) if fields is None else MovieForm(fields)
        form.offer_genres(known)
        return cls(request, session, movie, before, known, form)

    def is_valid(self) -> bool:
        """Whether the form can be saved; what is wrong stands at its fields."""
        valid = self.form.validate()
        # Over what somebody else has saved meanwhile, nothing says which of us moved what.
        moves = self._is_behind("premieres") or check_moves(self.form, self.before)
        return self._ids_are_free() and valid and moves

    def merge(self) -> Merge | None:
        """A valid form over what somebody else has saved meanwhile; None where nothing differs.

        A film that only went on the site, or a field that both have mended alike, is no matter of
        the form's.
        """
        if not any(map(self._is_behind, FIELDS)):
            return None
        found = merge(self._digests(), self.sheet(), self.before, self.offer.genres)
        return found if found.differences else None

    def sheet(self) -> MovieValues:
        """What a valid form says."""
        return sheet_from(self.form, self.before)

    def writing(self) -> MovieWriter:
        """The valid form, to be written."""
        now = self.request.registry["clock"]()
        sheet = self.sheet()
        movie = self.movie or new_movie(sheet.title, now)
        return MovieWriter(self.session, movie, sheet, moves_of(self.form), now)

    def rework(self, sheet: MovieValues, movie: Movie, moves: Moves) -> None:
        """Another form: of a sheet, over the film as it is now, with what was said of moves."""
        self.movie, self.before = movie, values_of(movie)
        self.form = _form(self.request, movie, self.before, sheet)
        self.form.offer_genres(self.offer)
        for row in self.form.premieres:
            number = row.form.id.data or 0
            row.form.reason.data = moves.reasons.get(number, "")
            row.form.is_slip.data = number in moves.slips

    def _is_behind(self, field: str) -> bool:
        """Whether a field of the film has changed since the form was made."""
        if self.movie is None or self.form.version.data == self.movie.version:
            return False
        return is_touched(self._digests(), field, self.before)

    def _digests(self) -> dict[str, str]:
        return digests_of(self.form.digests.data or "")

    def _ids_are_free(self) -> bool:
        """Whether no other film has the form's ids elsewhere."""
        wanted = {"imdb_id": self.form.imdb_id.data or None, "tmdb_id": self.form.tmdb_id.data}
        taken = [
            getattr(Movie, name) == value
            for name, value in wanted.items()
            if value is not None and not (isinstance(value, int) and value > MAX_ID)
        ]
        if not taken:
            return True
        own = self.movie.id if self.movie else 0
        others = self.session.execute(
            select(Movie.imdb_id, Movie.tmdb_id, Movie.title).where(or_(*taken), Movie.id != own)
        ).all()
        for other in others:
            for name, value in wanted.items():
                if value is not None and getattr(other, name) == value:
                    text = _("“${title}” has this id.", mapping={"title": other.title})
                    self.form[name].errors = [*self.form[name].errors, text]
        return not others


@manager_view("movie", permission=SEE, renderer="movie", request_method="GET")
def movie(request: Request) -> dict[str, Any]:
    """The form of a film, or what somebody had typed into it before their session ended."""
    desk = Desk.of(request, request.dbsession, _draft(request))
    return _page(desk)


@manager_view("new_movie", permission=EDIT, renderer="movie", request_method="GET")
def new(request: Request) -> dict[str, Any]:
    """The form of a new film; with ``?copy=42`` it begins as that film. Nothing is saved."""
    desk = Desk.of(request, request.dbsession, _draft(request))
    if copied := request.GET.get("copy"):
        original = movie_with_relations(request.dbsession, parse_id(copied) or NO_ID)
        if original is None:
            raise HTTPNotFound
        desk.form = _form(request, None, MovieValues(), as_copy(values_of(original)))
        desk.form.offer_genres(desk.offer)
    return _page(desk)


@manager_view("movie", permission=EDIT, renderer="movie", request_method="POST")
@manager_view("new_movie", permission=EDIT, renderer="movie", request_method="POST")
def send(request: Request) -> dict[str, Any] | Response:
    """Save, or look first: what ``do`` says, the name of the button."""
    action = request.POST.get("do", "save")
    if action not in _ACTIONS:
        raise HTTPBadRequest
    return _ACTIONS[action](request)


@manager_view("movie_effects", permission=EDIT, renderer="effects", request_method="POST")
def effects(request: Request) -> dict[str, Any]:
    """What saving would refresh, as a piece of the page, for the script that asks meanwhile."""
    desk = _rehearsed(request)
    return {"effects": desk.effects, "asked_effects": desk.asked_effects, "valid": not _wrong(desk)}


@manager_view("movie_publish", permission=EDIT, renderer="movie", request_method="POST")
def publish(request: Request) -> dict[str, Any] | Response:
    """Put the film on the site, or take it off; or look first at what that would refresh."""
    if request.POST.get("do") == "look":
        return _look(request)
    context: MovieResource = request.context
    session, now = request.dbsession, request.registry["clock"]()
    found = session.get(Movie, context.movie_id)
    wanted = {"publish": True, "unpublish": False}.get(str(request.POST.get("do")))
    if found is None:
        raise HTTPNotFound
    if wanted is None:
        raise HTTPBadRequest
    way = request.route_path("manager.movie", movie=found.id)
    if found.published == wanted:
        return SeeOther(way)
    found.published = wanted
    session.flush()
    action = "film.publish" if wanted else "film.unpublish"
    changes = [("published", _yes(not wanted), _yes(wanted))]
    entry = record(session, require_user(request).actor, action, found, now, changes)
    _note_pages(request, session, found, entry)
    return SeeOther(f"{way}?saved={entry.id}")


def _look(request: Request) -> dict[str, Any]:
    """The film as it is, with what its button would do: done in a transaction thrown away."""
    with _database(request).rehearse() as session:
        desk = Desk.of(request, session)
        movie = desk.movie
        assert movie is not None  # noqa: S101 - the route names one that is there
        desk.publishing = movie.published = not movie.published
        session.flush()
        desk.effects = affected_pages(request.registry, session, movie.id, movie.slug)
        session.rollback()
        desk.movie = movie_with_relations(session, movie.id)
        desk.extra = _beside(desk)
    return _page(desk)


def _save(request: Request) -> dict[str, Any] | Response:
    if isinstance(request.context, MovieResource):
        lock_movie(request.dbsession, request.context.movie_id)
    desk = Desk.of(request, request.dbsession, safe_fields(request.POST))
    if not desk.is_valid():
        request.response.status_int = 400
        return _page(desk)
    if desk.movie and (found := desk.merge()):
        return _clash(desk, desk.movie, found)
    writing = desk.writing()
    before, is_new = desk.before, desk.movie is None
    changed = write(writing)
    drafts.drop(desk.session, require_user(request).user_id, request.path)
    way = request.route_path("manager.movie", movie=writing.movie.id)
    if not changed:
        return SeeOther(way)
    names = desk.offer.genres
    entry = record(
        desk.session,
        require_user(request).actor,
        "film.create" if is_new else "film.edit",
        writing.movie,
        writing.now,
        [
            (name, field_text(before, name, names), field_text(writing.sheet, name, names))
            for name in changed
        ],
    )
    _note_pages(request, desk.session, writing.movie, entry)
    return SeeOther(f"{way}?saved={entry.id}")


def _preview(request: Request) -> dict[str, Any]:
    desk = _rehearsed(request)
    if _wrong(desk):
        request.response.status_int = 400
    return _page(desk)


def _more(request: Request) -> dict[str, Any]:
    with _database(request).read() as session:
        desk = Desk.of(request, session, safe_fields(request.POST))
        desk.more = MORE_ROWS
        return _page(desk)


_ACTIONS: Final[dict[str, Callable[[Request], dict[str, Any] | Response]]] = {
    "save": _save,
    "preview": _preview,
    "more": _more,
}


def _rehearsed(request: Request) -> Desk:
    """The form, and what saving it would refresh: written in a transaction that is thrown away."""
    with _database(request).rehearse() as session:
        desk = Desk.of(request, session, safe_fields(request.POST))
        if desk.is_valid():
            writing = desk.writing()
            write(writing)
            found = writing.movie
            desk.effects = affected_pages(request.registry, session, found.id, found.slug)
            desk.asked_effects = True
        session.rollback()
        desk.movie = movie_with_relations(session, desk.movie.id) if desk.movie else None
        desk.extra = _beside(desk)
    return desk


def _clash(desk: Desk, movie: Movie, found: Merge) -> dict[str, Any]:
    """409: somebody else has saved meanwhile. Both are shown, nothing is overwritten."""
    desk.rework(found.sheet, movie, moves_of(desk.form))
    desk.differences = found.differences
    desk.request.response.status_int = 409
    return _page(desk)


def _note_pages(request: Request, session: Session, movie: Movie, entry: AuditEntry) -> None:
    """Keep with the entry which pages it refreshes, and sign the outbox's row with its id."""
    session.flush()
    found = affected_pages(request.registry, session, movie.id, movie.slug)
    entry.pages = list(found.pages) if found else []
    session.info[REASON] = _reason(entry)


def _reason(entry: AuditEntry) -> str:
    return f"manager: {entry.action} #{entry.id}"


def _form(
    request: Request, movie: Movie | None, before: MovieValues, shown: MovieValues | None = None
) -> Any:
    """The form that shows a sheet, over the film as it is."""
    form = MovieForm(**form_values(shown or before))
    form.version.data = movie.version if movie else None
    form.digests.data = digests_text(before) if movie else ""
    return form


def _page(desk: Desk) -> dict[str, Any]:
    request, form = desk.request, desk.form
    form.add_blank_rows(desk.more)
    title = desk.movie.title if desk.movie else _("New film")
    return {
        "page": page_frame(request, title, _ROOM, at=_address_of(desk)),
        "form": form,
        "movie": desk.movie,
        "offer": desk.offer,
        "action": _address_of(desk),
        "publishing": desk.publishing,
        "effects": desk.effects,
        "asked_effects": desk.asked_effects,
        "differences": desk.differences,
        "date_text": Formatter(request.locale_name, request.localizer.translate).date_text,
        "wrong": _wrong(desk),
        **(desk.extra or _beside(desk)),
    }


def _address_of(desk: Desk) -> str:
    """Where the form is sent to."""
    if desk.movie is None:
        return desk.request.route_path("manager.new_movie")
    return desk.request.route_path("manager.movie", movie=desk.movie.id)


def _beside(desk: Desk) -> dict[str, Any]:
    """What stands beside the form: where values are from, what was done, what was just saved."""
    if desk.movie is None:
        return {
            "marks_of": Marks({}), "entries": (), "saved": None, "seconds": None, "changes": {},
            "movie_rooms": (),
        }  # fmt: skip
    entries = latest_entries(desk.session, subjects=(MOVIE,), subject_id=desk.movie.id, limit=5)
    wanted = desk.request.GET.get("saved", "")
    saved = next((each for each in entries if str(each.id) == wanted), None)
    return {
        "marks_of": Marks(_sources(desk)),
        "movie_rooms": movie_nav(desk.request, desk.movie.id, "manager.movie"),
        "entries": entries,
        "saved": saved,
        "seconds": seconds_until_fresh(desk.session, _reason(saved)) if saved else None,
        "changes": {premiere.id: premiere.changes for premiere in desk.movie.premieres},
    }


def _sources(desk: Desk) -> dict[str, tuple[str, str]]:
    say, rows = desk.request.localizer.translate, desk.movie.provenance if desk.movie else ()
    return {row.field: (row.source, say(SOURCES.get(row.source, row.source))) for row in rows}


def _wrong(desk: Desk) -> bool:
    return any(desk.form.errors.values()) or any(row.form.errors for row in desk.form.premieres)


def _draft(request: Request) -> Any:
    number = request.GET.get("draft", "")
    if not number:
        return None
    found = drafts.find(request.dbsession, require_user(request).user_id, request.path, number)
    return None if found is None else safe_fields(found)


def _database(request: Request) -> Database:
    database: Database = request.registry["database"]
    return database


def _yes(value: bool) -> str:
    return "✓" if value else "–"
