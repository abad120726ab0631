"""The page of a genre."""

import re
from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.movies.models import Genre
from moziweb.movies.queries import genre_by_slug, genre_premieres_before, genre_premieres_from
from moziweb.movies.tags import GENRES_LIST, genre_list_tag, genre_slug_tag, genre_tag
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.page_head import page_head

SHOWN_PER_SECTION: Final = 60
"""Premieres before, and premieres from, the start of the current week."""

_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")


@movie_list_view(route_name="genre", renderer="genre.jinja2", cache_moment=until_midnight)
def genre(request: Request) -> dict[str, Any]:
    """The next and the latest premieres of a genre. Five queries."""
    context = PageContext.of(request)
    genre = _genre_at(request, context)
    context.depend(genre_tag(genre.id), genre_slug_tag(genre.id), genre_list_tag(genre.id))
    start = week_of(context.today).start
    coming = genre_premieres_from(request.dbsession, genre, start, SHOWN_PER_SECTION)
    past = genre_premieres_before(request.dbsession, genre, start, SHOWN_PER_SECTION)
    fragments, translate = PageFragments(request, context), context.formatter.translate
    parts = (("coming", _("This week and later"), coming), ("past", _("Earlier"), past))
    sections = [fragments.section(key, translate(text), part) for key, text, part in parts if part]
    name = context.formatter.choose(genre.name, genre.name_en)
    description = translate(_("Film premieres in Hungary: ${genre}.", mapping={"genre": name}))
    return {
        "page": page_head(context, name, description, "genre", genre=genre.slug),
        "heading": name,
        "sections": with_eager_row(sections),
    }


def _genre_at(request: Request, context: PageContext) -> Genre:
    slug = request.matchdict["genre"]
    found = genre_by_slug(request.dbsession, slug) if _SLUG.fullmatch(slug) else None
    if found is None:
        context.depend(GENRES_LIST)
        raise HTTPNotFound
    return found
