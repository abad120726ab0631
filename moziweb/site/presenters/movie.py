"""Builds the view model of a movie's page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from moziweb.i18n import _
from moziweb.movies import tags
from moziweb.movies.calendar import Period, in_bounds, month_of, week_of, year_of
from moziweb.movies.filters import Dimension, filtered_audios
from moziweb.movies.lead_premiere import lead_premiere_of
from moziweb.movies.models import (
    DatePrecision,
    Distributor,
    Movie,
    Person,
    Premiere,
    StreamingService,
)
from moziweb.movies.queries import SCREENED
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..formatting import truncate
from ..urls import segment_of
from ..view_models import (
    Link,
    MoviePage,
    PageHead,
    PremiereView,
    TrailerLink,
    WhereLink,
)
from .image import poster_image
from .jsonld import movie_json_ld
from .movie_facts import cast_of, directors_of, imdb_url, player_url, synopsis_of, trailer_url
from .movie_list import genre_links, localized_titles
from .page_head import page_head
from .period_nav import week_label
from .premiere import premiere_view

DESCRIPTION_LENGTH: Final = 160
"""Characters of a description that search engines show."""

_SOURCES: Final = {
    "demo": _(
        "Sample data: the film's facts are from Wikidata (CC0); its dates, synopsis, age rating, "
        "distributor and trailers are made up."
    ),
    "tmdb": _("This product uses the TMDB API but is not endorsed or certified by TMDB."),
    "csv": _("Some of these facts are from the distributor's list."),
}
"""Credits of data sources by the source's name; data entered by hand needs none."""


def movie_page(context: PageContext, movie: Movie, links: PosterLinks | None) -> MoviePage:
    """The values of ``movie.jinja2`` for a movie that ``published_movie`` loaded."""
    formatter = context.formatter
    title, subtitle = localized_titles(context, movie)
    synopsis, synopsis_lang = synopsis_of(movie, formatter.locale)
    poster = poster_image(context, title, links, blurred=True)
    lead = lead_premiere_of(movie.premieres, context.today)
    dated = dated_premiere(movie, context.today)
    depend_on_movie(context, movie)
    return MoviePage(
        movie_id=movie.id,
        title=title,
        original_title=movie.original_title,
        subtitle=subtitle,
        synopsis=synopsis,
        synopsis_lang=synopsis_lang,
        synopsis_text=_paragraphs(synopsis),
        distributor=_distributor_link(context, movie),
        where=tuple(_where_to_see(context, movie)),
        directors=tuple(_person_link(context, each.person) for each in directors_of(movie)),
        cast=tuple((_person_link(context, each.person), each.character) for each in cast_of(movie)),
        genres=genre_links(context, (link.genre for link in movie.genre_links)),
        runtime_text=formatter.runtime_text(movie.runtime),
        rating=movie.rating,
        rating_text=formatter.rating_text(movie.rating),
        rating_href=_filtered_path(context, dated, Dimension.RATING, movie.rating),
        countries=tuple(formatter.country_name(code) for code in movie.countries),
        languages=tuple(formatter.language_name(code) for code in movie.languages),
        premieres=tuple(_premiere_view(context, premiere) for premiere in movie.premieres),
        lead_premiere=_premiere_view(context, lead) if lead else None,
        trailers=_trailer_links(movie),
        imdb_url=imdb_url(movie),
        tmdb_url=f"https://www.themoviedb.org/movie/{movie.tmdb_id}" if movie.tmdb_id else "",
        poster=poster,
        json_ld=movie_json_ld(context, movie, poster),
        week_link=_week_link(context, dated) if dated else None,
        calendar_href=context.urls.path("movie_calendar", movie=segment_of(movie.id, movie.slug)),
        news_href=context.urls.path("movie_news", movie=segment_of(movie.id, movie.slug)),
        sources=_source_credits(context, movie),
    )


def movie_head(context: PageContext, found: Movie, shown: MoviePage) -> PageHead:
    """The page title has the year of the first premiere, because titles are not unique."""
    year = next((str(premiere.date.year) for premiere in found.premieres), "")
    title = f"{shown.title} ({year})" if year else shown.title
    description = truncate(shown.synopsis, DESCRIPTION_LENGTH) or context.formatter.translate(
        _("Premieres, cast and trailer of ${title}.", mapping={"title": shown.title})
    )
    segment = segment_of(found.id, found.slug)
    return page_head(context, title, description, "movie", movie=segment)


