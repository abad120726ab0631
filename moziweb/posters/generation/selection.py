"""Which of a movie's sources is its poster: one at most, and the old one till the new is ready."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.movies.models import Movie

from ..models import PosterSource, PosterVariant, SourceState, VariantState


def choose(session: Session, source: PosterSource) -> None:
    """Make ``source`` its movie's poster: now, or as soon as its variants are ready.

    One that has variants can be shown whatever its state: while its host is asked for news, say, or
    once that host has it no longer. Where nothing is shown yet, the movie has a placeholder until
    then either way, so it is chosen now, too. The last wish counts: a source that waited to be
    chosen waits no longer. The source may be a new one.
    """
    session.add(source)
    session.flush()
    _one_at_a_time(session, source.movie_id)
    _others(session, source, choose_when_ready=False)
    is_made = source.state is SourceState.READY or _has_variants(session, source)
    if is_made or not _shows_another(session, source):
        _choose_now(session, source)
    else:
        source.choose_when_ready = True
        session.flush()


def choose_if_awaited(session: Session, source: PosterSource) -> None:
    """Choose a source that has waited for its variants, which are ready now."""
    if source.choose_when_ready:
        _one_at_a_time(session, source.movie_id)
        _choose_now(session, source)


def _has_variants(session: Session, source: PosterSource) -> bool:
    ready = select(PosterVariant.id).where(
        PosterVariant.source_id == source.id, PosterVariant.state == VariantState.READY
    )
    return session.scalars(ready.limit(1)).first() is not None


def _shows_another(session: Session, source: PosterSource) -> bool:
    """Whether the movie's pages have a picture of another source to show."""
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


def _one_at_a_time(session: Session, movie_id: int) -> None:
    """Two choices for one movie would each see the old poster chosen, and both add theirs."""
    session.execute(select(Movie.id).where(Movie.id == movie_id).with_for_update())


def _choose_now(session: Session, source: PosterSource) -> None:
    # The row of the chosen one bears the film's tag; without a word, every film would go stale.
    _others(session, source, chosen=False)
    source.chosen, source.choose_when_ready = True, False
    session.flush()


def _others(session: Session, source: PosterSource, **values: bool) -> None:
    others = update(PosterSource).where(
        PosterSource.movie_id == source.movie_id,
        PosterSource.id != source.id,
        PosterSource.chosen if "chosen" in values else PosterSource.choose_when_ready,
    )
    session.execute(
        others.values(**values),
        execution_options={"synchronize_session": "fetch", TAGS_OPTION: ()},
    )
