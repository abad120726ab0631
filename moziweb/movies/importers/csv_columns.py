"""A row of a distributor's list as a candidate. Pure.

A cell that cannot be read is a problem that names row and column, and that field is left alone; a
row without a title, or with an id that cannot be read, is not imported at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from moziweb.i18n import _

from ..models import DatePrecision, PremiereKind
from ..slugs import slug_of
from . import values
from .candidate import CSV, Candidate, GenreFact, PremiereFact, TrailerFact
from .fields import LENGTHS
from .file_readers import FileRow, Table
from .problems import InvalidValue, Problem, text_of

_IDENTITY: Final = frozenset({"title", "external_id", "imdb_id", "tmdb_id"})
_FINENESS: Final = (DatePrecision.YEAR, DatePrecision.MONTH, DatePrecision.DAY)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How a list is read: ``name`` tells its ids from other lists', ``date_format`` is strptime's.

    ``accepts`` says whether a picture may be fetched from an address.
    """

    today: date
    accepts: Callable[[str], bool]
    name: str = ""
    date_format: str = ""

    @property
    def list_name(self) -> str:
        """What the list is called among all sources."""
        return f"{CSV}:{self.name}" if self.name else CSV


def candidates_of(table: Table, terms: ListOptions) -> tuple[Candidate, ...]:
    """The films of a table, in its order; rows of one film with other premieres are joined."""
    found: dict[tuple[str, object], Candidate] = {}
    for number, row in enumerate(table.rows):
        candidate = candidate_of(row, terms)
        key = _identity(candidate) or ("", number)
        if key in found and not any(problem.fatal for problem in candidate.problems):
            first = found[key]
            found[key] = joined = _joined(first, candidate)
            if joined is not first:
                continue
            candidate = _twice(candidate, first)
            key = ("", number)
        found.setdefault(key, candidate)
    return tuple(found.values())


def candidate_of(row: FileRow, terms: ListOptions) -> Candidate:
    """One row's film."""
    reader = _Reader(row, terms)
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
        list_name=terms.list_name,
        ref=ref or ("" if has_id else _natural_ref(title, years)),
        place=row.place,
        title=title,
        values=MappingProxyType(reader.found),
        has_id=has_id,
        years=years,
        problems=(*problems, *reader.problems),
    )


def _natural_ref(title: str, years: Iterable[int]) -> str:
    """What a film is remembered by whose list gives no ids."""
    return f"title/{slug_of(title)}/{next(iter(sorted(years)), '-')}"


def _identity(candidate: Candidate) -> tuple[str, object] | None:
    for name in ("ref", "tmdb_id", "imdb_id"):
        value = getattr(candidate, name)
        if value:
            return name, value
    return None


def _joined(first: Candidate, later: Candidate) -> Candidate:
    """``first`` with the premieres of ``later``, or ``first`` itself where they are of one kind."""
    standing: tuple[PremiereFact, ...] = first.values.get("premieres", ())
    more: tuple[PremiereFact, ...] = later.values.get("premieres", ())
    kinds = {(each.kind, each.service) for each in standing}
    if not more or any((each.kind, each.service) in kinds for each in more):
        return first
    together = {**later.values, **first.values, "premieres": (*standing, *more)}
    return replace(
        first,
        values=MappingProxyType(together),
        years=first.years | later.years,
        problems=(*first.problems, *later.problems),
    )


def _twice(candidate: Candidate, first: Candidate) -> Candidate:
    names = {"place": first.place}
    text = _(
        "the same film as ${place}; if it is another one, give both an external_id", mapping=names
    )
    problem = Problem.about(candidate.place, "", text, fatal=True)
    return replace(candidate, problems=(*candidate.problems, problem))


class _Reader:
    """Reads the cells of one row into ``found``, and what is wrong with them into ``problems``."""

    def __init__(self, row: FileRow, terms: ListOptions) -> None:
        self._row = row
        self._terms = terms
        self.found: dict[str, Any] = {}
        self.problems: list[Problem] = []

    def read(self) -> None:
        """Read the whole row."""
        if "title" not in self._row.cells:
            self._complain("title", _("missing"))
        for column, (field, parse) in _CELLS.items():
            value = self._value(column, parse)
            if value not in (None, ()):
                self.found[field] = value
        poster = self._value("poster_url", self._poster)
        if poster:
            self.found["poster"] = poster
        self._read_premiere()

    def _read_premiere(self) -> None:
        dated = self._value("release_date", self._date)
        kind = self._value("release_type", values.kind) or PremiereKind.CINEMA
        exact = self._value("date_precision", values.precision)
        formats = self._value("formats", lambda cell: values.formats(_words(cell)))
        streamed = kind is PremiereKind.STREAMING
        service = self.found.pop("distributor", "") if streamed else ""
        if dated is None or any(each.column == "release_type" for each in self.problems):
            return
        day, known = dated
        if exact is not None:
            if _FINENESS.index(exact) > _FINENESS.index(known):
                self._complain("date_precision", _("finer than the date is"))
                return
            known = exact
        elif (day.month, day.day) == (1, 1):
            known = DatePrecision.YEAR  # how lists that have only dates write a year
        day = _first_day(day, known)
        fact = PremiereFact(day, known, kind, service=service, formats=formats)
        self.found["premieres"] = (fact,)

    def _value(self, column: str, parse: Callable[[str], Any]) -> Any:
        cell = self._row.cells.get(column)
        if cell is None:
            return None
        try:
            return parse(cell)
        except ValueError as error:
            self._complain(column, text_of(error))
            return None

    def _complain(self, column: str, text: str) -> None:
        fatal = column in _IDENTITY
        self.problems.append(Problem.about(self._row.place, column, text, fatal=fatal))

    def _date(self, cell: str) -> tuple[date, DatePrecision]:
        return values.premiere_date(cell, self._terms.today, self._terms.date_format)

    def _poster(self, cell: str) -> str:
        if not self._terms.accepts(cell):
            raise InvalidValue(_("no address that a picture may be fetched from"))
        return cell


def _first_day(day: date, known: DatePrecision) -> date:
    if known is DatePrecision.DAY:
        return day
    return day.replace(day=1) if known is DatePrecision.MONTH else day.replace(month=1, day=1)


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split("|") if word.strip()]


def _genres(cell: str) -> tuple[GenreFact, ...]:
    return tuple(dict.fromkeys(values.genre(word) for word in _words(cell)))


def _trailers(cell: str) -> tuple[TrailerFact, ...]:
    return tuple(values.trailer(word) for word in _words(cell))


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
    "languages": ("languages", lambda cell: values.languages(_words(cell))),
    "trailer_url": ("trailers", _trailers),
    "imdb_id": ("imdb_id", values.imdb_id),
    "tmdb_id": ("tmdb_id", values.tmdb_id),
    "overview": ("synopsis", lambda cell: values.text(cell, LENGTHS["synopsis"])),
}
