"""A film's posters: its sources as they stand, one chosen, and the ways to add another."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.i18n import TranslationString
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.i18n import _
from moziweb.movies.models import Movie
from moziweb.posters.cache_tags import source_tag, variant_tag
from moziweb.posters.editorial import PosterEditor, SourceView, UnknownSource
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.due import ON_DEMAND_KINDS
from moziweb.posters.generation.error_codes import MEANINGS
from moziweb.posters.generation.upload_store import MAX_URL_LENGTH, StoredUpload
from moziweb.posters.models import PosterSource, SourceState
from moziweb.posters.recipes import RECIPES
from moziweb.request import Request

from ..audit.log import Change, record
from ..auth.sessions import require_user
from ..movies.affected_pages import AffectedPages, affected_pages
from ..posters import PREVIEWS, unsaved
from ..posters.form_data import UNFIT, Unacceptable, focal_of, in_words, size_limit
from ..posters.unsaved import MAX_NAME, Unsaved
from ..web.layout import close_body_at_last, manager_view, movie_nav, page_frame
from ..web.params import id_params, text_param
from ..web.redirects import SeeOther
from ..web.resources import EDIT, SEE, MovieResource

ROOM: Final = "manager.movie_posters"

_AT_WORK: Final = (SourceState.PENDING, SourceState.GENERATING)


@manager_view("movie_posters", permission=SEE, renderer="posters", request_method="GET")
def posters(request: Request) -> dict[str, Any]:
    """The film's sources, the chosen one first. Four queries."""
    return _page(request)


@manager_view("movie_posters", permission=EDIT, renderer="posters", request_method="POST")
def act(request: Request) -> dict[str, Any] | Response:
    """What ``do`` says; what cannot be done is told on the same page."""
    action = _ACTIONS.get(text_param(request.POST, "do"))
    close_body_at_last(request)
    if action is None:
        raise HTTPBadRequest
    try:
        return action(request)
    except Unacceptable as error:
        request.response.status_int = 422
        return _page(request, problem=in_language(request, error.texts))


def desk_of(request: Request) -> PosterEditor:
    """The one door to poster sources."""
    desk: PosterEditor = request.registry["poster_desk"]
    return desk


def movie_of(request: Request, session: Session) -> Movie:
    """The film of the address; ``HTTPNotFound``."""
    context: MovieResource = request.context
    found = session.get(Movie, context.movie_id)
    if found is None:
        raise HTTPNotFound
    return found


def in_language(request: Request, texts: Iterable[TranslationString]) -> str:
    """The texts one after the other, in the page's language."""
    return " ".join(request.localizer.translate(text) for text in texts)


def most_bytes(request: Request) -> int:
    """How large a file may be."""
    limit: int = request.registry["posters"].limits.bytes
    return limit


def note(
    request: Request,
    movie: Movie,
    action: str,
    changes: Iterable[Change] = (),
    later: AffectedPages | None = None,
) -> None:
    """Record it with the pages that it refreshes, and sign the outbox's row with the entry's id.

    Those are this transaction's, and what will be refreshed ``later``, once its pictures are ready.
    """
    session, now = request.dbsession, request.registry["clock"]()
    entry = record(session, require_user(request).actor, action, movie, now, changes)
    session.flush()
    at_once = affected_pages(request.registry, session, movie.id, movie.slug)
    found = (each.pages for each in (later, at_once) if each)
    entry.pages = list(dict.fromkeys(chain.from_iterable(found)))
    session.info[REASON] = f"manager: {action} #{entry.id}"


def effects_of_choosing(
    request: Request, make: Callable[[Session, Movie], PosterSource]
) -> AffectedPages | None:
    """What will be refreshed once the source that ``make`` gives is the poster: rehearsed."""
    with request.registry["database"].rehearse() as session:
        movie = movie_of(request, session)
        source = make(session, movie)
        # As it will be when its variants are there: till then the old poster is shown.
        source.state = SourceState.READY
        session.add(source)
        session.flush()
        desk_of(request).choose(session, source.id)
        found = affected_pages(request.registry, session, movie.id, movie.slug)
        session.rollback()
        return found


def effects_of_making(request: Request, source_ids: Iterable[int]) -> AffectedPages | None:
    """What will be refreshed once the pictures of these sources are made anew."""
    later = [
        tag
        for each in source_ids
        for tag in (source_tag(each), *(variant_tag(each, recipe.name) for recipe in RECIPES))
    ]
    with request.registry["database"].read() as session:
        movie = movie_of(request, session)
        return affected_pages(request.registry, session, movie.id, movie.slug, later=later)


def here(request: Request, done: str = "") -> Response:
    """To the film's posters, saying what was done."""
    query = {"done": done} if done else {}
    way = request.route_path(ROOM, movie=request.context.movie_id, _query=query)
    return SeeOther(way)


def _upload(request: Request) -> Response:
    sent: Any = request.POST.get("file")
    if not hasattr(sent, "file"):
        raise Unacceptable(_("Choose a file first."))
    with sent.file as file:
        data = file.read(most_bytes(request) + 1)
    return _looked_at(request, lambda: desk_of(request).store(data), name=str(sent.filename))


def _url(request: Request) -> Response:
    url = text_param(request.POST, "url")
    if not url or len(url) > MAX_URL_LENGTH:
        bad = MEANINGS[FetchCode.BAD_URL]
        raise Unacceptable(bad.wrong, bad.remedy)
    return _looked_at(request, lambda: desk_of(request).fetch(url), url=url)


