"""A movie's posters: sources, the chosen one, and adding another."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final, TypeAlias

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.i18n import _
from moziweb.movies.models import Movie
from moziweb.posters.cache_tags import source_tag, variant_tag
from moziweb.posters.editorial import SourceView, UnknownSource
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import ERROR_MEANINGS
from moziweb.posters.generation.upload_store import (
    MAX_FILE_NAME_LENGTH,
    MAX_SOURCE_URL_LENGTH,
    StoredUpload,
)
from moziweb.posters.models import ON_DEMAND_KINDS, PosterSource, SourceState
from moziweb.posters.recipes import RECIPES, Point
from moziweb.request import Request

from ..audit.log import Change, record
from ..auth.sessions import require_user
from ..movies.affected_pages import AffectedPages, affected_pages
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_movie
from ..posters import unsaved
from ..posters.form_data import PICTURE_ERRORS, explained, focal_of, size_limit
from ..posters.unsaved import UnsavedPoster
from ..posters.warnings import picture_warnings
from ..undo.reversal import FOCAL_POINT
from ..web.forms import UserError
from ..web.layout import manager_view, movie_nav, page_frame
from ..web.params import id_params, or_404, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE, MovieResource

Action: TypeAlias = Callable[[Request], dict[str, Any] | Response]

ROUTE: Final = "manager.movie_posters"

_AT_WORK: Final = (SourceState.PENDING, SourceState.GENERATING)


@manager_view("movie_posters", permission=SEE, renderer="movie_posters", method="GET")
def posters(request: Request) -> dict[str, Any]:
    """The movie's sources, the chosen one first. Four queries."""
    return _page(request)


@manager_view("movie_posters", permission=EDIT, renderer="movie_posters", method="POST")
def change_posters(request: Request) -> dict[str, Any] | Response:
    """Adds, chooses or regenerates posters."""
    return run_action(request, _ACTIONS, _page)


def run_action(
    request: Request, actions: Mapping[str, Action], page: Callable[..., dict[str, Any]]
) -> dict[str, Any] | Response:
    """Runs the action ``do``; shows an error on the same page."""
    action = actions.get(text_param(request.POST, "do"))
    if action is None:
        raise HTTPBadRequest
    try:
        return action(request)
    except UserError as error:
        request.response.status_int = 422
        return page(request, problem=joined_texts(request, error.texts))


def movie_of(request: Request, session: Session) -> Movie:
    """Returns the movie of the request. Raises ``HTTPNotFound``."""
    context: MovieResource = request.context
    return or_404(session.get(Movie, context.movie_id))


def joined_texts(request: Request, texts: Iterable[TranslationString]) -> str:
    """Translates and joins texts."""
    return " ".join(request.localizer.translate(text) for text in texts)


def most_bytes(request: Request) -> int:
    """Returns the size limit of files."""
    return request.services.posters.limits.bytes


