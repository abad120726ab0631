"""The movies of a genre."""

import re
from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.models import Genre
from moziweb.movies.queries import genre_by_slug, genre_premieres_before, genre_premieres_from
from moziweb.movies.tags import GENRES_LIST, genre_list_tag, genre_slug_tag, genre_tag
from moziweb.request import Request

from ..context import Visit
from ..page_cache.fragments import Programme, film_pieces
from ..page_cache.slots import with_eager_row
from ..page_cache.validity import this_day
from ..presenters.page_head import page_of

SHOWN_PER_SECTION: Final = 60
"""How many premieres a genre's page shows before, and how many after, the present week."""

_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")


@view_config(
    route_name="genre",
    renderer="genre.jinja2",
    request_method="GET",
    cache="pages",
    cache_moment=this_day,
    cache_fragments=film_pieces,
)
def genre(request: Request) -> dict[str, Any]:
    """What is to come in a genre, and what came last. Five queries."""
    visit = Visit.of(request)
    genre = _genre_at(request, visit)
    visit.depend(genre_tag(genre.id), genre_slug_tag(genre.id), genre_list_tag(genre.id))
    start = week_of(visit.today).start
    coming = genre_premieres_from(request.dbsession, genre, start, SHOWN_PER_SECTION)
    past = genre_premieres_before(request.dbsession, genre, start, SHOWN_PER_SECTION)
    programme = Programme(request, visit)
    parts = (("coming", _("This week and later"), coming), ("past", _("Earlier"), past))
    sections = [
        programme.section(key, visit.wording.say(title), part) for key, title, part in parts if part
    ]
    name = visit.wording.choose(genre.name, genre.name_en)
    description = _("Film premieres in Hungary: ${genre}.", mapping={"genre": name})
    return {
        "page": page_of(visit, name, visit.wording.say(description), "genre", genre=genre.slug),
        "heading": name,
        "sections": with_eager_row(sections),
    }


def _genre_at(request: Request, visit: Visit) -> Genre:
    slug = request.matchdict["genre"]
    found = genre_by_slug(request.dbsession, slug) if _SLUG.fullmatch(slug) else None
    if found is None:
        visit.depend(GENRES_LIST)
        raise HTTPNotFound
    return found
