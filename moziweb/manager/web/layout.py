"""The page template of the manager: navigation, current user, notices."""

from collections.abc import Callable, Iterable
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
from .navigation import MOVIE_NAV, NAV, NavItem
from .resources import ManagerResource
from .submissions import once

NOTICES: Final = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed, and you are signed out everywhere else."),
    "duplicated": _("This is a copy. It is not saved yet."),
    "published": _("The film is on the site."),
    "unpublished": _("The film is no longer on the site."),
    "poster-added": _("The poster is saved. Its pictures are being made."),
    "posters-added": _("The posters are saved. Their pictures are being made."),
    "poster-discarded": _("The picture is thrown away."),
    "poster-chosen": _("This will be the film's poster as soon as its pictures are ready."),
    "poster-focus": _("The focal point is saved."),
    "poster-again": _("The pictures are being regenerated; until then, the old ones are shown."),
    "posters-retried": _("What failed is being tried again; the numbers below show how it goes."),
    "posters-nothing": _("Nothing of that had failed any more."),
    "bulk-nothing": _("Nothing was chosen: tick a film first."),
    "bulk-too-many": _(
        "Nothing is changed: the list finds more than 10,000 films, the most that can be changed "
        "at once. Narrow it by a search or a filter."
    ),
    "undone": _("The change is taken back."),
    "password-set": _("Your password is set. Sign in with it."),
    "password-set-passkeys": _(
        "Your password is set. Sign in with it, then check your passkeys: they stay, but until "
        "then they need the password, too."
    ),
    "totp-on": _("From now on you need a code of the app to sign in."),
    "totp-off": _("The authenticator app is removed."),
    "passkey-added": _("The passkey is added."),
    "passkey-removed": _("The passkey is removed from the site. Delete it on the device, too."),
    "confirmed": _("The password is right. Nothing is done yet: please choose it once more."),
    "passkeys-kept": _("Your passkeys sign in without the password again."),
    "user-role": _("The role is changed."),
    "user-disabled": _("The user is disabled and signed out everywhere."),
    "user-enabled": _("The user may sign in again."),
    "user-factors-reset": _("The second factors are removed. The password alone signs in now."),
    "user-signed-out": _("The user is signed out everywhere."),
    "draft": _("You are signed in again. What you had typed is in the form; it is not saved yet."),
    "expired": _("The form was too old to be saved. What you had typed is in it; save it again."),
}
"""Notices by their key in the URL (``?done=``)."""


@dataclass(frozen=True, slots=True)
class PageFrame:
    """Values of the page template. ``user`` is "" without a session."""

    locale: str
    title: str
    section: str
    sections: tuple[Link, ...]
    user: str
    csrf_token: str
    other_language: Link
    notice: str


def page_frame(
    request: Request, title: TranslationString | str, section: str = "", *, path: str = ""
) -> PageFrame:
    """Returns the frame of a page; ``section`` is the route of its navigation entry.

    ``path`` is the page's own path, where a form was posted to another one.
    """
    current_user = signed_in(request)
    translate = request.localizer.translate
    return PageFrame(
        locale=request.locale_name,
        title=translate(title) if isinstance(title, TranslationString) else title,
        section=section,
        sections=_sections(request, section) if current_user else (),
        user=current_user.name if current_user else "",
        csrf_token=get_csrf_token(request),
        other_language=_other_language(request, path or request.path),
        notice=translate(NOTICES[done]) if (done := request.GET.get("done", "")) in NOTICES else "",
    )


def movie_nav(request: Request, movie_id: int, section: str) -> tuple[Link, ...]:
    """Returns the tabs of a movie; ``section`` is the route of the current one."""
    return _links(request, MOVIE_NAV, section, movie=movie_id)


def manager_view(
    route: str, *, permission: str, method: str, renderer: str | None = None
) -> Callable[[Any], Any]:
    """``view_config`` for a route of the manager; ``permission`` is mandatory.

    A form that is submitted twice is done once.
    """
    return view_config(
        route_name=f"manager.{route}",
        permission=permission,
        request_method=method,
        decorator=once if method == "POST" else None,
        renderer=renderer and f"manager/{renderer}.jinja2",
    )


def after_commit(request: Request, start: Callable[[], object]) -> None:
    """Calls ``start`` after the request's transaction has been committed."""
    request.tm.get().addAfterCommitHook(lambda is_committed: is_committed and start())


def _sections(request: Request, section: str) -> tuple[Link, ...]:
    root = ManagerResource(request)
    allowed = [each for each in NAV if request.has_permission(each.permission, root)]
    return _links(request, allowed, section)


def _links(
    request: Request, items: Iterable[NavItem], section: str, **path: object
) -> tuple[Link, ...]:
    found = ((item.route, request.localizer.translate(item.name)) for item in items)
    return tuple(
        Link(request.route_path(route, **path), name, current=route == section)
        for route, name in found
    )


def _other_language(request: Request, path: str) -> Link:
    """Links to the same page in the other language."""
    other = next(each for each in LOCALES if each != request.locale_name)
    current_prefix, other_prefix = locale_prefix(request.locale_name), locale_prefix(other)
    path = f"/{other_prefix}{path.removeprefix('/' + current_prefix)}"
    if not path.startswith(f"/{other_prefix}manager"):
        path = f"/{other_prefix}manager"
    return Link(href=path, text=LANGUAGE_NAMES[other], iso=other)