def record_change(
    request: Request,
    movie: Movie,
    action: str,
    changes: Iterable[Change] = (),
    later: AffectedPages | None = None,
    fields: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Adds an audit entry with the affected pages; its id is the outbox row's reason.

    Affected pages are those of this transaction, and those of ``later``, which are invalidated once
    the variants are ready.
    """
    session, now = request.dbsession, request.services.clock()
    by = require_user(request).actor
    entry = record(session, by, action, movie, now, changes, fields=fields)
    session.flush()
    now_affected = affected_pages(request.registry, session, movie.id, movie.slug)
    found = (each.pages for each in (later, now_affected) if each)
    entry.pages = list(dict.fromkeys(chain.from_iterable(found)))
    session.info[REASON] = f"manager: {action} #{entry.id}"


def affected_by_choosing(
    request: Request, make: Callable[[Session, Movie], PosterSource]
) -> AffectedPages | None:
    """Returns the pages affected once the source from ``make`` is the poster; rolls back."""
    with request.services.database.rollback_session() as session:
        movie = movie_of(request, session)
        source = make(session, movie)
        # The state once its variants are ready; until then the old poster is shown.
        source.state = SourceState.READY
        session.add(source)
        session.flush()
        request.services.poster_editor.choose(session, source.id)
        found = affected_pages(request.registry, session, movie.id, movie.slug)
        session.rollback()
        return found


def affected_by_making(request: Request, source_ids: Iterable[int]) -> AffectedPages | None:
    """Returns the pages affected once the variants of these sources are made again."""
    later = [
        tag
        for each in source_ids
        for tag in (source_tag(each), *(variant_tag(each, recipe.name) for recipe in RECIPES))
    ]
    with request.services.database.read() as session:
        movie = movie_of(request, session)
        return affected_pages(request.registry, session, movie.id, movie.slug, later=later)


def redirect_back(request: Request, done: str) -> Response:
    """Redirects to the movie's posters with a notice."""
    movie_id = request.context.movie_id
    return SeeOther(request.route_path(ROUTE, movie=movie_id, _query={"done": done}))


def _upload(request: Request) -> Response:
    sent: Any = request.POST.get("file")
    if not hasattr(sent, "file"):
        raise UserError(_("Choose a file first."))
    with sent.file as file:
        data = file.read(most_bytes(request) + 1)
    return _add_unsaved(
        request, lambda: request.services.poster_editor.store(data), name=sent.filename
    )


def _url(request: Request) -> Response:
    url = text_param(request.POST, "url")
    if not url or len(url) > MAX_SOURCE_URL_LENGTH:
        bad = ERROR_MEANINGS[FetchCode.BAD_URL]
        raise UserError(bad.wrong, bad.remedy)
    return _add_unsaved(request, lambda: request.services.poster_editor.fetch(url), url=url)


def _add_unsaved(
    request: Request, store: Callable[[], StoredUpload], *, name: str = "", url: str = ""
) -> Response:
    """Stores a picture and makes its variants once, so that errors are shown at once.

    All of that happens before the request's own transaction.
    """
    with request.services.database.read() as session:
        movie_id = movie_of(request, session).id
    upload = _checked(request, store)
    picture = UnsavedPoster(upload, url, name[:MAX_FILE_NAME_LENGTH])
    now, user_id = request.services.clock(), require_user(request).user_id
    with request.services.database.write() as session:
        request.services.poster_editor.remember(session, upload, now)
    _checked(
        request, lambda: request.services.poster_previews.of(picture.upload.key, picture.focal)
    )
    number = unsaved.keep(request.dbsession, user_id, movie_id, picture, now)
    path = request.route_path("manager.movie_unsaved_poster", movie=movie_id, unsaved=number)
    return SeeOther(path)


def _checked(request: Request, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except PICTURE_ERRORS as error:
        raise explained(error, most_bytes(request)) from error


def _choose(request: Request) -> Response:
    affected = affected_by_choosing(request, _chosen(request))
    lock_movie(request.dbsession, request.context.movie_id)
    source = _source(request)
    before = [_named(each) for each in _described(request) if each.chosen]
    stored = AuditedMovies(request.dbsession, [request.context.movie_id])
    request.services.poster_editor.choose(request.dbsession, source.id)
    change = ("poster", "".join(before), _named(source))
    record_change(
        request, movie_of(request, request.dbsession), "poster.choose", [change], affected,
        stored.fields(),
    )  # fmt: skip
    return redirect_back(request, "poster-chosen")


def _preview_choice(request: Request) -> dict[str, Any]:
    affected = affected_by_choosing(request, _chosen(request))
    (asked,) = id_params(request.POST, "source")[:1]
    return _page(request, affected=affected, asked=asked)


def _chosen(request: Request) -> Callable[[Session, Movie], PosterSource]:
    """Returns a function that loads the form's source in a given session."""

    def found(session: Session, _movie: Movie) -> PosterSource:
        return session.get_one(PosterSource, _source(request, session).id)

    return found


def _focus(request: Request) -> Response:
    focal = focal_of(request.POST)
    with request.services.database.read() as session:
        source_id = _source(request, session).id
    affected = affected_by_making(request, [source_id])
    lock_movie(request.dbsession, request.context.movie_id)
    source = _source(request)
    if focal != source.focal_point:
        request.services.poster_editor.set_focal_point(request.dbsession, source.id, *focal)
        change = ("focal_point", focal_text(source.focal_point), focal_text(focal))
        record_change(
            request, movie_of(request, request.dbsession), "poster.focus", [change], affected,
            focal_fields(source.id, source.focal_point, focal),
        )  # fmt: skip
    return redirect_back(request, "poster-focus")


def _regenerate(request: Request) -> Response:
    """Makes variants again, of the ticked sources or of all."""
    with request.services.database.read() as session:
        described = request.services.poster_editor.describe(session, request.context.movie_id)
    views = {view.id: view for view in described}
    if request.POST.get("do") == "all-again":
        wanted = list(views)
    else:
        wanted = id_params(request.POST, "source")
        if not wanted:
            raise UserError(_("Tick a picture first."))
    if not set(wanted) <= set(views):
        raise HTTPNotFound
    affected = affected_by_making(request, wanted)
    movie = movie_of(request, request.dbsession)
    request.services.poster_editor.regenerate(request.dbsession, wanted)
    changes = [("poster", "", _named(views[n])) for n in wanted]
    record_change(request, movie, "poster.regenerate", changes, affected)
    return redirect_back(request, "poster-again")


_ACTIONS: Final[Mapping[str, Action]] = {
    "upload": _upload,
    "url": _url,
    "choose": _choose,
    "effects": _preview_choice,
    "focus": _focus,
    "again": _regenerate,
    "all-again": _regenerate,
}


def focal_fields(source_id: int, before: Point, after: Point) -> dict[str, dict[str, Any]]:
    """The values of an entry about a focal point, from which it can be taken back."""
    return {FOCAL_POINT: {"before": [source_id, *before], "after": [source_id, *after]}}


def focal_text(focal: tuple[float, float]) -> str:
    """``50 %, 30 %``: from the left, from the top."""
    return f"{focal[0]:.0%}, {focal[1]:.0%}"


def _named(source: SourceView) -> str:
    return f"#{source.id} {source.url or ''}".strip()


def _described(request: Request) -> list[SourceView]:
    return request.services.poster_editor.describe(request.dbsession, request.context.movie_id)


def _source(request: Request, session: Session | None = None) -> SourceView:
    """The source that the form names, if it is this movie's. Raises ``HTTPNotFound``."""
    session, movie_id = session or request.dbsession, request.context.movie_id
    ids = id_params(request.POST, "source")
    try:
        return request.services.poster_editor.describe_one(session, movie_id, ids[0])
    except (UnknownSource, IndexError):
        raise HTTPNotFound from None


def _page(
    request: Request, *, problem: str = "", affected: AffectedPages | None = None, asked: int = 0
) -> dict[str, Any]:
    movie = movie_of(request, request.dbsession)
    sources = _described(request)
    user_id = require_user(request).user_id
    return {
        "page": page_frame(request, movie.title, "manager.movies"),
        "movie": movie,
        "movie_tabs": movie_nav(request, movie.id, ROUTE),
        "sources": sources,
        "unsaved": unsaved.all_of(request.dbsession, user_id, movie.id, request.services.clock()),
        "problem": problem,
        "affected": affected,
        "asked": asked,
        "sent_url": text_param(request.POST, "url") if request.method == "POST" else "",
        "most_bytes": most_bytes(request),
        "limit": request.localizer.translate(size_limit(most_bytes(request))),
        "recipes": RECIPES,
        "picture_warnings": picture_warnings,
        "at_work": any(
            each.state in _AT_WORK and each.kind not in ON_DEMAND_KINDS for each in sources
        ),
    }
