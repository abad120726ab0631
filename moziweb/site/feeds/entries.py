"""Builds the entries of calendars and feeds from premieres and news."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pyramid.i18n import TranslationString

from moziweb.i18n import DEFAULT_LOCALE, _
from moziweb.movies.feed_queries import News, NewsKind, changes_of
from moziweb.movies.models import Genre, Premiere, PremiereChange
from moziweb.movies.queries import Listing, both_synopses_of, genres_of
from moziweb.movies.tags import (
    genre_tag,
    movie_synopsis_tag,
    movie_tag,
    premiere_tag,
    service_tag,
)
from moziweb.posters.recipes import THUMB
from moziweb.posters.urls import variant_paths
from moziweb.request import Request

from ..context import PageContext
from ..formatting import truncate
from ..presenters.movie_list import localized_titles
from . import atom, ical

SYNOPSIS_LENGTH: Final = 300
"""Characters of a synopsis in an event, so that a calendar fits into a cache entry."""


@dataclass(frozen=True, slots=True)
class EventBuilder:
    """Builds the events of a calendar.

    ``changes`` are former dates by premiere id, the oldest first; genres, synopses (Hungarian,
    English) and the paths of pictures are by movie id. ``alarm`` is described in ``CalendarEntry``.
    """

    context: PageContext
    changes: Mapping[int, Sequence[PremiereChange]]
    genres: Mapping[int, Sequence[Genre]]
    synopses: Mapping[int, tuple[str, str]]
    pictures: Mapping[int, str]
    alarm: timedelta | None

    @classmethod
    def fetch(
        cls,
        request: Request,
        context: PageContext,
        shown: Sequence[tuple[Premiere, Listing]],
        alarm: timedelta | None,
    ) -> "EventBuilder":
        """The builder for these premieres. Four queries, none without premieres."""
        slugs = {listing.movie.id: listing.movie.slug for _premiere, listing in shown}
        if not slugs:
            return cls(context, {}, {}, {}, {}, alarm)
        session = request.dbsession
        return cls(
            context,
            changes_of(session, [premiere.id for premiere, _listing in shown]),
            genres_of(session, slugs),
            both_synopses_of(session, slugs),
            variant_paths(session, slugs, THUMB, "jpg"),
            alarm,
        )

    def event(self, listing: Listing, premiere: Premiere) -> ical.CalendarEntry:
        """The event of a premiere."""
        context, movie = self.context, listing.movie
        genres = self.genres.get(movie.id, ())
        depend_on_premiere(context, listing, premiere)
        context.depend(movie_synopsis_tag(movie.id), *(genre_tag(genre.id) for genre in genres))
        url = context.urls.base_url + context.urls.movie(movie)
        lines = _lines(context, listing, premiere, self.changes.get(premiere.id, ()))
        picture = self.pictures.get(movie.id)
        is_cancelled = premiere.cancelled_at is not None
        return ical.CalendarEntry(
            uid=f"premiere-{premiere.id}@{context.urls.id_authority}",
            day=premiere.date,
            summary=_summary(context, listing, premiere),
            # Some programs show no URL but that of the description.
            description="\n".join((*lines, *self._synopsis(movie.id), url)),
            url=url,
            sequence=premiere.revision,
            announced=premiere.announced_at,
            revised=premiere.revised_at or premiere.announced_at,
            cancelled=is_cancelled,
            categories=tuple(context.formatter.choose(each.name, each.name_en) for each in genres),
            picture_url=context.urls.absolute(picture) if picture else "",
            alarm=None if is_cancelled else self.alarm,
        )

    def _synopsis(self, movie_id: int) -> Iterator[str]:
        hungarian, english = self.synopses.get(movie_id, ("", ""))
        text = self.context.formatter.choose(hungarian or english, english or hungarian)
        if text:
            yield truncate(text, SYNOPSIS_LENGTH)


def news_entry(context: PageContext, news: News) -> atom.AtomEntry:
    """The feed entry of a piece of news."""
    premiere, listing = news.premiere, news.listing
    depend_on_premiere(context, listing, premiere)
    changes = (news.change,) if news.change else ()
    name = "/".join(("premiere", str(premiere.id), news.kind, *(str(each.id) for each in changes)))
    return atom.AtomEntry(
        id=permanent_id(context, name),
        title=context.formatter.translate(_headline(context, news)),
        url=context.urls.base_url + context.urls.movie(listing.movie),
        updated=news.occurred_at,
        summary=" · ".join(_lines(context, listing, premiere, changes)),
    )


def permanent_id(context: PageContext, name: str) -> str:
    """The tag URI (RFC 4151) of an entry or feed, for Atom: it differs between languages.

    The default language has no prefix, as in the ids of the first version.
    """
    locale = context.formatter.locale
    prefix = "" if locale == DEFAULT_LOCALE else f"{locale}/"
    return f"tag:{context.urls.id_authority},2026:{prefix}{name}"


def depend_on_premiere(context: PageContext, listing: Listing, premiere: Premiere) -> None:
    """Depend on a premiere, its movie and its service."""
    services = () if premiere.service_id is None else (service_tag(premiere.service_id),)
    context.depend(movie_tag(listing.movie.id), premiere_tag(premiere.id), *services)


def _headline(context: PageContext, news: News) -> TranslationString:
    title, _subtitle = localized_titles(context, news.listing.movie)
    date = context.formatter.date_text(news.date, news.precision)
    mapping = {"title": title, "date": date}
    match news.kind:
        case NewsKind.ANNOUNCED:
            return _("${title}: ${date}", mapping=mapping)
        case NewsKind.MOVED:
            return _("${title}: new date, ${date}", mapping=mapping)
        case NewsKind.CANCELLED:
            return _("${title}: cancelled", mapping=mapping)


def _summary(context: PageContext, listing: Listing, premiere: Premiere) -> str:
    title, _subtitle = localized_titles(context, listing.movie)
    text = f"{title} ({listing.service})" if listing.service else title
    if premiere.cancelled_at is None:
        return text
    # Many calendar programs do not mark cancelled events.
    return context.formatter.translate(_("Cancelled: ${title}", mapping={"title": text}))


def _lines(
    context: PageContext, listing: Listing, premiere: Premiere, changes: Sequence[PremiereChange]
) -> Iterator[str]:
    """The lines of the description."""
    formatter = context.formatter
    kind = formatter.kind_text(premiere.kind)
    yield f"{kind}: {listing.service}" if listing.service else kind
    subtitle = localized_titles(context, listing.movie)[1]
    if subtitle:
        yield subtitle
    details = (*premiere.formats, formatter.audio_text(premiere.audio))
    if any(details):
        yield ", ".join(filter(None, details))
    for change in changes:
        was = formatter.date_text(change.old_date, change.old_precision)
        yield formatter.translate(_("(was: ${date})", mapping={"date": was}))
