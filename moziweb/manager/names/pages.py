"""The pages of people, genres, distributors and services before a change of them."""

from pyramid.registry import Registry
from sqlalchemy.orm import Session

from moziweb.services import services_of

from ..movies.affected_pages import paths_of_facet
from .kinds import NAME_MODELS, NamedKind


def paths_before(
    registry: Registry, session: Session, subject: str, *row_ids: int | None
) -> list[str]:
    """Returns the paths of the pages that rows have before a change, for ``former``.

    Empty without a cache, and for a ``subject`` that is not a kind of names.
    """
    if services_of(registry).page_cache is None or subject not in {*NamedKind}:
        return []
    model = NAME_MODELS[NamedKind(subject)]
    rows = [session.get(model, each) for each in row_ids if each is not None]
    return [path for row in rows if row for path in paths_of_facet(registry, session, row)]
