"""Rows of a week's grid: read from a form, or loaded from the database."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.movies.calendar import Week
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.movie_rows import relations
from moziweb.movies.queries import DAYS
from moziweb.posters.models import PosterSource, SourceState

from ..movies.form import Mistake
from ..movies.values import values_of
from ..web.forms import one_line
from .columns import GRID_COLUMNS, CellReader

MAX_GRID_ROWS: Final = 200
"""Rows of a grid; more premieres of a week are edited in their movies' forms."""

BLANK_GRID_ROWS: Final = 12
"""Empty rows below the premieres of the week."""


@dataclass(slots=True)
class GridRow:
    """A row. Without ``movie_id`` it is empty or a new movie.

    ``base`` are the texts that the form was loaded with: a cell that still has this text is not
    changed. A corrected date ``is_typo``: it is not shown as moved.
    """

    number: int
    cells: dict[str, str] = field(default_factory=dict)
    movie_id: int | None = None
    premiere_id: int | None = None
    base: Mapping[str, str] = field(default_factory=dict)
    is_typo: bool = False
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def base_text(self) -> str:
        """``base`` for the form, "" for a new row."""
        return json.dumps(dict(self.base), ensure_ascii=False) if self.movie_id else ""

    @property
    def changed(self) -> tuple[str, ...]:
        """The columns whose cells were changed."""
        return tuple(name for name in GRID_COLUMNS if self[name] != self.base.get(name, ""))

    @property
    def is_new(self) -> bool:
        """Whether the row makes a movie."""
        return self.movie_id is None and bool(self.changed)

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def refuse(self, column: str, text: str) -> None:
        """Adds an error to a cell."""
        self.errors.setdefault(column, []).append(text)


@dataclass(frozen=True, slots=True)
class GridMovie:
    """What a row shows of its movie beside the cells."""

    id: int
    title: str
    original_title: str
    published: bool
    poster: SourceState | None


def read_rows(fields: Any) -> list[GridRow]:
    """Returns the rows of a form. Raises ``ValueError`` if there are too many."""
    rows: list[GridRow] = []
    while f"rows-{len(rows)}-title" in fields:
        rows.append(_row(fields, len(rows)))
        if len(rows) > MAX_GRID_ROWS:
            raise ValueError("too many rows")
    return rows


def add_blank_grid_rows(rows: list[GridRow]) -> None:
    """Appends empty rows."""
    last = min(len(rows) + BLANK_GRID_ROWS, MAX_GRID_ROWS)
    rows.extend(GridRow(number) for number in range(len(rows), last))


def week_rows(session: Session, week: Week, reader: CellReader) -> list[GridRow]:
    """Returns the premieres of a week, published or not, by date and title. Seven queries."""
    found = session.execute(
        select(Premiere.id, Premiere.movie_id)
        .join(Movie, Movie.id == Premiere.movie_id)
        .where(Premiere.date.between(week.start, week.end), Premiere.precision.in_(DAYS))
        .order_by(Premiere.date, Movie.sort_key, Premiere.id)
        .limit(MAX_GRID_ROWS)
    ).all()
    movies = load_grid_movies(session, [row.movie_id for row in found])
    rows = []
    for number, row in enumerate(found):
        values = values_of(movies[row.movie_id])
        line = next(each for each in values.premieres if each.id == row.id)
        texts = reader.texts(values, line)
        rows.append(GridRow(number, dict(texts), row.movie_id, row.id, texts))
    return rows


def load_grid_movies(session: Session, movie_ids: Iterable[int]) -> dict[int, Movie]:
    """Returns the movies that exist, with all that a save can change. Six queries at most."""
    query = select(Movie).where(Movie.id.in_(set(movie_ids))).options(*relations())
    found = session.scalars(query.execution_options(populate_existing=True))
    return {movie.id: movie for movie in found}


def grid_movies(session: Session, rows: Sequence[GridRow]) -> dict[int, GridMovie]:
    """Returns the movies of rows by id, in their order. One query."""
    wanted = [row.movie_id for row in rows if row.movie_id]
    shown = or_(PosterSource.chosen, PosterSource.choose_when_ready)
    found = session.execute(
        select(Movie.id, Movie.title, Movie.original_title, Movie.published, PosterSource.state)
        .outerjoin(PosterSource, (PosterSource.movie_id == Movie.id) & shown)
        .where(Movie.id.in_(wanted))
        .order_by(PosterSource.choose_when_ready)
    )
    movies = {row.id: GridMovie(*row) for row in found}
    return {each: movies[each] for each in dict.fromkeys(wanted) if each in movies}


def mistakes_of_rows(rows: Iterable[GridRow]) -> tuple[Mistake, ...]:
    """Returns the cells that have errors, in their order."""
    return tuple(_mistakes(rows))


def _mistakes(rows: Iterable[GridRow]) -> Iterator[Mistake]:
    for row in rows:
        for name, label in GRID_COLUMNS.items():
            if name in row.errors:
                id_ = f"rows-{row.number}-{name}"
                yield Mistake(id_, label, tuple(row.errors[name]), row.number + 1)


def _row(fields: Any, number: int) -> GridRow:
    texts = {name: fields.get(f"rows-{number}-{name}", "") for name in GRID_COLUMNS}
    movie_id = parse_id(fields.get(f"rows-{number}-movie", ""))
    return GridRow(
        number,
        {name: one_line(text) for name, text in texts.items()},
        movie_id,
        parse_id(fields.get(f"rows-{number}-premiere", "")) if movie_id else None,
        _base(fields.get(f"rows-{number}-base", "")) if movie_id else {},
        bool(fields.get(f"rows-{number}-typo")),
    )


def _base(text: str) -> Mapping[str, str]:
    """The texts of ``GridRow.base_text``; none for another text, so that all cells count."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}
