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
from ..slugs import NAMELESS, slug_of
from ..text_folding import nfc
from . import values
from .candidate import CSV, Candidate, GenreFact, PremiereFact, TrailerFact
from .dates import is_date_format, premiere_date
from .fields import IMPORTED_FIELDS, LENGTHS, same, shown
from .file_readers import MAX_MEMBERS, TOO_MANY_MEMBERS, FileRow, Table
from .premieres import channel_of
from .problems import ImportRefused, InvalidValue, Problem, text_of

_IDENTITY: Final = frozenset({"title", "external_id", "imdb_id", "tmdb_id"})
_MAX_NAMESAKES: Final = 20
"""Movies of one title and year that a row is compared with; otherwise the time is quadratic."""

_SINGLE_IDS: Final = ("imdb_id", "tmdb_id")
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
        if self.date_format and not is_date_format(self.date_format):
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
    groups = _Groups()
    for row in table.rows:
        groups.add(candidate_of(row, options))
    return tuple(groups.found)


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


class _Groups:
    """The movies of a list: rows with a common id, or one title and year, are one."""

    def __init__(self) -> None:
        self.found: list[Candidate] = []
        self._by_id: dict[tuple[str, object], int] = {}
        self._by_title: dict[str, list[int]] = {}

    def add(self, candidate: Candidate) -> None:
        """Add a row: to a movie, as a new one, or as a refused one."""
        if candidate.is_refused:
            self.found.append(candidate)
            return
        possible = self._possible(candidate)
        first = self.found[possible[0]] if possible else None
        conflict = None if first is None else _conflict(first, candidate)
        if len(possible) > 1:
            conflict = self._ambiguous(candidate, possible)
        if conflict is not None:
            self.found.append(replace(candidate, problems=(*candidate.problems, conflict)))
        elif first is not None:
            self.found[possible[0]] = _merged(first, candidate)
            self._note(candidate, possible[0])
        else:
            self.found.append(candidate)
            self._note(candidate, len(self.found) - 1)

    def _possible(self, candidate: Candidate) -> list[int]:
        """Return the movies with its ids, else those with its title and year."""
        by_id = {self._by_id[key] for key in _ids(candidate) if key in self._by_id}
        return sorted(by_id) or [
            index
            for index in self._by_title.get(_title_key(candidate), ())
            if _may_be_same(self.found[index], candidate)
        ]

    def _note(self, candidate: Candidate, index: int) -> None:
        for key in _ids(candidate):
            self._by_id.setdefault(key, index)
        indexes = self._by_title.setdefault(_title_key(candidate), [])
        if index not in indexes and len(indexes) < _MAX_NAMESAKES:
            indexes.append(index)

    def _ambiguous(self, candidate: Candidate, possible: Iterable[int]) -> Problem:
        films = ", ".join(self.found[index].place for index in possible)
        text = _("may be the film of any of ${places}; check its ids", mapping={"places": films})
        return Problem.about(candidate.place, "", text, fatal=True)


def _ids(candidate: Candidate) -> list[tuple[str, object]]:
    """Return the ids of a row by name; in a list without ids, its reference."""
    names = ("ref", "tmdb_id", "imdb_id")
    return [(name, value) for name in names if (value := getattr(candidate, name))]


def _title_key(candidate: Candidate) -> str:
    return _natural_ref(candidate.title, candidate.years)


def _may_be_same(first: Candidate, later: Candidate) -> bool:
    """Whether two rows of one title and year, without a common id, may be one movie."""
    both = {name for name, _id in _ids(first)} & {name for name, _id in _ids(later)}
    if both and first.has_id and later.has_id:
        return False
    originals = [each.values.get("original_title") for each in (first, later)]
    if all(originals) and len(set(map(slug_of, filter(None, originals)))) > 1:
        return False
    return _is_same_title(first.title, later.title)


def _conflict(first: Candidate, later: Candidate) -> Problem | None:
    """Return why ``later`` cannot be a row of the movie ``first``; None if it can."""
    others = {name: later.values[name] for name in _SINGLE_IDS if _differs(name, first, later)}
    if first.has_id and later.has_id and first.ref and later.ref not in {"", first.ref}:
        others = {"external_id": later.ref}
    if not _is_same_title(first.title, later.title):
        others = {"title": later.title}
    for column, value in others.items():
        text = _(
            "the same id as ${place}, but another ${column}: ${value}",
            mapping={
                "place": first.place,
                "column": column,
                "value": _quoted(value),
            },
        )
        return Problem.about(later.place, column, text, fatal=True)
    channels = set(map(channel_of, first.values.get("premieres", ())))
    more: tuple[PremiereFact, ...] = later.values.get("premieres", ())
    if more and channels.isdisjoint(map(channel_of, more)):
        return None
    text = _(
        "the same film as ${place}; if it is another one, give both an external_id",
        mapping={"place": first.place},
    )
    return Problem.about(later.place, "", text, fatal=True)


def _is_same_title(one: str, other: str) -> bool:
    """Whether the slugs are equal; titles without letters have no slug of their own."""
    slug = slug_of(one)
    return slug == slug_of(other) and (slug != NAMELESS or one == other)


def _differs(name: str, first: Candidate, later: Candidate) -> bool:
    """Whether both rows have a value of a field, and another one."""
    if name not in first.values or name not in later.values:
        return False
    return not same(name, first.values[name], later.values[name])


def _merged(first: Candidate, later: Candidate) -> Candidate:
    """Add the premieres of ``later`` to ``first``, and the values that it lacks."""
    premieres = (*first.values.get("premieres", ()), *later.values["premieres"])
    together = {**later.values, **first.values, "premieres": premieres}
    kept = [
        Problem.about(
            later.place,
            _COLUMNS.get(name, name),
            _(
                "${value} is not imported; ${place} has ${kept}",
                mapping={
                    "value": _quoted(later.values[name]),
                    "place": first.place,
                    "kept": _quoted(first.values[name]),
                },
            ),
        )
        for name in IMPORTED_FIELDS
        if name != "premieres" and _differs(name, first, later)
    ]
    refs = [each.ref for each in (first, later) if each.has_id and each.ref]
    has_id = first.has_id or later.has_id
    return replace(
        first,
        ref=next(iter(refs), "" if has_id else first.ref),
        has_id=has_id,
        values=MappingProxyType(together),
        years=first.years | later.years,
        problems=(*first.problems, *later.problems, *kept),
        merged=(*first.merged, later.place),
    )


def _quoted(value: Any) -> str:
    text = shown(value)
    return repr(text if len(text) <= 60 else text[:60] + "…")


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
        return premiere_date(cell, self._options.today, nfc(self._options.date_format))

    def _poster(self, cell: str) -> str:
        if not self._options.is_allowed_url(cell):
            raise InvalidValue(_("not a URL that an image may be fetched from"))
        return cell


def _split(cell: str) -> list[str]:
    if cell.count("|") >= MAX_MEMBERS:
        raise InvalidValue(TOO_MANY_MEMBERS, most=MAX_MEMBERS)
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

_COLUMNS: Final = {field: column for column, (field, _parse) in _CELLS.items()}
_COLUMNS["poster"] = "poster_url"
