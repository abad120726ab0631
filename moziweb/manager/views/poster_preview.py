"""An unsaved poster: its variants, focal point and affected pages."""

from collections.abc import Mapping
from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.posters.recipes import SMALL, SQUARE
from moziweb.request import Request

from ..auth.sessions import require_user
from ..movies.affected_pages import AffectedPages
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_movie
from ..posters import unsaved
from ..posters.form_data import PICTURE_ERRORS, explained, focal_of
from ..posters.preview_cache import Variants
from ..posters.unsaved import UnsavedPoster
from ..posters.warnings import picture_warnings
from ..web.layout import manager_view, movie_nav, page_frame
from ..web.params import or_404
from ..web.redirects import SeeOther
from ..web.resources import EDIT
from .movie_posters import (
    ROUTE,
    Action,
    affected_by_choosing,
    focal_text,
    joined_texts,
    most_bytes,
    movie_of,
    record_change,
    redirect_back,
    run_action,
)


@manager_view("movie_unsaved_poster", permission=EDIT, renderer="poster_preview", method="GET")
def unsaved_poster(request: Request) -> dict[str, Any]:
    """The variants, and the pages that saving affects."""
    return _page(request)


@manager_view("movie_unsaved_poster", permission=EDIT, renderer="poster_preview", method="POST")
def change_preview(request: Request) -> dict[str, Any] | Response:
    """Saves or discards the picture, or sets its focal point."""
    return run_action(request, _ACTIONS, _page)


@manager_view("movie_poster_preview", permission=EDIT, method="GET")
def preview(request: Request) -> Response:
    """One of its variants. The uploaded bytes are never served."""
    wanted = request.matchdict["variant"]
    with request.services.database.read() as session:
        picture = _picture(request, session)
    try:
        variants = _variants(request, picture)
    except PICTURE_ERRORS:
        raise HTTPNotFound from None
    for each in variants:
        if wanted == f"{each.recipe.name}.{each.recipe.format}":
            response = Response(each.data, content_type=each.mime)
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response
    raise HTTPNotFound


def _save(request: Request) -> Response:
    choose = request.POST.get("do") == "save"
    affected = _affected(request) if choose else None
    session, editor = request.dbsession, request.services.poster_editor
    lock_movie(session, request.context.movie_id)
    movie, picture = movie_of(request, session), _picture(request, session)
    if not unsaved.drop(session, picture):
        raise HTTPNotFound
    stored = AuditedMovies(session, [movie.id])
    if picture.url:
        source = editor.add_url(
            session, movie, picture.url, previewed=picture.upload, choose=choose
        )
    else:
        source = editor.add_upload(
            session, movie.id, picture.upload, choose=choose, file_name=picture.name
        )
    editor.set_focal_point(session, source.id, *picture.focal)
    changes = [
        ("poster", "", f"#{source.id} {picture.title}"),
        ("focal_point", "", focal_text(picture.focal)),
    ]
    record_change(request, movie, "poster.add", changes, affected, stored.fields())
    return redirect_back(request, "poster-added")


def _discard(request: Request) -> Response:
    movie_of(request, request.dbsession)
    unsaved.drop(request.dbsession, _picture(request, request.dbsession))
    return redirect_back(request, "poster-discarded")


def _focus(request: Request) -> Response:
    focal = focal_of(request.POST)
    session = request.dbsession
    unsaved.focus(session, _picture(request, session), focal)
    return SeeOther(request.path)


_ACTIONS: Final[Mapping[str, Action]] = {
    "save": _save,
    "add": _save,
    "discard": _discard,
    "focus": _focus,
}


def _picture(request: Request, session: Session) -> UnsavedPoster:
    """The user's own picture of this movie. Raises ``HTTPNotFound``."""
    user_id, number = require_user(request).user_id, request.matchdict["unsaved"]
    now = request.services.clock()
    return or_404(unsaved.find(session, user_id, request.context.movie_id, number, now))


def _variants(request: Request, picture: UnsavedPoster) -> Variants:
    return request.services.poster_previews.of(picture.upload.key, picture.focal)


def _page(request: Request, problem: str = "") -> dict[str, Any]:
    # Decode and compute the affected pages before the request's own transaction begins.
    with request.services.database.read() as session:
        movie, picture = movie_of(request, session), _picture(request, session)
    variants: Variants = ()
    try:
        variants = _variants(request, picture)
    except PICTURE_ERRORS as error:
        problem = joined_texts(request, explained(error, most_bytes(request)).texts)

    return {
        "page": page_frame(request, _("Before saving the poster"), "manager.movies"),
        "movie": movie,
        "movie_tabs": movie_nav(request, movie.id, ROUTE),
        "picture": picture,
        "variants": variants,
        "spot": _named(variants, SMALL),
        "square": _named(variants, SQUARE),
        "affected": _affected(request),
        "problem": problem,
        "warnings": picture_warnings(picture.upload.width, picture.upload.height),
    }


def _affected(request: Request) -> AffectedPages | None:
    """The pages that saving it as the poster affects."""

    def source(session: Session, movie: Movie) -> PosterSource:
        picture = _picture(request, session)
        if picture.url:
            return PosterSource(kind=SourceKind.URL, movie_id=movie.id, url=picture.url)
        return PosterSource(kind=SourceKind.UPLOAD, movie_id=movie.id, key=picture.upload.key)

    return affected_by_choosing(request, source)


def _named(variants: Variants, name: str) -> Any:
    return next((each for each in variants if each.recipe.name == name), None)
