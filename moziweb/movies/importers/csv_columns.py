"""Converts a row of a distributor's list to a candidate. Pure.

An invalid cell becomes a problem with its row and column, and the field is skipped. A row without a
title, or with an invalid id, is not imported.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from moziweb.i18n import _

from ..models import DatePrecision, PremiereKind
from ..slugs import slug_of
from ..text_folding import nfc
from . import values
from .candidate import CSV, Candidate, GenreFact, PremiereFact, TrailerFact
from .fields import LENGTHS
from .file_readers import FileRow, Table
from .premieres import channel_of
from .problems import ImportRefused, InvalidValue, Problem, text_of

_IDENTITY: Final = frozenset({"title", "external_id", "imdb_id", "tmdb_id"})
_PRECISIONS: Final = (DatePrecision.YEAR, DatePrecision.MONTH, DatePrecision.DAY)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How to read a list.

    ``name`` distinguishes its ids from those of other lists. ``date_format`` is for ``strptime``.
    ``is_allowed_url`` returns whether an image may be fetched from a URL. Raises ``ImportRefused``
    for a name or a format that is malformed.
    """

    today: date
    is_allowed_url: Callable[[str], bool]
    name: str = ""
    date_format: str = ""

    def __post_init__(self) -> None:
        if self.date_format and not values.is_date_format(self.date_format):
            text = _("not a date format of strptime: ${format}")
            raise ImportRefused(text, format=repr(self.date_format[:60]))
        if len(self.list_name) > LENGTHS["list"]:
            raise ImportRefused(_("the name of the list is too long"))

    @property
    def list_name(self) -> str:
        """The name of the list among all sources."""
        return f"{CSV}:{nfc(self.name)}" if self.name else CSV


def candidates_of(table: Table, options: ListOptions) -> tuple[Candidate, ...]:
    """Return the movies of a table in its order. Rows of one movie with other premieres merge.

    Each row is one candidate, or one of the ``merged`` rows of a candidate.
    """
    found: list[Candidate] = []
    indexes: dict[tuple[str, object], int] = {}
    for row in table.rows:
        candidate = candidate_of(row, options)
        key = None if candidate.is_refused else _identity(candidate)
        if key is None or key not in indexes:
            if key is not None:
                indexes[key] = len(found)
            found.append(candidate)
            continue
        first = found[indexes[key]]
        merged = _merged(first, candidate)
        if merged is None:
            found.append(_duplicate(candidate, first))
        else:
            found[indexes[key]] = merged
    return tuple(found)


def candidate_of(row: FileRow, options: ListOptions) -> Candidate:
    """Return the movie of a row."""
    reader = _Reader(row, options)
    problems = (row.problem,) if row.problem else ()
    if row.problem is None:
        reader.read()
    ref = reader.found.pop("external_id", "")
    title = reader.found.get("title", "")
    premieres = reader.found.get("premieres", ())
    years = frozenset(each.date.year for each in premieres)
    has_id = bool(ref or "imdb_id" in reader.found or "tmdb_id" in reader.found)
    return Candidate(
        source=CSV,
        list_name=options.list_name,
        ref=ref or ("" if has_id else _natural_ref(title, years)),
        place=row.place,
        title=title,
        values=MappingProxyType(reader.found),
        has_id=has_id,
        years=years,
        problems=(*problems, *reader.problems),
    )


def _natural_ref(title: str, years: Iterable[int]) -> str:
    """Return the reference of a movie in a list without ids."""
    return f"title/{slug_of(title)}/{next(iter(sorted(years)), '-')}"


def _identity(candidate: Candidate) -> tuple[str, object] | None:
    for name in ("ref", "tmdb_id", "imdb_id"):
        value = getattr(candidate, name)
        if value:
            return name, value
    return None


def _merged(first: Candidate, later: Candidate) -> Candidate | None:
    """Add the premieres of ``later`` to ``first``; return None if the kinds are the same."""
    current: tuple[PremiereFact, ...] = first.values.get("premieres", ())
    more: tuple[PremiereFact, ...] = later.values.get("premieres", ())
    channels = set(map(channel_of, current))
    if not more or any(channel_of(each) in channels for each in more):
        return None
    together = {**later.values, **first.values, "premieres": (*current, *more)}
    return replace(
        first,
        values=MappingProxyType(together),
        years=first.years | later.years,
        problems=(*first.problems, *later.problems),
        merged=(*first.merged, later.place),
    )