def _looked_at(
    request: Request, store: Callable[[], StoredUpload], *, name: str = "", url: str = ""
) -> Response:
    """Keep a picture and make its variants once: what cannot be made is told at once.

    All of that is before the request's transaction begins.
    """
    with request.registry["database"].read() as session:
        movie_id = movie_of(request, session).id
    upload = _had(request, store)
    picture = Unsaved(upload, url, name[:MAX_NAME])
    now, user_id = request.registry["clock"](), require_user(request).user_id
    with request.registry["database"].write() as session:
        desk_of(request).remember(session, upload, now)
    _had(request, lambda: request.registry[PREVIEWS].of(picture.upload.key, picture.focal))
    number = unsaved.keep(request.dbsession, user_id, movie_id, picture, now)
    way = request.route_path("manager.movie_unsaved_poster", movie=movie_id, unsaved=number)
    return SeeOther(way)


def _had(request: Request, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except UNFIT as error:
        raise in_words(error, most_bytes(request)) from error


def _choose(request: Request) -> Response:
    effects = effects_of_choosing(request, _chosen(request))
    source = _source(request)
    before = [_named(each) for each in _described(request) if each.chosen]
    desk_of(request).choose(request.dbsession, source.id)
    change = ("poster", "".join(before), _named(source))
    note(request, movie_of(request, request.dbsession), "poster.choose", [change], effects)
    return here(request, "poster-chosen")


def _effects(request: Request) -> dict[str, Any]:
    effects = effects_of_choosing(request, _chosen(request))
    (asked,) = id_params(request.POST, "source")[:1]
    return _page(request, effects=effects, asked=asked)


def _chosen(request: Request) -> Callable[[Session, Movie], PosterSource]:
    """Finds the source that a form names in the session of a rehearsal."""

    def found(session: Session, _movie: Movie) -> PosterSource:
        return session.get_one(PosterSource, _source(request, session).id)

    return found


def _focus(request: Request) -> Response:
    focal = focal_of(request.POST)
    if focal is None:
        raise Unacceptable(_("Click the picture, or type two numbers."))
    with request.registry["database"].read() as session:
        source = _source(request, session)
    if focal != source.focal_point:
        effects = effects_of_making(request, [source.id])
        desk_of(request).set_focal_point(request.dbsession, source.id, *focal)
        change = ("focal_point", focal_text(source.focal_point), focal_text(focal))
        note(request, movie_of(request, request.dbsession), "poster.focus", [change], effects)
    return here(request, "poster-focus")


def _again(request: Request) -> Response:
    """Make the ticked ones anew, or all of the film's."""
    with request.registry["database"].read() as session:
        described = desk_of(request).describe(session, request.context.movie_id)
    views = {view.id: view for view in described}
    if request.POST.get("do") == "all-again":
        wanted = list(views)
    else:
        wanted = id_params(request.POST, "source")
        if not wanted:
            raise Unacceptable(_("Tick a picture first."))
    if not set(wanted) <= set(views):
        raise HTTPNotFound
    effects = effects_of_making(request, wanted)
    movie = movie_of(request, request.dbsession)
    desk_of(request).regenerate(request.dbsession, wanted)
    changes = [("poster", "", _named(views[n])) for n in wanted]
    note(request, movie, "poster.regenerate", changes, effects)
    return here(request, "poster-again")


_ACTIONS: Final[dict[str, Callable[[Request], dict[str, Any] | Response]]] = {
    "upload": _upload,
    "url": _url,
    "choose": _choose,
    "effects": _effects,
    "focus": _focus,
    "again": _again,
    "all-again": _again,
}


def focal_text(focal: tuple[float, float]) -> str:
    """``50 %, 30 %``: from the left, from the top."""
    return f"{focal[0]:.0%}, {focal[1]:.0%}"


def _named(source: SourceView) -> str:
    return f"#{source.id} {source.url or ''}".strip()


def _described(request: Request) -> list[SourceView]:
    return desk_of(request).describe(request.dbsession, request.context.movie_id)


def _source(request: Request, session: Session | None = None) -> SourceView:
    """The one that a form names, if it is this film's; ``HTTPNotFound``."""
    ids = id_params(request.POST, "source")
    try:
        view = desk_of(request).describe_one(session or request.dbsession, ids[0])
    except (UnknownSource, IndexError):
        raise HTTPNotFound from None
    if view.movie_id != request.context.movie_id:
        raise HTTPNotFound
    return view


def _page(
    request: Request, *, problem: str = "", effects: AffectedPages | None = None, asked: int = 0
) -> dict[str, Any]:
    movie = movie_of(request, request.dbsession)
    sources = _described(request)
    user_id = require_user(request).user_id
    return {
        "page": page_frame(request, movie.title, "manager.movies"),
        "movie": movie,
        "movie_rooms": movie_nav(request, movie.id, ROOM),
        "sources": sources,
        "unsaved": unsaved.all_of(
            request.dbsession, user_id, movie.id, request.registry["clock"]()
        ),
        "problem": problem,
        "effects": effects,
        "asked": asked,
        "sent_url": text_param(request.POST, "url") if request.method == "POST" else "",
        "most_bytes": most_bytes(request),
        "limit": request.localizer.translate(size_limit(most_bytes(request))),
        "recipes": RECIPES,
        "at_work": any(
            each.state in _AT_WORK and each.kind not in ON_DEMAND_KINDS for each in sources
        ),
    }
