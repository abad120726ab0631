"""The locale of a request, by its path alone: ``/en/…`` is English, all others are Hungarian.

Pyramid's own negotiator reads a parameter and a cookie. Cached pages are shared by all visitors, so
they must depend on neither.
"""

from pyramid.config import Configurator
from pyramid.i18n import TranslationStringFactory
from pyramid.request import Request

DEFAULT_LOCALE = "hu"
LOCALES = ("hu", "en")
DOMAIN = "moziweb"

_ = TranslationStringFactory(DOMAIN)


def locale_of_path(path: str) -> str:
    """Return the locale of a path, such as ``/en/week/2026-W34``."""
    return "en" if path == "/en" or path.startswith("/en/") else DEFAULT_LOCALE


def locale_prefix(locale: str) -> str:
    """Return the prefix of paths in ``locale``: ``en/`` or an empty text."""
    return "" if locale == DEFAULT_LOCALE else f"{locale}/"


def negotiate_locale(request: Request) -> str:
    """Pyramid's locale negotiator. A path that is not UTF-8 has the default locale."""
    try:
        return locale_of_path(request.path_info)
    except UnicodeDecodeError:
        return DEFAULT_LOCALE


def add_page_route(config: Configurator, name: str, pattern: str, **options: object) -> None:
    """Add one route for a page in all languages (the directive ``config.add_page_route``).

    ``request.route_path(name, …)`` keeps the language of the request; pass
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
    """Set the locale negotiator and the catalogues; add the directive ``add_page_route``."""
    config.add_settings({"pyramid.default_locale_name": DEFAULT_LOCALE})
    config.set_locale_negotiator(negotiate_locale)
    config.add_translation_dirs("moziweb:locale")
    config.add_directive("add_page_route", add_page_route)
