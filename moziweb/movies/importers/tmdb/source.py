"""TMDB as a source of candidates: by search, TMDB id, IMDb id, or days."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from pyramid.registry import Registry

from moziweb.db.types import MAX_ID
from moziweb.i18n import _
from moziweb.movies.importers.candidate import Candidate
from moziweb.movies.importers.problems import Problem, text_of
from moziweb.movies.importers.values import imdb_id as parsed_imdb_id

from .client import TmdbClient, TmdbOptions
from .errors import TmdbNotFound, TmdbRefused
from .mapping import candidate_of, failed_candidate


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A movie in the results of a search; ``year`` is of a release in any country, or ""."""

    tmdb_id: int
    title: str
    original_title: str
    year: str


class TmdbSource:
    """Fetches movies. ``clock`` returns the fetch time, timezone-aware."""

    def __init__(self, client: TmdbClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._image_base: str | None = None

    def search(self, title: str, timeout: float | None = None) -> tuple[SearchResult, ...]:
        """Search by title; return the first page of results, best first.

        With ``timeout`` in seconds, makes one attempt only.
        """
        return tuple(_search_results(self._client.search(title, timeout)))

    def id_of_imdb(self, imdb_id: str) -> int:
        """Return the TMDB id of an IMDb id. Raises ``TmdbNotFound``, or ``ValueError``."""
        known = parsed_imdb_id(imdb_id)
        results = self._client.find(known).get("movie_results")
        for entry in _ids(results):
            return entry
        raise TmdbNotFound(_("TMDB has no film with the IMDb id ${id}"), id=known)

    def ids_between(self, first: date, last: date) -> tuple[int, ...]:
        """Return the TMDB ids that may have a Hungarian premiere in these days."""
        found: dict[int, None] = {}
        for page in self._client.premieres(first, last):
            found.update(dict.fromkeys(_ids(page.get("results"))))
        return tuple(found)

    def changed_between(self, first: date, last: date) -> frozenset[int]:
        """Return the ids of all movies that TMDB changed in these days."""
        pages = self._client.changes(first, last)
        return frozenset(found for page in pages for found in _ids(page.get("results")))

    def movies(self, tmdb_ids: Iterable[int]) -> Iterator[Candidate]:
        """Fetch movies one by one. A movie that TMDB lacks becomes a candidate with a problem.

        Raises ``TmdbUnauthorized`` and ``TmdbUnavailable``.
        """
        for tmdb_id in tmdb_ids:
            try:
                movie = self._client.movie(tmdb_id)
            except (TmdbNotFound, TmdbRefused) as error:
                yield failed_candidate(tmdb_id, text_of(error))
                continue
            if movie.get("id") == tmdb_id:
                yield candidate_of(movie, self._images(), self._clock())
            else:
                names = {"value": repr(movie.get("id"))}
                text = _("TMDB returned another film: ${value}", mapping=names)
                yield failed_candidate(tmdb_id, text)

    def premieres_between(
        self, tmdb_ids: Iterable[int], first: date, last: date
    ) -> Iterator[Candidate]:
        """Fetch movies. A movie without a Hungarian premiere in these days gets a problem."""
        for candidate in self.movies(tmdb_ids):
            days = [each.date for each in candidate.values.get("premieres", ())]
            if candidate.title and not any(first <= day <= last for day in days):
                names = {"title": candidate.title, "first": first, "last": last}
                text = _("${title}: no Hungarian premiere from ${first} to ${last}", mapping=names)
                problem = Problem.about(candidate.place, "release_dates", text, fatal=True)
                candidate = replace(candidate, problems=(*candidate.problems, problem))
            yield candidate

    def _images(self) -> str | None:
        if self._image_base is None:
            images = self._client.configuration().get("images")
            base = images.get("secure_base_url") if isinstance(images, dict) else None
            self._image_base = base if isinstance(base, str) else ""
        return self._image_base


def source_of(registry: Registry, clock: Callable[[], datetime]) -> TmdbSource:
    """Return the TMDB source of the ini file."""
    settings = registry.settings
    options = TmdbOptions(
        settings["tmdb.base_url"],
        settings["tmdb.token"],
        settings["tmdb.timeout"],
        settings["tmdb.tries"],
    )
    return TmdbSource(TmdbClient(options), clock)


def _search_results(page: dict[str, Any]) -> Iterator[SearchResult]:
    results = page.get("results")
    for entry in results if isinstance(results, list) else ():
        for tmdb_id in _ids([entry]):
            title = str(entry.get("title") or entry.get("original_title") or "")
            original = str(entry.get("original_title") or "")
            yield SearchResult(tmdb_id, title, original, str(entry.get("release_date") or "")[:4])


def _ids(results: Any) -> Iterator[int]:
    for entry in results if isinstance(results, list) else ():
        found = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(found, int) and 0 < found <= MAX_ID:
            yield found
