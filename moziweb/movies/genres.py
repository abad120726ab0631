"""Hungarian names of genres by English name. Slugs are made from the Hungarian names."""

from collections.abc import Mapping
from typing import Final

GENRES: Final[Mapping[str, str]] = {
    "Action": "Akció",
    "Adventure": "Kaland",
    "Animation": "Animáció",
    "Biography": "Életrajzi",
    "Comedy": "Vígjáték",
    "Crime": "Krimi",
    "Documentary": "Dokumentumfilm",
    "Drama": "Dráma",
    "Family": "Családi",
    "Fantasy": "Fantasy",
    "History": "Történelmi",
    "Horror": "Horror",
    "Music": "Zenés",
    "Musical": "Musical",
    "Mystery": "Misztikus",
    "Romance": "Romantikus",
    "Sci-Fi": "Sci-fi",
    "Sport": "Sport",
    "Thriller": "Thriller",
    "War": "Háborús",
    "Western": "Western",
}
