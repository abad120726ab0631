"""From listings of the calendar to the cards that pages show."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from moziweb.movies.models import Genre, Movie
from moziweb.movies.queries import Listing, genres_of
from moziweb.movies.tags import genre_tag, moved_tag, movie_tag, premiere_tag, service_tag
from moziweb.posters.urls import PosterLinks, poster_links
from moziweb.request import Request

from ..context import PageContext
from ..formatting import Formatter
from ..view_models import Card, GenreLink, PremiereLine
from .image import picture_of
from .premiere import NO_PREMIERE, premiere_line


def titles(visit: PageContext, movie: Movie) -> tuple[str, str]:
    """Title and subtitle: Hungarian pages lead with the Hungarian one, English with the original.

    The subtitle is "" when both are the same.
    """
    title = visit.wording.choose(movie.title, movie.original_title)
    other = visit.wording.choose(movie.original_title, movie.title)
    return title, "" if other == title else other


def genre_links(visit: PageContext, genres: Iterable[Genre]) -> tuple[GenreLink, ...]:
    """Genres as links to their pages."""
    return tuple(
        GenreLink(visit.wording.choose(genre.name, genre.name_en), visit.paths.genre(genre))
        for genre in genres
    )


@dataclass(frozen=True, slots=True)
class CardBuilder:
    """What the cards of a page need besides their listings; ids are of movies."""

    visit: PageContext
    genres: Mapping[int, tuple[Genre, ...]]
    posters: Mapping[int, PosterLinks]

    @classmethod
    def fetch(
        cls, request: Request, visit: PageContext, listings: Iterable[Listing]
    ) -> "CardBuilder":
        """The shelf for all listings of a page: two queries, or none when there are no listings."""
        slugs = {listing.movie.id: listing.movie.slug for listing in listings}
        if not slugs:
            return cls(visit, {}, {})
        genres = genres_of(request.dbsession, slugs)
        return cls(
            visit, genres, poster_links(request.dbsession, request.registry["storage"], slugs)
        )

    def seen_by(self, depend: Callable[..., None]) -> "CardBuilder":
        """The same shelf; ``depend`` is told the tags of what its cards show."""
        return replace(self, visit=replace(self.visit, depend=depend))

    def depend(self, listing: Listing) -> None:
        """Record what any list of these shows, but for posters."""
        tags = [genre_tag(genre.id) for genre in self.genres.get(listing.movie.id, ())]
        if listing.premiere is not None:
            tags.append(premiere_tag(listing.premiere.id))
            if listing.premiere.service_id is not None:
                tags.append(service_tag(listing.premiere.service_id))
        self.visit.depend(movie_tag(listing.movie.id), *tags)

    def card(self, listing: Listing) -> Card:
        """The card of one listing."""
        movie, wording = listing.movie, self.visit.wording
        self.depend(listing)
        if listing.premiere is not None:
            self.visit.depend(moved_tag(listing.premiere.id))
        title, subtitle = titles(self.visit, movie)
        premiere = premiere_of(wording, listing)
        return Card(
            movie_id=movie.id,
            href=self.visit.paths.movie(movie),
            title=title,
            subtitle=subtitle,
            subtitle_lang="hu" if wording.locale == "en" else "",
            date_text=premiere.date_text,
            date_iso=premiere.date_iso,
            weekday_text=premiere.weekday_text,
            off_thursday=premiere.off_thursday,
            kind=premiere.kind,
            kind_text=premiere.kind_text,
            service=premiere.service,
            rating=movie.rating,
            rating_text=wording.rating_text(movie.rating),
            runtime_text=wording.runtime_text(movie.runtime),
            genres=genre_links(self.visit, self.genres.get(movie.id, ())),
            formats=premiere.formats,
            audio_text=premiere.audio_text,
            rerelease=premiere.rerelease,
            cancelled=premiere.cancelled,
            moved_from_text=premiere.history[-1].old_date_text if premiere.history else "",
            picture=picture_of(self.visit, title, self.posters.get(movie.id)),
        )


def premiere_of(wording: Formatter, listing: Listing) -> PremiereLine:
    """The premiere that a movie is listed for, in words."""
    if listing.premiere is None:
        return NO_PREMIERE
    changes = (listing.moved,) if listing.moved else ()
    return premiere_line(wording, listing.premiere, listing.service, changes)
