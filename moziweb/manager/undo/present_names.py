"""What the distributors and streaming services of an entry are called now.

An entry has their names. Since then they may have been renamed, or merged into others.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.models import Distributor, StreamingService
from moziweb.movies.movie_rows import named_or_slugged
from moziweb.movies.slugs import MAX_NAME_SLUG_LENGTH, slug_of

from ..movies.changes import DISTRIBUTOR_IDS
from ..names.editing import locked_name
from ..names.kinds import NamedKind


def distributor_after(session: Session, change: Mapping[str, Any]) -> str:
    """Returns the present name of the distributor that a change has set.

    One that was merged since has its former name: merging changes the movie.
    """
    number = change.get(DISTRIBUTOR_IDS, {}).get("after")
    row = session.get(Distributor, number) if number else None
    return row.name if row else str(change["after"])


def distributor_before(session: Session, change: Mapping[str, Any]) -> str:
    """Returns the present name of the distributor that a change has replaced; locks the row.

    If it was deleted, or in an entry of a release without ids, the name is the recorded one.
    """
    number = change.get(DISTRIBUTOR_IDS, {}).get("before")
    if number is None:
        return str(change["before"])
    row = locked_name(session, NamedKind.DISTRIBUTOR, number)
    kept = row or successor(session, Distributor, id_key(number))
    return str(kept.name if kept else change["before"])


def service_of_name(session: Session, name: str) -> int | str:
    """Returns the id of the service that a save finds by a name, or the name if there is none."""
    slug = slug_of(name, MAX_NAME_SLUG_LENGTH)
    found = named_or_slugged(session, StreamingService, name, slug) if name else None
    return found.id if found else name
