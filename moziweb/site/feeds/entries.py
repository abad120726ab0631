"""Builds the entries of calendars and feeds from premieres and news."""

from collections.abc import Iterator, Sequence

from pyramid.i18n import TranslationString

from moziweb.i18n import DEFAULT_LOCALE, _
from moziweb.movies.feed_queries import News, NewsKind
from moziweb.movies.models import Premiere, PremiereChange
from moziweb.movies.queries import Listing
from moziweb.movies.tags import movie_tag, premiere_tag, service_tag

from ..context import PageContext
from ..presenters.movie_list import localized_titles
from . import atom, ical


def calendar_entry(
    context: PageContext, listing: Listing, premiere: Premiere, changes: Sequence[PremiereChange]
) -> ical.CalendarEntry:
    """The event of a premiere; ``changes`` are its former dates, the oldest first."""
    _depend(context, listing, premiere)
    return ical.CalendarEntry(
        uid=f"premiere-{premiere.id}@{context.urls.id_authority}",
        day=premiere.date,
        summary=_summary(context, listing, premiere),
        description="\n".join(_lines(context, listing, premiere, changes)),
        url=context.urls.base_url + context.urls.movie(listing.movie),
        sequence=premiere.revision,
        announced=premiere.announced_at,
        revised=premiere.revised_at or premiere.announced_at,
        cancelled=premiere.cancelled_at is not None,
    )


def news_entry(context: PageContext, news: News) -> atom.AtomEntry:
    """The feed entry of a piece of news."""
    premiere, listing = news.premiere, news.listing
    _depend(context, listing, premiere)
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


def _depend(context: PageContext, listing: Listing, premiere: Premiere) -> None:
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
