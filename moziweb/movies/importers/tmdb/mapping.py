"""Converts a movie of TMDB to a candidate. Pure.

Null, empty text and zero mean that a field is absent. An invalid field becomes a problem, and the
other fields are converted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from moziweb.db.types import MAX_ID
from moziweb.i18n import _

from ...genres import GENRES
from ...models import Rating
from .. import values
from ..candidate import TMDB, Candidate, GenreFact, PersonFact, TrailerFact
from ..fields import LENGTHS
from ..problems import InvalidValue, Problem, text_of
from .dates import hungarian_releases

MAX_CAST: Final = 12
MAX_TRAILERS: Final = 3
POSTER_SIZE: Final = "original"

_GENRE_NAMES: Final[Mapping[int, str]] = {
    28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime", 99: "Documentary",
    18: "Drama", 10751: "Family", 14: "Fantasy", 36: "History", 27: "Horror", 10402: "Music",
    9648: "Mystery", 10749: "Romance", 878: "Sci-Fi", 53: "Thriller", 10752: "War", 37: "Western",
}  # fmt: skip
_LANGUAGES: Final[Mapping[str, str | None]] = {"cn": "yue", "xx": None}
"""Codes that only TMDB uses: Cantonese, and no language."""

_PATH: Final = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(?:jpe?g|png|webp)", re.I)
_POSTER_ORDER: Final = ("hu", None, "en")


def candidate_of(
    movie: Mapping[str, Any], image_base: str | None, fetched_at: datetime
) -> Candidate:
    """Return the candidate of a movie; ``image_base`` is the ``secure_base_url`` of images."""
    return _MovieMapper(movie, image_base).candidate(fetched_at)


def failed_candidate(tmdb_id: int, text: str) -> Candidate:
    """Return the candidate of a movie that was not fetched, with ``text`` as its problem."""
    place = f"tmdb {tmdb_id}"
    problem = Problem.about(place, "", text, fatal=True)
    return Candidate(TMDB, TMDB, "", place, "", MappingProxyType({}), problems=(problem,))


class _MovieMapper:
    def __init__(self, movie: Mapping[str, Any], image_base: str | None) -> None:
        self._movie = movie
        self._image_base = image_base
        self._place = f"tmdb {movie.get('id')}"
        self._values: dict[str, Any] = {}
        self._problems: list[Problem] = []

    def candidate(self, fetched_at: datetime) -> Candidate:
        released = self._parse("release_date", _year_of)
        years = {released} if isinstance(released, int) else set()
        self._set_titles()
        self._set("tmdb_id", self._parse("id", _id))
        self._set("imdb_id", self._parse("imdb_id", lambda value: values.imdb_id(str(value))))
        self._set("runtime", self._parse("runtime", lambda value: values.runtime(str(value))))
        self._set("synopsis", self._parse("overview", _synopsis))
        self._set("synopsis_en", self._try("translations", self._english_overview))
        self._set("genres", self._try("genres", self._genres))
        self._set("countries", self._try("production_countries", self._countries))
        self._set("languages", self._try("spoken_languages", self._languages))
        self._set("directors", self._try("credits", self._directors))
        self._set("cast", self._try("credits", self._cast))
        self._set("trailers", self._try("videos", self._trailers))
        self._set("poster", self._try("poster_path", self._poster))
        self._set_dates()
        years |= {each.date.year for each in self._values.get("premieres", ())}
        return Candidate(
            source=TMDB,
            list_name=TMDB,
            ref="",
            place=self._place,
            title=self._values.get("title", ""),
            values=MappingProxyType(self._values),
            years=frozenset(years),
            problems=tuple(self._problems),
            fetched_at=fetched_at,
        )

    def _set_titles(self) -> None:
        original = self._parse("original_title", _title)
        title = self._parse("title", _title) or original
        if not title:
            self._add_problem("title", _("missing"), fatal=True)
        self._set("title", title)
        self._set("original_title", original)

    def _set_dates(self) -> None:
        found = hungarian_releases(self._movie.get("release_dates"))
        for error in found.errors:
            self._add_problem("release_dates", error)
        if self._movie.get("status") == "Canceled":
            self._add_problem("status", _("the film is cancelled at TMDB; no date is imported"))
        else:
            self._set("premieres", found.premieres)
        known = [name for name in found.certifications if name in set(Rating)]
        for name in set(found.certifications) - set(Rating) - {"NR"}:
            text = _("not a Hungarian age rating: ${value}", mapping={"value": repr(name)})
            self._add_problem("certification", text)
        self._set("rating", Rating(known[0]).value if known else None)

    def _english_overview(self) -> str:
        for entry in _objects(_member(self._movie, "translations", "translations")):
            if entry.get("iso_639_1") == "en":
                return _synopsis(_member(entry, "data", "overview") or "")
        return ""

    def _genres(self) -> tuple[GenreFact, ...]:
        found = {}
        for entry in _objects(self._movie.get("genres")):
            english = _GENRE_NAMES.get(entry.get("id") or 0)
            name = str(entry.get("name") or "")
            fact = GenreFact(GENRES[english], english) if english else None
            if fact is None and name:
                fact = values.genre(name)
            if fact is not None:
                found[fact.name] = fact
        return tuple(found.values())

    def _countries(self) -> tuple[str, ...]:
        produced = _objects(self._movie.get("production_countries"))
        codes = [str(entry.get("iso_3166_1")) for entry in produced]
        origin = self._movie.get("origin_country")
        codes = codes or [str(code) for code in (origin if isinstance(origin, list) else ())]
        return tuple(dict.fromkeys(code for code in codes if re.fullmatch("[A-Z]{2}", code)))

    def _languages(self) -> tuple[str, ...]:
        spoken = _objects(self._movie.get("spoken_languages"))
        codes = [str(entry.get("iso_639_1")) for entry in spoken]
        codes = codes or [str(self._movie.get("original_language"))]
        known = (_LANGUAGES.get(code, code) or "" for code in codes)
        return tuple(dict.fromkeys(each for each in known if re.fullmatch("[a-z]{2,3}", each)))

    def _directors(self) -> tuple[PersonFact, ...]:
        crew = _objects(_member(self._movie, "credits", "crew"))
        return _people(entry for entry in crew if entry.get("job") == "Director")

    def _cast(self) -> tuple[PersonFact, ...]:
        cast = list(_objects(_member(self._movie, "credits", "cast")))
        cast.sort(key=lambda entry: _number(entry.get("order"), 10_000))
        return _people(iter(cast))[:MAX_CAST]

    def _trailers(self) -> tuple[TrailerFact, ...]:
        videos = [
            entry
            for entry in _objects(_member(self._movie, "videos", "results"))
            if entry.get("type") in {"Trailer", "Teaser"}
        ]
        videos.sort(key=_video_order)
        found: dict[str, TrailerFact] = {}
        for entry in videos:
            try:
                name = values.line(str(entry.get("name") or ""), 200)
                language = str(entry.get("iso_639_1") or "")[:5]
                fact = values.video(str(entry.get("site")), str(entry.get("key")), name, language)
            except ValueError:
                continue  # a site other than YouTube and Vimeo
            time = _time(entry.get("published_at"))
            found[fact.video_id] = replace(fact, published_at=time)
        return tuple(found.values())[:MAX_TRAILERS]

    def _poster(self) -> str:
        path = self._movie.get("poster_path") or self._best_poster()
        if not path or not self._image_base:
            return ""
        if not _PATH.fullmatch(str(path)):
            raise InvalidValue(_("not the path of an image: ${value}"), value=repr(str(path)[:80]))
        return f"{self._image_base.rstrip('/')}/{POSTER_SIZE}{path}"

    def _best_poster(self) -> str:
        posters = list(_objects(_member(self._movie, "images", "posters")))
        for language in _POSTER_ORDER:
            posters_in_language = [entry for entry in posters if entry.get("iso_639_1") == language]
            if posters_in_language:
                best = max(
                    posters_in_language, key=lambda entry: _number(entry.get("vote_average"), 0)
                )
                return str(best.get("file_path") or "")
        return ""

    def _parse(self, name: str, parse: Callable[[Any], Any]) -> Any:
        value = self._movie.get(name)
        if value is None or value == "" or value == 0:
            return None
        return self._try(name, lambda: parse(value))

    def _try(self, name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (ValueError, TypeError, AttributeError) as error:
            self._add_problem(name, text_of(error), fatal=name == "id")
            return None

    def _set(self, name: str, value: Any) -> None:
        if value not in (None, "", ()):
            self._values[name] = value

    def _add_problem(self, column: str, text: str, *, fatal: bool = False) -> None:
        self._problems.append(Problem.about(self._place, column, text, fatal=fatal))


def _member(data: Mapping[str, Any], *names: str) -> Any:
    found: Any = data
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    listed = value if isinstance(value, list) else ()
    yield from (each for each in listed if isinstance(each, dict))


def _people(entries: Iterator[Mapping[str, Any]]) -> tuple[PersonFact, ...]:
    found: dict[Any, PersonFact] = {}
    for entry in entries:
        name = values.line(str(entry.get("name") or ""), LENGTHS["person"])
        character = values.clipped_line(str(entry.get("character") or ""), LENGTHS["character"])
        id_ = entry.get("id")
        tmdb_id = id_ if isinstance(id_, int) and 0 < id_ <= MAX_ID else None
        if name:
            found.setdefault(tmdb_id or name, PersonFact(name, character, tmdb_id))
    return tuple(found.values())


def _video_order(entry: Mapping[str, Any]) -> tuple[bool, bool, bool, str]:
    return (
        entry.get("iso_639_1") != "hu",
        entry.get("type") != "Trailer",
        entry.get("official") is not True,
        str(entry.get("published_at") or ""),
    )


def _time(value: Any) -> datetime | None:
    """A time with its zone; None for any other text."""
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(str(value))
        return time.astimezone(UTC) if time.tzinfo else None
    return None


def _number(value: Any, otherwise: float) -> float:
    return value if isinstance(value, int | float) else otherwise


def _title(value: Any) -> str:
    return values.line(_text(value), LENGTHS["title"])


def _synopsis(value: Any) -> str:
    return values.text(_text(value), LENGTHS["synopsis"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(_("not a text: ${value}"), value=repr(str(value)[:60]))
    return value


def _id(value: Any) -> int:
    return values.tmdb_id(str(value))


def _year_of(value: Any) -> int:
    return int(_text(value)[:4])