def _paragraphs(text: str) -> str:
    """``text`` with single spaces, and one empty line between paragraphs."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n\n".join(line for line in lines if line)


def depend_on_movie(context: PageContext, movie: Movie) -> None:
    """Depend on all rows that ``published_movie`` loads. Posters record their own tags."""
    depend = context.depend
    depend(tags.movie_tag(movie.id), tags.movie_ids_tag(movie.id), tags.movie_page_tag(movie.id))
    depend(tags.movie_synopsis_tag(movie.id), tags.movie_distributor_tag(movie.id))
    depend(*(tags.genre_tag(link.genre_id) for link in movie.genre_links))
    depend(*(tags.person_tag(credit.person_id) for credit in movie.credits))
    depend(*(tags.genre_slug_tag(link.genre_id) for link in movie.genre_links))
    for each in movie.premieres:
        depend(tags.premiere_tag(each.id), tags.moved_tag(each.id), tags.moved_page_tag(each.id))
    services = {premiere.service_id for premiere in movie.premieres}
    depend(*(tags.service_tag(service_id) for service_id in services if service_id is not None))
    if movie.distributor_id is not None:
        depend(tags.distributor_tag(movie.distributor_id))


def _premiere_view(context: PageContext, premiere: Premiere) -> PremiereView:
    service = premiere.service
    name = service.name if service else ""
    view = premiere_view(context.formatter, premiere, name, premiere.changes, context.today)
    view = replace(view, versions=tuple(_version_links(context, premiere)))
    if service is None:
        return view
    context.depend(tags.service_slug_tag(service.id))
    return replace(view, service_href=context.urls.service(service))


def _version_links(context: PageContext, premiere: Premiere) -> Iterator[Link]:
    """The formats and language versions of a premiere."""
    for each in premiere.formats:
        yield Link(_filtered_path(context, premiere, Dimension.FORMAT, each), each)
    for audio in filtered_audios(premiere.audio):
        path = _filtered_path(context, premiere, Dimension.AUDIO, audio)
        yield Link(path, context.formatter.audio_text(audio))


def _filtered_path(
    context: PageContext, premiere: Premiere | None, dimension: Dimension, value: str | None
) -> str:
    """The page of the premieres of the same month or year that have the same value; or ""."""
    if premiere is None or value is None:
        return ""
    is_year = premiere.precision is DatePrecision.YEAR
    period: Period = year_of(premiere.date) if is_year else month_of(premiere.date)
    if not in_bounds(period):
        return ""
    route = "year" if is_year else "month"
    return context.urls.path(route, **{route: period.name}, _query={str(dimension): str(value)})


def _where_to_see(context: PageContext, movie: Movie) -> Iterator[WhereLink]:
    """The services of the premieres; the website of the distributor if there is another premiere.

    A service without a website has its page on the site. The facts link that of the distributor.
    """
    shown = [each for each in movie.premieres if each.cancelled_at is None]
    for service in {each.service.id: each.service for each in shown if each.service}.values():
        context.depend(tags.service_website_tag(service.id))
        context.depend(tags.service_slug_tag(service.id))
        is_outside = _is_website(service)
        href = service.website if is_outside else context.urls.service(service)
        yield WhereLink(href, service.name, is_outside)
    found = movie.distributor
    if found and any(each.kind in SCREENED for each in shown):
        context.depend(tags.distributor_website_tag(found.id))
        if _is_website(found):
            yield WhereLink(found.website, found.name, is_outside=True)


def _is_website(row: Distributor | StreamingService) -> bool:
    return row.website.startswith(("https://", "http://"))


def _distributor_link(context: PageContext, movie: Movie) -> Link | None:
    found = movie.distributor
    return Link(context.urls.distributor(found), found.name) if found else None


def _person_link(context: PageContext, person: Person) -> Link:
    return Link(context.urls.person(person), person.name)


def _trailer_links(movie: Movie) -> tuple[TrailerLink, ...]:
    return tuple(
        TrailerLink(
            each.video_id, trailer_url(each), player_url(each), each.name, each.language, each.site
        )
        for each in movie.trailers
    )


def dated_premiere(movie: Movie, today: date) -> Premiere | None:
    """The lead premiere, or the first other one, that has a day in a week of the calendar."""
    lead = lead_premiere_of(movie.premieres, today)
    premieres = [lead, *movie.premieres] if lead else movie.premieres
    for premiere in premieres:
        if premiere.precision is DatePrecision.DAY and in_bounds(week_of(premiere.date)):
            return premiere
    return None


def _week_link(context: PageContext, premiere: Premiere) -> Link:
    week = week_of(premiere.date)
    return Link(context.urls.week(week), week_label(context.formatter, week), week.name)


def _source_credits(context: PageContext, movie: Movie) -> tuple[str, ...]:
    sources, translate = {each.source for each in movie.provenance}, context.formatter.translate
    return tuple(translate(text) for name, text in _SOURCES.items() if name in sources)
