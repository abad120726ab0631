"""The addresses of the site's pages, in the language of a page or in another one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moziweb.i18n import DEFAULT_LOCALE, LOCALES, locale_prefix
from moziweb.movies.calendar import Month, Week
from moziweb.movies.models import Genre, Movie
from moziweb.request import Request

X_DEFAULT: Final = "x-default"


def movie_segment(movie: Movie) -> str:
    """``{id}-{slug}``: what stands for a movie in addresses."""
    return segment_of(movie.id, movie.slug)


def segment_of(movie_id: int, slug: str) -> str:
    """The same of a movie that is not loaded."""
    return f"{movie_id}-{slug}"


@dataclass(frozen=True, slots=True)
class PageUrls:
    """Relative addresses for links, absolute ones made of ``site.base_url``.

    ``page`` is the request's ``route_path``: ``page("week", week="2026-W34")``. The Host header has
    no part in any address.
    """

    page: Callable[..., str]
    base_url: str

    @classmethod
    def of(cls, request: Request) -> "PageUrls":
        """The addresses of a page that answers ``request``."""
        return cls(request.route_path, request.registry.settings["site.base_url"])

    def week(self, week: Week) -> str:
        """A week's page."""
        return self.page("week", week=week.name)

    def month(self, month: Month) -> str:
        """A month's page."""
        return self.page("month", month=month.name)

    def movie(self, movie: Movie) -> str:
        """A movie's page."""
        return self.page("movie", movie=movie_segment(movie))

    def genre(self, genre: Genre) -> str:
        """A genre's page."""
        return self.page("genre", genre=genre.slug)

    def in_locale(self, locale: str, name: str, **values: str) -> str:
        """The page of a route in ``locale``."""
        return self.page(name, locale=locale_prefix(locale), **values)

    def url(self, name: str, **values: str) -> str:
        """The absolute address of a route's page."""
        return self.base_url + self.page(name, **values)

    def alternates(self, name: str, **values: str) -> tuple[tuple[str, str], ...]:
        """The page in each language and, for everybody else, in the default one, absolute."""
        urls = {
            locale: self.base_url + self.in_locale(locale, name, **values) for locale in LOCALES
        }
        return (*urls.items(), (X_DEFAULT, urls[DEFAULT_LOCALE]))

    def absolute(self, address: str) -> str:
        """An address of the site or of its storage, absolute."""
        return self.base_url + address if address.startswith("/") else address
