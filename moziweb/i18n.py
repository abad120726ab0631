"""Two languages, told apart by the path alone: ``/en/…`` is English, everything else Hungarian.

Pyramid's own negotiator reads a parameter and a cookie; a page that a cache keeps for everybody may
depend on neither.
"""

from pyramid.config import Configurator
from pyramid.i18n import TranslationStringFactory
from pyramid.request import Request

DEFAULT_LOCALE = "hu"
LOCALES = ("hu", "en")
DOMAIN = "moziweb"

_ = TranslationStringFactory(DOMAIN)


def locale_of_path(path: str) -> str:
    """The locale that a path (``/en/week/2026-W34``) is written in."""
    return "en" if path == "/en" or path.startswith("/en/") else DEFAULT_LOCALE


def locale_prefix(locale: str) -> str:
    """What stands before a page's own path in ``locale``: ``en/`` or nothing."""
    return "" if locale == DEFAULT_LOCALE else f"{locale}/"


def negotiate_locale(request: Request) -> str:
    """Pyramid's locale negotiator. A path that is no text at all has the default locale."""
    try:
        return locale_of_path(request.path_info)
    except UnicodeDecodeError:
        return DEFAULT_LOCALE


def add_page_route(config: Configurator, name: str, pattern: str, **options: object) -> None:
    """``config.add_page_route(name, pattern)``: one route that serves the page in every language.

    ``request.route_path(name, …)`` stays in the language of the request; pass
    ``locale=locale_prefix("en")`` for another one.
    """

    def in_locale(
        request: Request, elements: tuple[str, ...], values: dict[str, object]
    ) -> tuple[tuple[str, ...], dict[str, object]]:
        values.setdefault("locale", locale_prefix(request.locale_name))
        return elements, values

    localized = "/{locale:(en/)?}" + pattern.lstrip("/")
    config.add_route(name, localized, pregenerator=in_locale, **options)


def includeme(config: Configurator) -> None:
    """Set the negotiator, the catalogues and the ``add_page_route`` directive."""
    config.add_settings({"pyramid.default_locale_name": DEFAULT_LOCALE})
    config.set_locale_negotiator(negotiate_locale)
    config.add_translation_dirs("moziweb:locale")
    config.add_directive("add_page_route", add_page_route)
