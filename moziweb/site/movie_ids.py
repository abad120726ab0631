"""Lists of movies in URLs: ``?m=12.45.99``, the ids of a watchlist in ascending order."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from pyramid.httpexceptions import HTTPNotFound

from moziweb.cache.http.view_deriver import mark_personal
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.tags import PUBLISHED_LIST, dated_tag, movie_tag
from moziweb.request import Request

from .context import PageContext
from .query_parameters import redirect_unless_canonical, refuse_value

MOVIES: Final = "m"
"""The name of the parameter."""

MAX_MOVIES: Final = 300
"""Movies in a list, so that its page and its calendar fit into a cache entry."""


def listed_ids(
    request: Request, url: str, others: Mapping[str, str] | None = None
) -> tuple[int, ...]:
    """The ids of the parameter, () without it.

    Raises ``HTTPNotFound`` for what is no id and for too many ids, and a redirect to ``url`` with
    the ids in order and with the parameters ``others``. A movie that does not exist, or is not
    published, may have an id here. Reads of a page with the parameter are not recorded.
    """
    given = request.GET.getall(MOVIES)
    text = next(filter(None, given), "")
    if given:
        mark_personal(request)
    ids = sorted({_id(part) for part in text.split(".")}) if text else []
    if len(ids) > MAX_MOVIES:
        number = {"number": MAX_MOVIES}
        raise HTTPNotFound(_("A list has at most ${number} films.", mapping=number))
    canonical = {MOVIES: ids_text(ids)} if ids else {}
    parameters = {**canonical, **(others or {})}
    redirect_unless_canonical(request, [MOVIES], parameters, url)
    return tuple(ids)


def depend_on_listed(context: PageContext, ids: Iterable[int], published: Container[int]) -> None:
    """Depend on the movies of a list and on their dates, and on the publication of the others."""
    for movie_id in ids:
        if movie_id in published:
            context.depend(movie_tag(movie_id), dated_tag(movie_id))
        else:
            context.depend(PUBLISHED_LIST)


def ids_text(ids: Sequence[int]) -> str:
    """The value of the parameter for ids in ascending order."""
    return ".".join(map(str, ids))


def _id(text: str) -> int:
    found = parse_id(text)
    if found is None:
        raise refuse_value(MOVIES, text)
    return found
