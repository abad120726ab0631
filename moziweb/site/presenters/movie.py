"""A movie with all its relations as its page shows it."""

from typing import Final

from moziweb.i18n import _
from moziweb.movies.calendar import in_bounds, week_of
from moziweb.movies.lead_premiere import lead_premiere_of
from moziweb.movies.models import DatePrecision, Movie, Premiere
from moziweb.movies.tags import (
    distributor_tag,
    genre_slug_tag,
    genre_tag,
    moved_page_tag,
    moved_tag,
    movie_ids_tag,
    movie_page_tag,
    movie_tag,
    person_tag,
    premiere_tag,
    service_tag,
)
from moziweb.posters.urls import PosterLinks

from ..context import PageContext
from ..formatting import iso_runtime
from ..view_models import Link, MoviePage, PremiereLine, TrailerLink
from .image import picture_of
from .jsonld import movie_json_ld
from .movie_facts import cast_of, directors_of, imdb_url, synopsis_of, trailer_url
from .movie_list import genre_links, titles
from .period_nav import week_text
from .premiere import premiere_line

_SOURCES: Final = {
    "demo": _(
        "Sample data: the film's facts are from Wikidata (CC0); its dates, synopsis, age rating, "
        "distributor and trailers are made up."
    ),
    "tmdb": _("This product uses the TMDB API but is not endorsed or certified by TMDB."),
    "csv": _("Some of these facts are from the distributor's list."),
}
"""What is said of the places that facts are from; those entered by hand need no word."""


def movie_page(visit: PageContext, movie: Movie, links: PosterLinks | None) -> MoviePage:
    """What ``movie.jinja2`` is given of a movie that ``whole_movie`` loaded."""
    wording = visit.wording
    title, subtitle = titles(visit, movie)
    synopsis, synopsis_lang = synopsis_of(movie, wording.locale)
    picture = picture_of(visit, title, links, blurred=True)
    opening = lead_premiere_of(movie.premieres, visit.today)
    depend_on_movie(visit, movie)
    return MoviePage(
        movie_id=movie.id,
        title=title,
        original_title=movie.original_title,
        subtitle=subtitle,
        synopsis=synopsis,
        synopsis_lang=synopsis_lang,
        synopsis_paragraph=" ".join(synopsis.split()),
        distributor=movie.distributor.name if movie.distributor else "",
        directors=tuple(each.person.name for each in directors_of(movie)),
        cast=tuple((each.person.name, each.character) for each in cast_of(movie)),
        genres=genre_links(visit, (link.genre for link in movie.genre_links)),
        runtime_text=wording.runtime_text(movie.runtime),
        runtime_iso=iso_runtime(movie.runtime),
        rating=movie.rating,
        rating_text=wording.rating_text(movie.rating),
        countries=tuple(wording.country_name(code) for code in movie.countries),
        languages=tuple(wording.language_name(code) for code in movie.languages),
        premieres=tuple(_premiere_line(visit, premiere) for premiere in movie.premieres),
        opening=_premiere_line(visit, opening) if opening else None,
        trailers=_trailer_links(movie),
        imdb_url=imdb_url(movie),
        tmdb_url=f"https://www.themoviedb.org/movie/{movie.tmdb_id}" if movie.tmdb_id else "",
        picture=picture,
        json_ld=movie_json_ld(visit, movie, picture),
        week_link=_week_link(visit, movie, opening),
        sources=_source_lines(visit, movie),
    )


def depend_on_movie(visit: PageContext, movie: Movie) -> None:
    """Record what ``whole_movie`` loaded, but for the poster."""
    visit.depend(movie_tag(movie.id), movie_ids_tag(movie.id), movie_page_tag(movie.id))
    visit.depend(*(genre_tag(link.genre_id) for link in movie.genre_links))
    visit.depend(*(person_tag(credit.person_id) for credit in movie.credits))
    visit.depend(*(genre_slug_tag(link.genre_id) for link in movie.genre_links))
    for premiere in movie.premieres:
        visit.depend(premiere_tag(premiere.id), moved_tag(premiere.id), moved_page_tag(premiere.id))
    services = {premiere.service_id for premiere in movie.premieres}
    visit.depend(*(service_tag(service_id) for service_id in services if service_id is not None))
    if movie.distributor_id is not None:
        visit.depend(distributor_tag(movie.distributor_id))


def _premiere_line(visit: PageContext, premiere: Premiere) -> PremiereLine:
    service = premiere.service.name if premiere.service else ""
    return premiere_line(visit.wording, premiere, service, premiere.changes)


def _trailer_links(movie: Movie) -> tuple[TrailerLink, ...]:
    return tuple(
        TrailerLink(each.video_id, trailer_url(each), each.name, each.language, each.site)
        for each in movie.trailers
    )


def _week_link(visit: PageContext, movie: Movie, opening: Premiere | None) -> Link | None:
    """The way back to the calendar: the week of the opening, else of what else has a day."""
    for premiere in (*((opening,) if opening else ()), *movie.premieres):
        week = week_of(premiere.date)
        if premiere.precision is DatePrecision.DAY and in_bounds(week):
            return Link(visit.paths.week(week), week_text(visit.wording, week), week.name)
    return None


def _source_lines(visit: PageContext, movie: Movie) -> tuple[str, ...]:
    sources = {each.source for each in movie.provenance}
    return tuple(visit.wording.say(text) for name, text in _SOURCES.items() if name in sources)
