"""Chooses a movie's poster among its sources: one at most, the old one until the new is ready."""

from collections.abc import Callable
from typing import TypeAlias

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.movies.models import Movie

from ..models import PosterSource, PosterVariant, SourceState, VariantState

OnChosen: TypeAlias = Callable[[Session, PosterSource], None]
"""Called in the transaction in which a source becomes its movie's poster."""


def choose_source(session: Session, source: PosterSource) -> None:
    """Make ``source`` its movie's poster: now, or as soon as its variants are ready.

    A source with variants can be shown in any state, for example while its host is revalidated or
    after the host has deleted the image. If the movie shows no image yet, the source is chosen now:
    a placeholder is shown until its variants are ready. The last call wins: it clears
    ``choose_when_ready`` of the movie's other sources. The source may be new.
    """
    session.add(source)
    session.flush()
    _lock_movie(session, source.movie_id)
    _update_others(session, source, choose_when_ready=False)
    is_ready = source.state is SourceState.READY or _has_variants(session, source)
    if is_ready or not _shows_another(session, source):
        _choose_now(session, source)
    else:
        source.choose_when_ready = True
        session.flush()


def choose_if_awaited(session: Session, source: PosterSource) -> bool:
    """Choose a source with ``choose_when_ready``, whose variants are ready now; whether it was."""
    is_awaited = source.choose_when_ready
    if is_awaited:
        _lock_movie(session, source.movie_id)
        _choose_now(session, source)
    return is_awaited


def _has_variants(session: Session, source: PosterSource) -> bool:
    ready = select(PosterVariant.id).where(
        PosterVariant.source_id == source.id, PosterVariant.state == VariantState.READY
    )
    return session.scalars(ready.limit(1)).first() is not None


def _shows_another(session: Session, source: PosterSource) -> bool:
    """Whether the movie's pages can show another source."""
    shown = (
        select(PosterVariant.id)
        .join(PosterSource)
        .where(
            PosterSource.movie_id == source.movie_id,
            PosterSource.id != source.id,
            PosterSource.chosen,
            PosterVariant.state == VariantState.READY,
        )
    )
    return session.scalars(shown.limit(1)).first() is not None


def _lock_movie(session: Session, movie_id: int) -> None:
    """Lock the movie's row: two concurrent choices would leave two chosen sources."""
    session.execute(select(Movie.id).where(Movie.id == movie_id).with_for_update())


def _choose_now(session: Session, source: PosterSource) -> None:
    # The chosen row invalidates the movie's tag, so this UPDATE declares none; without a
    # declaration all movies would be invalidated.
    _update_others(session, source, chosen=False)
    source.chosen, source.choose_when_ready = True, False
    session.flush()


def _update_others(session: Session, source: PosterSource, **values: bool) -> None:
    others = update(PosterSource).where(
        PosterSource.movie_id == source.movie_id,
        PosterSource.id != source.id,
        PosterSource.chosen if "chosen" in values else PosterSource.choose_when_ready,
    )
    options = {"synchronize_session": "fetch", TAGS_OPTION: ()}
    session.execute(others.values(**values), execution_options=options)
