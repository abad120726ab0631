"""Warnings about a movie's values, which do not prevent saving them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from pyramid.i18n import TranslationString
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.collation import sort_key
from moziweb.movies.models import Movie

from .values import MovieValues, PremiereLine

FAR: Final = timedelta(days=730)
"""A premiere that is further away may have a mistyped year."""

MAX_NAMESAKES: Final = 5
"""Movies of the same title that are named."""


class WarningKind(StrEnum):
    """What a warning is about."""

    TITLE = "title"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class SaveWarning:
    """A text, and the movie that it is about (None: the one of the form)."""

    kind: WarningKind
    text: TranslationString
    movie_id: int | None = None


def warnings_of(
    session: Session,
    movie_id: int | None,
    values: MovieValues,
    before: MovieValues,
    today: date,
    kinds: Collection[str] = frozenset(WarningKind),
) -> tuple[SaveWarning, ...]:
    """Returns the warnings about changes from ``before`` to ``values``, of some kinds.

    ``movie_id`` is None for a new movie. At most one query.
    """
    found: list[SaveWarning] = []
    if WarningKind.TITLE in kinds and values.title and values.title != before.title:
        found += _namesakes(session, movie_id, values.title)
    if WarningKind.YEAR in kinds:
        found += _far_dates(values.premieres, before.premieres, today)
    return tuple(found)


def _namesakes(session: Session, movie_id: int | None, title: str) -> Iterable[SaveWarning]:
    query = select(Movie.id, Movie.title).where(
        Movie.sort_key == sort_key(title), Movie.id != (movie_id or 0)
    )
    for other in session.execute(query.order_by(Movie.id).limit(MAX_NAMESAKES)):
        text = _(
            "There is another film with this title: “${title}”", mapping={"title": other.title}
        )
        yield SaveWarning(WarningKind.TITLE, text, other.id)


def _far_dates(
    lines: Iterable[PremiereLine], before: Iterable[PremiereLine], today: date
) -> Iterable[SaveWarning]:
    known = {(each.date, each.precision) for each in before}
    for line in lines:
        if (line.date, line.precision) not in known and abs(line.date - today) > FAR:
            day = line.precision.iso_text(line.date)
            text = _("The premiere of ${day} is far away. Is the year right?", mapping={"day": day})
            yield SaveWarning(WarningKind.YEAR, text)
