"""Movies in the format of TMDB, made from the demo's real ones."""

from collections.abc import Iterable
from typing import Any, Final

from moziweb.demo.catalogue import CatalogueMovie
from moziweb.demo.vocabulary import country_codes, language_codes

GENRE_IDS: Final = {
    "Action": (28, "Akció"), "Adventure": (12, "Kaland"), "Animation": (16, "Animációs"),
    "Comedy": (35, "Vígjáték"), "Crime": (80, "Bűnügyi"), "Documentary": (99, "Dokumentum"),
    "Drama": (18, "Dráma"), "Family": (10751, "Családi"), "Fantasy": (14, "Fantasy"),
    "History": (36, "Történelmi"), "Horror": (27, "Horror"), "Music": (10402, "Zenei"),
    "Mystery": (9648, "Rejtély"), "Romance": (10749, "Romantikus"), "Sci-Fi": (878, "Sci-Fi"),
    "Thriller": (53, "Thriller"), "War": (10752, "Háborús"), "Western": (37, "Western"),
}  # fmt: skip


def release(day: str, kind: int = 3, certification: str = "", note: str = "") -> dict[str, Any]:
    """An entry of ``release_dates``."""
    return {
        "certification": certification,
        "descriptors": [],
        "iso_639_1": "",
        "note": note,
        "release_date": f"{day}T00:00:00.000Z",
        "type": kind,
    }


def movie_of(
    movie: CatalogueMovie,
    tmdb_id: int,
    hungary: Iterable[dict[str, Any]] = (),
    title: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The details of a movie with everything appended; ``title`` is the Hungarian title.

    The synopsis is synthetic and says so.
    """
    languages = language_codes(movie.languages)
    genres = [GENRE_IDS[name] for name in movie.genres if name in GENRE_IDS]
    poster = f"/poster{tmdb_id}Abc.jpg"
    details = {
        "adult": False,
        "backdrop_path": None,
        "belongs_to_collection": None,
        "budget": 0,
        "genres": [{"id": id_, "name": name} for id_, name in genres],
        "homepage": "",
        "id": tmdb_id,
        "imdb_id": movie.imdb_id,
        "origin_country": list(country_codes(movie.countries)),
        "original_language": languages[0] if languages else "xx",
        "original_title": movie.title,
        "overview": f"Szintetikus leírás: {movie.title}.",
        "popularity": 12.5,
        "poster_path": poster,
        "production_companies": [],
        "production_countries": [
            {"iso_3166_1": code, "name": code} for code in country_codes(movie.countries)
        ],
        "release_date": movie.released.isoformat(),
        "revenue": 0,
        "runtime": movie.runtime,
        "spoken_languages": [
            {"english_name": code, "iso_639_1": code, "name": code} for code in languages
        ],
        "status": "Released",
        "tagline": "",
        "title": title or movie.title,
        "video": False,
        "vote_average": 6.7,
        "vote_count": 1200,
        "release_dates": {
            "results": [
                {"iso_3166_1": "US", "release_dates": [release(movie.released.isoformat())]},
                {"iso_3166_1": "HU", "release_dates": list(hungary)},
            ]
        },
        "credits": _credits(movie, tmdb_id),
        "videos": {"results": [_video(tmdb_id)]},
        "images": {"backdrops": [], "logos": [], "posters": [_picture(poster)]},
        "translations": {
            "translations": [
                {
                    "iso_3166_1": "US", "iso_639_1": "en", "name": "English",
                    "english_name": "English",
                    "data": {"overview": f"A synthetic synopsis of {movie.title}.", "title": ""},
                }
            ]
        },
    }  # fmt: skip
    return details | changes


def _credits(movie: CatalogueMovie, tmdb_id: int) -> dict[str, Any]:
    def person(number: int, name: str, department: str) -> dict[str, Any]:
        return {
            "adult": False,
            "gender": 0,
            "id": tmdb_id * 100 + number,
            "known_for_department": department,
            "name": name,
            "original_name": name,
            "popularity": 1.0,
            "profile_path": None,
            "credit_id": f"{tmdb_id:x}{number:x}",
        }

    cast = [
        person(number, name, "Acting") | {"cast_id": number, "character": "", "order": number}
        for number, name in enumerate(movie.cast)
    ]
    crew = [
        person(50 + number, name, "Directing") | {"department": "Directing", "job": "Director"}
        for number, name in enumerate(movie.directors)
    ]
    return {"cast": cast, "crew": crew}


def _video(tmdb_id: int) -> dict[str, Any]:
    return {
        "iso_639_1": "hu",
        "iso_3166_1": "HU",
        "name": "Magyar feliratos előzetes",
        "key": f"tmdb{tmdb_id:07}",
        "site": "YouTube",
        "size": 1080,
        "type": "Trailer",
        "official": True,
        "published_at": "2026-05-01T12:00:00.000Z",
        "id": f"v{tmdb_id}",
    }


def _picture(path: str) -> dict[str, Any]:
    return {
        "aspect_ratio": 0.667,
        "height": 3000,
        "iso_639_1": None,
        "file_path": path,
        "vote_average": 5.3,
        "vote_count": 3,
        "width": 2000,
    }
