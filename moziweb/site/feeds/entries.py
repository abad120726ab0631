"""Premieres and news as the entries of calendars and feeds, in the language of the visit."""

from collections.abc import Iterator, Sequence

from pyramid.i18n import TranslationString

from moziweb.i18n import _
from moziweb.movies.feed_queries import News, NewsKind
from moziweb.movies.models import Premiere, PremiereChange
from moziweb.movies.queries import Listing
from moziweb.movies.tags import movie_tag, premiere_tag, service_tag

from ..context import PageContext
from ..presenters.movie_list import titles
from . import atom, authority, ical


def calendar_entry(
    visit: PageContext, listing: Listing, premiere: Premiere, changes: Sequence[PremiereChange]
) -> ical.CalendarEntry:
    """The event of a premiere; ``changes`` are its moves, the oldest first."""
    _depend(visit, listing, premiere)
    cancelled = premiere.cancelled_at
    told = [change.changed_at for change in changes] + ([cancelled] if cancelled else [])
    return ical.CalendarEntry(
        uid=f"premiere-{premiere.id}@{authority(visit.paths.base_url)}",
        day=premiere.date,
        summary=_summary(visit, listing, premiere),
        description="\n".join(_lines(visit, listing, premiere, changes)),
        url=visit.paths.base_url + visit.paths.movie(listing.movie),
        sequence=len(told),
        announced=premiere.announced_at,
        revised=max(told, default=premiere.announced_at),
        cancelled=cancelled is not None,
    )


def news_entry(visit: PageContext, news: News) -> atom.AtomEntry:
    """A piece of news as an entry."""
    premiere, listing = news.premiere, news.listing
    _depend(visit, listing, premiere)
    changes = (news.change,) if news.change else ()
    name = "/".join(("premiere", str(premiere.id), news.what, *(str(each.id) for each in changes)))
    return atom.AtomEntry(
        id=f"tag:{authority(visit.paths.base_url)},2026:{name}",
        title=visit.wording.say(_headline(visit, news)),
        url=visit.paths.base_url + visit.paths.movie(listing.movie),
        updated=news.when,
        summary=" · ".join(_lines(visit, listing, premiere, changes)),
    )


def _depend(visit: PageContext, listing: Listing, premiere: Premiere) -> None:
    services = () if premiere.service_id is None else (service_tag(premiere.service_id),)
    visit.depend(movie_tag(listing.movie.id), premiere_tag(premiere.id), *services)


def _headline(visit: PageContext, news: News) -> TranslationString:
    title, _subtitle = titles(visit, news.listing.movie)
    date = visit.wording.date_text(news.premiere.date, news.premiere.precision)
    mapping = {"title": title, "date": date}
    match news.what:
        case NewsKind.ANNOUNCED:
            return _("${title}: ${date}", mapping=mapping)
        case NewsKind.MOVED:
            return _("${title}: new date, ${date}", mapping=mapping)
        case NewsKind.CANCELLED:
            return _("${title}: cancelled", mapping=mapping)


def _summary(visit: PageContext, listing: Listing, premiere: Premiere) -> str:
    title, _subtitle = titles(visit, listing.movie)
    text = f"{title} ({listing.service})" if listing.service else title
    if premiere.cancelled_at is None:
        return text
    # Many programs show cancelled events like any other.
    return visit.wording.say(_("Cancelled: ${title}", mapping={"title": text}))


def _lines(
    visit: PageContext, listing: Listing, premiere: Premiere, changes: Sequence[PremiereChange]
) -> Iterator[str]:
    """What else there is to say, a line each."""
    wording = visit.wording
    kind = wording.kind_text(premiere.kind)
    yield f"{kind}: {listing.service}" if listing.service else kind
    subtitle = titles(visit, listing.movie)[1]
    if subtitle:
        yield subtitle
    details = (*premiere.formats, wording.audio_text(premiere.audio))
    if any(details):
        yield ", ".join(filter(None, details))
    for change in changes:
        was = wording.date_text(change.old_date, change.old_precision)
        yield wording.say(_("(was: ${date})", mapping={"date": was}))
