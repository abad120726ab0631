"""Builds cards of movies from listings of the calendar."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from moziweb.movies.models import Genre, Movie, Person
from moziweb.movies.queries import Listing, genres_and_directors_of
from moziweb.movies.tags import (
    genre_slug_tag,
    genre_tag,
    moved_tag,
    movie_directors_tag,
    movie_tag,
    person_name_tag,
    premiere_tag,
    service_tag,
)
from moziweb.posters.sharing import DrawnPictures, links_and_pictures
from moziweb.posters.urls import PosterLinks
from moziweb.request import Request

from ..context import PageContext
from ..view_models import Card, GenreLink, Link, PremiereView
from .image import poster_image
from .premiere import premiere_view

_MAX_DIRECTORS: Final = 2
"""The directors on a card: its list has no room for those of an anthology."""


def localized_titles(context: PageContext, movie: Movie) -> tuple[str, str]:
    """Title and subtitle: on Hungarian pages the Hungarian and the original title.

    On English pages the original title comes first. The subtitle is "" if both are equal.
    """
    title = context.formatter.choose(movie.title, movie.original_title)
    other = context.formatter.choose(movie.original_title, movie.title)
    return title, "" if other == title else other


def genre_links(context: PageContext, genres: Iterable[Genre]) -> tuple[GenreLink, ...]:
    """Links to the pages of genres."""
    return tuple(
        GenreLink(context.formatter.choose(genre.name, genre.name_en), context.urls.genre(genre))
        for genre in genres
    )


@dataclass(frozen=True, slots=True)
class CardBuilder:
    """Builds the cards of a page. All mappings are keyed by the id of the movie.

    ``drawn`` are the pictures of links to the page.
    """

    context: PageContext
    genres: Mapping[int, tuple[Genre, ...]]
    directors: Mapping[int, tuple[Person, ...]]
    posters: Mapping[int, PosterLinks]
    drawn: DrawnPictures

    @classmethod
    def fetch(
        cls,
        request: Request,
        context: PageContext,
        listings: Iterable[Listing],
        subjects: Collection[str] = (),
    ) -> "CardBuilder":
        """The builder for all listings of a page, and the pictures of ``subjects``.

        Two queries, or none without listings.
        """
        slugs = {listing.movie.id: listing.movie.slug for listing in listings}
        locale = context.formatter.locale
        if not slugs:
            return cls(context, {}, {}, {}, DrawnPictures(locale, {}))
        session, storage = request.dbsession, request.services.storage
        links, drawn = links_and_pictures(session, storage, slugs, subjects, locale)
        genres, directors = genres_and_directors_of(session, slugs)
        return cls(context, genres, directors, links, drawn)

    def with_depend(self, depend: Callable[..., None]) -> "CardBuilder":
        """The same builder with another ``depend``, which records the tags of its cards."""
        return replace(self, context=replace(self.context, depend=depend))

    def depend(self, listing: Listing) -> None:
        """Depend on what every list shows of ``listing``. Posters record their own tags."""
        tags = [genre_tag(genre.id) for genre in self.genres.get(listing.movie.id, ())]
        if listing.premiere is not None:
            tags.append(premiere_tag(listing.premiere.id))
            if listing.premiere.service_id is not None:
                tags.append(service_tag(listing.premiere.service_id))
        self.context.depend(movie_tag(listing.movie.id), *tags)

    def card(self, listing: Listing) -> Card:
        """The card of one listing."""
        movie, formatter = listing.movie, self.context.formatter
        self.depend(listing)
        genres = self.genres.get(movie.id, ())
        self.context.depend(*(genre_slug_tag(genre.id) for genre in genres))
        if listing.premiere is not None:
            self.context.depend(moved_tag(listing.premiere.id))
        title, subtitle = localized_titles(self.context, movie)
        return Card(
            movie_id=movie.id,
            href=self.context.urls.movie(movie),
            title=title,
            subtitle=subtitle,
            subtitle_lang="hu" if formatter.locale == "en" else "",
            premiere=listed_premiere(self.context, listing),
            rating=movie.rating,
            rating_text=formatter.rating_text(movie.rating),
            runtime_text=formatter.runtime_text(movie.runtime),
            genres=genre_links(self.context, genres),
            directors=self._directors(movie),
            poster=poster_image(self.context, title, self.posters.get(movie.id)),
        )

    def _directors(self, movie: Movie) -> tuple[Link, ...]:
        people = self.directors.get(movie.id, ())[:_MAX_DIRECTORS]
        self.context.depend(movie_directors_tag(movie.id))
        self.context.depend(*(person_name_tag(person.id) for person in people))
        return tuple(Link(self.context.urls.person(person), person.name) for person in people)


def listed_premiere(context: PageContext, listing: Listing) -> PremiereView:
    """The view model of the premiere that a movie is listed for."""
    if listing.premiere is None:
        return PremiereView()
    changes = (listing.moved,) if listing.moved else ()
    premiere, service = listing.premiere, listing.service
    return premiere_view(context.formatter, premiere, service, changes, context.today)