def _duplicate(candidate: Candidate, first: Candidate) -> Candidate:
    names = {"place": first.place}
    text = _(
        "the same film as ${place}; if it is another one, give both an external_id", mapping=names
    )
    problem = Problem.about(candidate.place, "", text, fatal=True)
    return replace(candidate, problems=(*candidate.problems, problem))


class _Reader:
    """Reads the cells of one row into ``found`` and ``problems``."""

    def __init__(self, row: FileRow, options: ListOptions) -> None:
        self._row = row
        self._options = options
        self.found: dict[str, Any] = {}
        self.problems: list[Problem] = []

    def read(self) -> None:
        """Read the whole row."""
        for column, (field, parse) in _CELLS.items():
            value = self._value(column, parse)
            if value not in (None, "", ()):
                self.found[field] = value
        if "title" not in self.found and not self._has_problem("title"):
            self._add_problem("title", _("missing"))
        poster = self._value("poster_url", self._poster)
        if poster:
            self.found["poster"] = poster
        self._read_premiere()

    def _read_premiere(self) -> None:
        dated = self._value("release_date", self._date)
        kind = self._value("release_type", values.kind) or PremiereKind.CINEMA
        exact = self._value("date_precision", values.precision)
        formats = self._value("formats", lambda cell: values.formats(_split(cell)))
        streamed = kind is PremiereKind.STREAMING
        service = self.found.pop("distributor", "") if streamed else ""
        if len(service) > LENGTHS["service"]:
            text = _("longer than ${most} characters", mapping={"most": LENGTHS["service"]})
            self._add_problem("distributor", text)
            return
        if dated is None or self._has_problem("release_type"):
            return
        day, known = dated
        if exact is not None:
            if _PRECISIONS.index(exact) > _PRECISIONS.index(known):
                self._add_problem("date_precision", _("more precise than the date"))
                return
            known = exact
        elif (day.month, day.day) == (1, 1):
            known = DatePrecision.YEAR  # lists without a precision write a year like this
        day = known.first_day(day)
        fact = PremiereFact(day, known, kind, service=service, formats=formats)
        self.found["premieres"] = (fact,)

    def _value(self, column: str, parse: Callable[[str], Any]) -> Any:
        cell = self._row.cells.get(column)
        if cell is None:
            return None
        try:
            return parse(cell)
        except ValueError as error:
            self._add_problem(column, text_of(error))
            return None

    def _has_problem(self, column: str) -> bool:
        return any(each.column == column for each in self.problems)

    def _add_problem(self, column: str, text: str) -> None:
        fatal = column in _IDENTITY
        self.problems.append(Problem.about(self._row.place, column, text, fatal=fatal))

    def _date(self, cell: str) -> tuple[date, DatePrecision]:
        return values.premiere_date(cell, self._options.today, nfc(self._options.date_format))

    def _poster(self, cell: str) -> str:
        if not self._options.is_allowed_url(cell):
            raise InvalidValue(_("not a URL that an image may be fetched from"))
        return cell


def _split(cell: str) -> list[str]:
    return [word.strip() for word in cell.split("|") if word.strip()]


def _genres(cell: str) -> tuple[GenreFact, ...]:
    return tuple(dict.fromkeys(values.genre(word) for word in _split(cell)))


def _trailers(cell: str) -> tuple[TrailerFact, ...]:
    return tuple(values.trailer(word) for word in _split(cell))


def _line(name: str) -> Callable[[str], str]:
    return lambda cell: values.line(cell, LENGTHS[name])


_CELLS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "external_id": ("external_id", _line("ref")),
    "title": ("title", _line("title")),
    "original_title": ("original_title", _line("original_title")),
    "distributor": ("distributor", _line("distributor")),
    "rating": ("rating", values.rating),
    "runtime": ("runtime", values.runtime),
    "genres": ("genres", _genres),
    "languages": ("languages", lambda cell: values.languages(_split(cell))),
    "trailer_url": ("trailers", _trailers),
    "imdb_id": ("imdb_id", values.imdb_id),
    "tmdb_id": ("tmdb_id", values.tmdb_id),
    "overview": ("synopsis", lambda cell: values.text(cell, LENGTHS["synopsis"])),
}
