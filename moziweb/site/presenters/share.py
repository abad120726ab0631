"""What the pictures of links to movies and weeks show, and their URLs."""

from collections.abc import Mapping, Sequence
from typing import Final

from moziweb.i18n import _
from moziweb.movies.calendar import Week
from moziweb.movies.lead_premiere import lead_premiere_of
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.queries import STREAMED, Listing
from moziweb.movies.tags import movie_tag
from moziweb.posters.imaging.values import MAX_POSTERS, NIGHT, SHARE_BOX, ShareText
from moziweb.posters.recipes import POSTER, THUMB
from moziweb.posters.sharing import DrawnPictures, ShareContent, movie_subject, week_subject
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..urls import segment_of
from ..view_models import SharePreview
from .movie_list import localized_titles
from .period_nav import week_label

DIGITS_IN_URL: Final = 12
"""Digits of the digest in the URL of a picture that is not drawn yet."""

_NO_BREAK_SPACE: Final = "\u00a0"


def movie_share(context: PageContext, movie: Movie, links: PosterLinks | None) -> ShareContent:
    """The picture of a movie: its poster, title, and lead premiere."""
    formatter = context.formatter
    title, other = localized_titles(context, movie)
    lead = lead_premiere_of(movie.premieres, context.today)
    links = links.with_recorder(context.depend) if links else None
    key = links.stored_key(POSTER, "jpg") if links else None
    return ShareContent(
        subject=movie_subject(movie.id),
        locale=formatter.locale,
        text=ShareText(
            titles=(title, other) if other else (title,),
            note=_no_breaks(formatter.date_text(lead.date, lead.precision)) if lead else "",
            kicker=_kicker(context, lead) if lead else "",
            colour=(links.colour if links else None) or NIGHT,
        ),
        posters=(key,) if key else (),
        alt=formatter.translate(_("${title}: poster and premiere", mapping={"title": title})),
    )


def _kicker(context: PageContext, lead: Premiere) -> str:
    formatter = context.formatter
    if lead.cancelled_at is not None:
        return formatter.translate(_("Cancelled"))
    kind = formatter.kind_text(lead.kind)
    return f"{kind}: {lead.service.name}" if lead.service else kind


def _no_breaks(text: str) -> str:
    return _NO_BREAK_SPACE.join(text.split())


def first_of_week(listings: Sequence[Listing]) -> list[Listing]:
    """The listings whose posters a week's picture shows: as on its page, cinemas come first."""
    streamed = [each for each in listings if each.premiere and each.premiere.kind in STREAMED]
    ordered = [*(each for each in listings if each not in streamed), *streamed]
    movies = {each.movie.id: each for each in reversed(ordered)}
    return [each for each in ordered if movies[each.movie.id] is each][:MAX_POSTERS]


def week_share(
    context: PageContext,
    week: Week,
    listings: Sequence[Listing],
    posters: Mapping[int, PosterLinks],
) -> ShareContent:
    """The picture of a week: the posters and titles of the listings of ``first_of_week``."""
    formatter = context.formatter
    context.depend(*(movie_tag(each.movie.id) for each in listings))
    found = (posters.get(each.movie.id) for each in listings)
    links = [each.with_recorder(context.depend) for each in found if each]
    keys = (each.stored_key(THUMB, "jpg") for each in links)
    span = _no_breaks(week_label(formatter, week))
    return ShareContent(
        subject=week_subject(week.name),
        locale=formatter.locale,
        text=ShareText(
            titles=(formatter.translate(_("Premieres: ${span}", mapping={"span": span})),),
            note=", ".join(localized_titles(context, each.movie)[0] for each in listings),
            colour=next((each.colour for each in links if each.colour), None) or NIGHT,
        ),
        posters=tuple(key for key in keys if key),
        alt=formatter.translate(_("Posters of the premieres, ${span}", mapping={"span": span})),
    )


def movie_preview(
    context: PageContext, drawn: DrawnPictures, movie: Movie, content: ShareContent
) -> SharePreview:
    """The picture of a movie as its page links it."""
    path = context.urls.path(
        "share_movie",
        movie=segment_of(movie.id, movie.slug),
        digest=content.digest[:DIGITS_IN_URL],
    )
    return _preview(context, drawn, content, path)


def week_preview(
    context: PageContext, drawn: DrawnPictures, week: Week, content: ShareContent
) -> SharePreview:
    """The picture of a week as its page links it."""
    digits = content.digest[:DIGITS_IN_URL]
    path = context.urls.path("share_week", week=week.name, digest=digits)
    return _preview(context, drawn, content, path)


def _preview(
    context: PageContext, drawn: DrawnPictures, content: ShareContent, path: str
) -> SharePreview:
    url = drawn.url(content, context.depend) or path
    return SharePreview(context.urls.absolute(url), content.alt, *SHARE_BOX)
