"""URLs of the site's pages, in the language of the current page or in another language."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from moziweb.i18n import DEFAULT_LOCALE, LOCALES, locale_prefix
from moziweb.movies.calendar import Month, Week, Year
from moziweb.movies.models import Distributor, Genre, Movie, Person, StreamingService
from moziweb.movies.slugs import slug_of
from moziweb.request import Request

X_DEFAULT: Final = "x-default"


def segment_of(movie_id: int, slug: str) -> str:
    """The path segment of a movie."""
    return f"{movie_id}-{slug}"


def named_segment(row: Person | Distributor) -> str:
    """The path segment of a person or a distributor; its slug follows the name."""
    return segment_of(row.id, slug_of(row.name))


@dataclass(frozen=True, slots=True)
class PageUrls:
    """Paths for links, absolute URLs that start with ``site.base_url``, and permanent ids.

    ``path`` is the request's ``route_path``: ``path("week", week="2026-W34")``. No URL depends on
    the Host header. ``id_authority`` is the host in permanent ids: it stays when URLs change.
    """

    path: Callable[..., str]
    base_url: str
    id_authority: str

    @classmethod
    def of(cls, request: Request) -> "PageUrls":
        """The URLs for the response to ``request``."""
        settings = request.registry.settings
        return cls(request.route_path, settings["site.base_url"], settings["site.id_authority"])

    def week(self, week: Week) -> str:
        """The path of a week's page."""
        return self.path("week", week=week.name)

    def month(self, month: Month) -> str:
        """The path of a month's page."""
        return self.path("month", month=month.name)

    def year(self, year: Year) -> str:
        """The path of a year's page."""
        return self.path("year", year=year.name)

    def movie(self, movie: Movie) -> str:
        """The path of a movie's page."""
        return self.path("movie", movie=segment_of(movie.id, movie.slug))

    def genre(self, genre: Genre) -> str:
        """The path of a genre's page."""
        return self.path("genre", genre=genre.slug)

    def person(self, person: Person) -> str:
        """The path of a person's page."""
        return self.path("person", person=named_segment(person))

    def distributor(self, distributor: Distributor) -> str:
        """The path of a distributor's page."""
        return self.path("distributor", distributor=named_segment(distributor))

    def service(self, service: StreamingService) -> str:
        """The path of a streaming service's page."""
        return self.path("service", service=service.slug)

    def in_locale(self, locale: str, name: str, **values: Any) -> str:
        """The path of a route in ``locale``."""
        return self.path(name, locale=locale_prefix(locale), **values)

    def url(self, name: str, **values: str) -> str:
        """The absolute URL of a route."""
        return self.base_url + self.path(name, **values)

    def alternates(self, name: str, **values: str) -> tuple[tuple[str, str], ...]:
        """(language, absolute URL) of a page; ``x-default`` is the page in the default language."""
        urls = {each: self.base_url + self.in_locale(each, name, **values) for each in LOCALES}
        return (*urls.items(), (X_DEFAULT, urls[DEFAULT_LOCALE]))

    def absolute(self, url: str) -> str:
        """The absolute form of a URL of the site or of its storage."""
        return self.base_url + url if url.startswith("/") else url
