"""What every page of the manager has around it: the rooms, who is signed in, what has been done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pyramid.csrf import get_csrf_token
from pyramid.i18n import TranslationString
from pyramid.view import view_config

from moziweb.i18n import LOCALES, _, locale_prefix
from moziweb.request import Request
from moziweb.site.presenters.page_head import LANGUAGE_NAMES
from moziweb.site.view_models import Link

from ..auth.sessions import signed_in
from .navigation import MOVIE_NAV, NAV
from .resources import ManagerRoot

NOTICES: Final = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed, and you are signed out everywhere else."),
    "duplicated": _("This is a copy. It is not saved yet."),
    "published": _("The film is on the site."),
    "unpublished": _("The film is no longer on the site."),
    "poster-added": _("The poster is saved. Its pictures are being made."),
    "poster-discarded": _("The picture is thrown away."),
    "poster-chosen": _("This will be the film's poster as soon as its pictures are ready."),
    "poster-focus": _("The focal point is saved."),
    "poster-again": _("The pictures are being made anew; the old ones are shown till then."),
    "posters-retried": _("What failed is being tried again; the numbers below show how it goes."),
    "posters-nothing": _("Nothing of that had failed any more."),
    "user-disabled": _("The user is disabled and signed out everywhere."),
    "user-enabled": _("The user may sign in again."),
    "user-signed-out": _("The user is signed out everywhere."),
    "draft": _("You are signed in again. What you had typed is in the form; it is not saved yet."),
    "expired": _("The form was too old to be saved. What you had typed is in it; save it again."),
}
"""What a page may be asked to say, by the word that stands for it in an address (``?done=``)."""


@dataclass(frozen=True, slots=True)
class PageFrame:
    """The frame of a page. ``user`` is "" where nobody is signed in."""

    locale: str
    title: str
    room: str
    rooms: tuple[Link, ...]
    user: str
    csrf_token: str
    other_language: Link
    notice: str


def page_frame(
    request: Request, title: TranslationString | str, room: str = "", *, at: str = ""
) -> PageFrame:
    """The frame of a page of ``room``, a route of the navigation.

    ``at`` is the path that the page is asked for with, where a form was sent to another.
    """
    someone = signed_in(request)
    say = request.localizer.translate
    return PageFrame(
        locale=request.locale_name,
        title=say(title) if isinstance(title, TranslationString) else title,
        room=room,
        rooms=_rooms(request, room) if someone else (),
        user=someone.name if someone else "",
        csrf_token=get_csrf_token(request),
        other_language=_other_language(request, at or request.path),
        notice=say(NOTICES[done]) if (done := request.GET.get("done", "")) in NOTICES else "",
    )


def movie_nav(request: Request, movie_id: int, room: str) -> tuple[Link, ...]:
    """The tabs of a film; ``room`` is the route of the one that is shown."""
    say = request.localizer.translate
    return tuple(
        Link(
            request.route_path(each.route, movie=movie_id),
            say(each.name),
            current=each.route == room,
        )
        for each in MOVIE_NAV
    )


def manager_view(
    route: str, *, permission: str, renderer: str | None = None, **options: Any
) -> Callable[[Any], Any]:
    """A view of the manager's ``route``; no view goes without saying its ``permission``."""
    if renderer is not None:
        renderer = f"manager/{renderer}.jinja2"
    return view_config(
        route_name=f"manager.{route}", permission=permission, renderer=renderer, **options
    )


def close_body_at_last(request: Request) -> None:
    """Call it where files are sent, once the form has been read: WebOb copies a large body into a
    file of its own, and leaves closing it to chance.
    """
    body: Any = request.body_file_raw
    request.add_finished_callback(lambda _request: body.close())


def _rooms(request: Request, room: str) -> tuple[Link, ...]:
    root, say = ManagerRoot(request), request.localizer.translate
    return tuple(
        Link(request.route_path(each.route), say(each.name), current=each.route == room)
        for each in NAV
        if request.has_permission(each.permission, root)
    )


def _other_language(request: Request, at: str) -> Link:
    """The same page in the other language: only the path's beginning differs."""
    other = next(each for each in LOCALES if each != request.locale_name)
    here, there = locale_prefix(request.locale_name), locale_prefix(other)
    path = f"/{there}{at.removeprefix('/' + here)}"
    if not path.startswith(f"/{there}manager"):
        path = f"/{there}manager"
    return Link(href=path, text=LANGUAGE_NAMES[other], iso=other)
