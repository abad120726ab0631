"""Where a movie's values come from, while a change is taken back.

A save gives the fields that it writes the origin ``hand``, which imports do not overwrite. Taking
back restores the former origins, so that an import writes the same fields as before the change.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import Movie
from moziweb.movies.movie_rows import set_provenance

from ..audit.log import LIST_REFERENCE
from ..movies.changes import ORIGINS


def reset_origins(movie: Movie, fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Gives the changed fields of an entry their former source and time."""
    origins = fields.get(ORIGINS, {}).get("before", {})
    for row in [each for each in movie.provenance if each.field in origins]:
        if origins[row.field] is None:
            movie.provenance.remove(row)
    for name, origin in origins.items():
        if origin is not None:
            source, fetched_at = origin
            set_provenance(movie, [name], source, datetime.fromisoformat(fetched_at))


def reset_reference(
    session: Session, movie_id: int, fields: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Deletes the reference that an import has added, or adds it again; returns the change.

    Returns {} if the reference is gone, or leads to another movie.

    So the next import of the list does not find a movie that was the wrong one.
    """
    if LIST_REFERENCE not in fields:
        return {}
    before, after = fields[LIST_REFERENCE]["before"], fields[LIST_REFERENCE]["after"]
    list_name, ref = after or before
    found = session.get(MovieReference, (list_name, ref))
    if after and found is not None and found.movie_id == movie_id:
        session.delete(found)
    elif before and found is None:
        session.add(MovieReference(list_name=list_name, ref=ref, movie_id=movie_id))
    else:
        return {}
    session.flush()
    return {LIST_REFERENCE: {"before": after, "after": before}}
