"""The genres' names: English, as most data has them, and Hungarian, which addresses are made of."""

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
