"""Responses of calendars and feeds of news: from premieres and news to documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyramid.response import Response

from moziweb.movies.feed_queries import News
from moziweb.movies.models import Premiere
from moziweb.movies.queries import Listing
from moziweb.request import Request

from ..context import PageContext
from . import atom, ical
from .entries import EventBuilder, news_entry, permanent_id


@dataclass(frozen=True, slots=True)
class FeedTexts:
    """The texts and URLs of a feed; ``name`` is the part of its permanent id."""

    name: str
    title: str
    subtitle: str
    self_url: str
    page_url: str


def calendar_response(
    request: Request,
    context: PageContext,
    title: str,
    url: str,
    shown: Sequence[tuple[Premiere, Listing]],
    alarm: timedelta | None,
) -> Response:
    """The calendar of these premieres. Four queries, none without premieres."""
    builder = EventBuilder.fetch(request, context, shown, alarm)
    events = [builder.event(listing, premiere) for premiere, listing in shown]
    body = ical.calendar_document(title, url, context.formatter.locale, events)
    return Response(body, content_type="text/calendar", charset="utf-8")


def news_response(
    context: PageContext, texts: FeedTexts, found: Sequence[News], start: datetime
) -> Response:
    """The feed of these news; without any, it was updated at ``start``."""
    feed = atom.Feed(
        id=permanent_id(context, texts.name),
        title=texts.title,
        subtitle=texts.subtitle,
        language=context.formatter.locale,
        self_url=texts.self_url,
        page_url=texts.page_url,
        updated=max(_times(found), default=start),
    )
    body = atom.atom(feed, [news_entry(context, each) for each in found])
    return Response(body, content_type="application/atom+xml", charset="utf-8")


def _times(found: Iterable[News]) -> Iterator[datetime]:
    """The times of news and of later changes: the feed's time grows also if news are withdrawn."""
    for news in found:
        yield news.occurred_at
        if news.premiere.revised_at:
            yield news.premiere.revised_at
